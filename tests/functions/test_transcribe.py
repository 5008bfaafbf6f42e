"""Transcribe: what it listens to, what it stores, and how it goes on where the last attempt stopped."""

import json
import threading

import pytest

from functions.transcribe import handler as transcribe
from rem.core.chunks import Clip, Region
from rem.core.errors import BudgetError, SetupError
from rem.stage.settings import TranscribeSettings
from rem.stage.work import Budget
from rem.transcripts.transcript import Segment, Word
from tests.fakes import FakeStore, FakeTranscriber
from tests.functions.sounds import HZ
from tests.functions.stages import PLENTY, FakeClock, chunk_event


class SlowTranscriber(FakeTranscriber):
    def __init__(self, clock, seconds):
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def transcribe(self, clips, language):
        self.clock.now_s += self.seconds
        return super().transcribe(clips, language)


def listen(store, output, model, budget=PLENTY):
    settings = TranscribeSettings.from_env()
    event = chunk_event(output, "chunks")
    return transcribe.run(event, store=store, model=model, budget=budget, settings=settings)


def try_to_listen(store, output, model, budget):
    try:
        listen(store, output, model, budget)
    except BudgetError as error:
        return error
    return None


def test_only_speech_is_listened_to(demo):
    store, _, output = demo
    model = FakeTranscriber()
    listen(store, output, model)
    assert all(0 < heard_s <= 28 for heard_s in model.heard_s)
    assert sum(model.heard_s) < output["durationSeconds"]


def test_times_are_those_of_the_recording(demo):
    store, _, output = demo
    key = listen(store, output, FakeTranscriber())["key"]
    words = [word for segment in store.read_json(key)["segments"] for word in segment["words"]]
    assert words == sorted(words, key=lambda word: word["start"])
    assert 0 < words[0]["start"] < 1
    assert words[-1]["end"] <= output["durationSeconds"]


def test_a_second_time_does_not_listen(demo):
    store, _, output = demo
    first, model = listen(store, output, FakeTranscriber()), FakeTranscriber()
    assert listen(store, output, model) == first
    assert model.heard_s == []


def test_a_model_with_other_content_is_another_result(demo):
    store, _, output = demo
    first = listen(store, output, FakeTranscriber())
    assert listen(store, output, FakeTranscriber(identity="another content"))["key"] != first["key"]


def test_the_same_content_under_another_name_is_the_same_result(demo):
    store, _, output = demo
    first = listen(store, output, FakeTranscriber())
    assert listen(store, output, FakeTranscriber(name="renamed"))["key"] == first["key"]


def test_six_seconds_of_a_slow_model_are_enough_in_several_attempts(demo, monkeypatch):
    store, _, output = demo
    monkeypatch.setenv("REM_BATCH_CLIPS", "1")
    whole = listen(FakeStore(dict(store.objects)), output, FakeTranscriber())
    clock = FakeClock()
    model = SlowTranscriber(clock, seconds=2.5)
    attempts = 1
    while (error := try_to_listen(store, output, model, clock.budget(6.0))) is not None:
        assert f"{len(model.heard_s)} of 3 batches of clips are done and stored" in str(error)
        attempts += 1
    assert attempts == 2
    assert len(model.heard_s) == 3
    assert listen(store, output, FakeTranscriber()) == whole


def test_a_batch_that_no_attempt_can_finish_names_the_settings(demo):
    store, _, output = demo
    model, free = FakeTranscriber(), threading.Event()
    model.transcribe = lambda *args: free.wait()
    with pytest.raises(SetupError, match=r"longer than a whole attempt.*lower `batch_clips`"):
        listen(store, output, model, Budget(lambda: 0.02))
    free.set()


def test_words_around_a_silence_that_was_cut_out_keep_their_times():
    clip = Clip((Region(HZ, 3 * HZ), Region(60 * HZ, 62 * HZ)))
    words = (
        Word(0.5, 1.0, "before", 1.0),
        Word(1.5, 2.3, "astride", 1.0),
        Word(2.4, 3.0, "after", 1.0),
        Word(4.1, 4.3, "invented", 1.0),
    )
    first, second = transcribe.place_segments([Segment(words)], clip)
    assert [(w.text, w.start_s, w.end_s) for w in first.words] == [
        ("before", 1.5, 2.0),
        ("astride", 2.5, 3.0),
    ]
    assert [w.text for w in second.words] == ["after"]
    assert second.start_s == pytest.approx(60.4)


def test_progress_lines_are_json(demo, capsys):
    store, _, output = demo
    listen(store, output, FakeTranscriber())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["doneSeconds"] == lines[-1]["totalSeconds"]
