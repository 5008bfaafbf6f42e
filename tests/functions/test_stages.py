"""Every stage as a function: what it stores, what it says, and that a second time costs nothing."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from functions.assemble import handler as assemble
from functions.diarize import cluster
from functions.diarize import handler as windows
from functions.diarize.slices import Slice, join_slices
from functions.enrich import handler as enrich
from functions.enrich.offline import OfflineEnricher
from functions.prepare import handler as prepare
from functions.publish import handler as publish
from functions.transcribe import handler as transcribe
from rem.core.chunks import Clip, Region
from rem.core.errors import BudgetError, InputError, SetupError
from rem.core.jobs import Status
from rem.definition import load_stages
from rem.stage.settings import (
    AssembleSettings,
    ClusterSettings,
    EnrichSettings,
    PrepareSettings,
    Settings,
    TranscribeSettings,
    thread_count,
)
from rem.stage.work import Budget
from rem.transcripts.transcript import Segment, Turn, Word
from tests.fakes import FakeCatalog, FakeStore, FakeTranscriber
from tests.functions.sounds import HZ, tone, write_wav

ROOT = Path(__file__).parents[2]
EVENT = {
    "recordingId": "standup",
    "userId": "me",
    "deviceId": "dev",
    "startedAt": "2026-11-24T00:00:00+00:00",
    "bucket": "bucket",
    "key": "raw/me/dev/2026/11/24/standup.wav",
}
PLENTY = Budget(lambda: 600.0)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("REM_BUCKET", "bucket")
    monkeypatch.setenv("REM_TABLE", "table")
    for stage in load_stages().values():
        for name, value in stage.environment().items():
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def prepared_demo():
    """The demo recording after Prepare, shared because decoding it takes a moment."""
    store, catalog = FakeStore(), FakeCatalog()
    store.objects[EVENT["key"]] = (ROOT / "models/demo/standup.wav").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REM_BUCKET", "bucket")
        patch.setenv("REM_TABLE", "table")
        for name, value in load_stages()["prepare"].environment().items():
            patch.setenv(name, value)
        settings = PrepareSettings.from_env()
        output = prepare.run(EVENT, store=store, catalog=catalog, settings=settings)
    return store, catalog, output


@pytest.fixture
def demo(prepared_demo):
    store, catalog, output = prepared_demo
    return FakeStore(dict(store.objects)), catalog, output


def chunk_event(output, kind, number=0):
    return {"recording": EVENT, "preparedKey": output["key"], "chunk": output[kind][number]}


def silent_recording(tmp_path, seconds=3.0):
    store = FakeStore()
    store.objects[EVENT["key"]] = write_wav(
        tmp_path / "s.wav", np.zeros(int(seconds * HZ), np.int16)
    ).read_bytes()
    output = prepare.run(EVENT, store=store, catalog=FakeCatalog(), settings=PrepareSettings.from_env())
    return store, output


class FakeClock:
    now_s = 0.0

    def budget(self, seconds):
        end_s = self.now_s + seconds
        return Budget(lambda: end_s - self.now_s)


class TestPrepare:
    def test_finds_the_speech_of_the_demo(self, demo):
        _, catalog, output = demo
        assert output["hasSpeech"]
        assert output["durationSeconds"] == pytest.approx(68.2, abs=0.1)
        assert 40 < output["speechSeconds"] < 68
        assert catalog.records["standup"]["status"] == Status.TRANSCRIBING

    def test_silence_has_no_speech(self, tmp_path):
        _, output = silent_recording(tmp_path)
        assert not output["hasSpeech"]

    def test_a_second_time_writes_nothing(self, demo):
        store, catalog, output = demo
        again = prepare.run(EVENT, store=store, catalog=catalog, settings=PrepareSettings.from_env())
        assert again == output
        assert store.writes == []

    def test_the_time_of_recording_comes_from_the_upload(self, tmp_path):
        store, catalog = FakeStore(), FakeCatalog()
        store.objects[EVENT["key"]] = write_wav(tmp_path / "t.wav", tone(0.5)).read_bytes()
        store.metadata[EVENT["key"]] = {"started-at": "2026-11-24T09:30:00+01:00"}
        prepare.run(EVENT, store=store, catalog=catalog, settings=PrepareSettings.from_env())
        assert catalog.records["standup"]["startedAt"] == "2026-11-24T09:30:00+01:00"

    def test_bad_input_stores_nothing(self):
        store = FakeStore({EVENT["key"]: b"no sound"})
        with pytest.raises(InputError):
            prepare.run(EVENT, store=store, catalog=FakeCatalog(), settings=PrepareSettings.from_env())
        assert store.writes == []


class TestTranscribe:
    def run(self, store, output, model, budget=PLENTY):
        settings = TranscribeSettings.from_env()
        event = chunk_event(output, "chunks")
        return transcribe.run(event, store=store, model=model, budget=budget, settings=settings)

    def test_only_speech_is_listened_to(self, demo):
        store, _, output = demo
        model = FakeTranscriber()
        self.run(store, output, model)
        assert all(0 < heard_s <= 28 for heard_s in model.heard_s)
        assert sum(model.heard_s) < output["durationSeconds"]

    def test_times_are_those_of_the_recording(self, demo):
        store, _, output = demo
        key = self.run(store, output, FakeTranscriber())["key"]
        words = [word for segment in store.read_json(key)["segments"] for word in segment["words"]]
        assert words == sorted(words, key=lambda word: word["start"])
        assert 0 < words[0]["start"] < 1
        assert words[-1]["end"] <= output["durationSeconds"]

    def test_a_second_time_does_not_listen(self, demo):
        store, _, output = demo
        first, model = self.run(store, output, FakeTranscriber()), FakeTranscriber()
        assert self.run(store, output, model) == first
        assert model.heard_s == []

    def test_another_model_is_another_result(self, demo):
        store, _, output = demo
        first = self.run(store, output, FakeTranscriber())
        assert self.run(store, output, FakeTranscriber(name="other"))["key"] != first["key"]

    def test_six_seconds_of_a_slow_model_are_enough_in_several_attempts(self, demo, monkeypatch):
        store, _, output = demo
        monkeypatch.setenv("REM_BATCH_CLIPS", "1")
        whole = self.run(FakeStore(dict(store.objects)), output, FakeTranscriber())
        clock = FakeClock()
        model = SlowTranscriber(clock, seconds=2.5)
        attempts = 1
        while (error := self.try_to_run(store, output, model, clock.budget(6.0))) is not None:
            assert f"{len(model.heard_s)} of 3 batches of clips are done and stored" in str(error)
            attempts += 1
        assert attempts == 2
        assert len(model.heard_s) == 3
        assert self.run(store, output, FakeTranscriber()) == whole

    def try_to_run(self, store, output, model, budget):
        try:
            self.run(store, output, model, budget)
        except BudgetError as error:
            return error
        return None

    def test_a_batch_that_no_attempt_can_finish_names_the_settings(self, demo):
        store, _, output = demo
        model, free = FakeTranscriber(), threading.Event()
        model.transcribe = lambda *args: free.wait()
        with pytest.raises(SetupError, match=r"longer than a whole attempt.*lower `batch_clips`"):
            self.run(store, output, model, Budget(lambda: 0.02))
        free.set()

    def test_words_around_a_silence_that_was_cut_out_keep_their_times(self):
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


class SlowTranscriber(FakeTranscriber):
    def __init__(self, clock, seconds):
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def transcribe(self, clips, language):
        self.clock.now_s += self.seconds
        return super().transcribe(clips, language)


class FakeDiarizer:
    name, window_samples, hop_samples = "fake", 5 * HZ, HZ

    def __init__(self, clock=None, seconds=0.0):
        self.calls = []
        self.clock, self.seconds = clock or FakeClock(), seconds

    def measure_windows(self, samples, count, on_progress):
        self.calls.append((len(samples), count))
        self.clock.now_s += self.seconds
        on_progress(1.0)
        return np.ones((count, 10, 3), np.float32), np.full((count, 3, 4), 0.5, np.float32)

    def cluster(self, segmentations, embeddings, speakers, most_points):
        self.speakers, self.most_points = speakers, most_points

        class Clusters:
            turns = (Turn(5, 9, "b"), Turn(0, 4, "a"))
            embeddings = {"a": [0.1, 0.2], "b": [0.3, 0.4]}  # noqa: RUF012

        return Clusters()


class TestDiarize:
    def test_slice_reads_its_windows_and_nothing_else(self, demo):
        store, _, output = demo
        model = FakeDiarizer()
        event = chunk_event(output, "slices")
        event["chunk"] = {"index": 0, "startSample": 10 * HZ, "endSample": 20 * HZ}
        windows.run(event, store=store, model=model, budget=PLENTY)
        assert model.calls == [(14 * HZ, 10)]

    def test_a_second_time_does_not_measure(self, demo):
        store, _, output = demo
        first, model = (
            windows.run(chunk_event(output, "slices"), store=store, model=FakeDiarizer(), budget=PLENTY),
            FakeDiarizer(),
        )
        assert windows.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY) == first
        assert model.calls == []

    def test_a_short_budget_gives_the_same_slice_over_several_attempts(self, demo):
        store, _, output = demo
        whole = windows.run(
            chunk_event(output, "slices"),
            store=FakeStore(dict(store.objects)),
            model=FakeDiarizer(),
            budget=PLENTY,
        )
        clock = FakeClock()
        model = FakeDiarizer(clock, seconds=4.0)

        def attempt():
            event = chunk_event(output, "slices")
            return windows.run(event, store=store, model=model, budget=clock.budget(6.0))

        for finished in (1, 2):
            with pytest.raises(BudgetError, match=f"{finished} of 3 blocks of windows are done and stored"):
                attempt()
        result = attempt()
        assert [count for _, count in model.calls] == [32, 32, 1]
        assert result == whole
        measured = Slice.from_bytes(store.read_bytes(result["key"]))
        assert len(measured.segmentations) == 65
        assert len(measured.receipts) == 3

    def test_a_block_that_no_attempt_can_finish_names_the_settings(self, demo):
        store, _, output = demo
        model, free = FakeDiarizer(), threading.Event()
        model.measure_windows = lambda *args: free.wait()
        with pytest.raises(
            SetupError, match=r"longer than a whole attempt.*`timeout_s` or `memory_mb` of diarize"
        ):
            windows.run(chunk_event(output, "slices"), store=store, model=model, budget=Budget(lambda: 0.02))
        free.set()

    def test_hand_over_keeps_bits_and_half_precision(self):
        rng = np.random.default_rng(1)
        bits = (rng.random((4, 7, 3)) > 0.5).astype(np.float32)
        vectors = rng.standard_normal((4, 3, 8)).astype(np.float32)
        vectors[0, 0] = np.nan
        back = Slice.from_bytes(Slice(bits, vectors, ()).to_bytes())
        np.testing.assert_array_equal(back.segmentations, bits)
        np.testing.assert_allclose(back.embeddings, vectors, atol=2e-3)

    def test_slices_without_windows_add_nothing(self):
        empty = Slice(np.zeros((0, 1, 1), np.float32), np.zeros((0, 1, 1), np.float32), ())
        full = Slice(np.ones((2, 5, 3), np.float32), np.ones((2, 3, 4), np.float32), ())
        assert join_slices([full, empty])[0].shape == (2, 5, 3)

    def test_cluster_labels_voices_in_order_of_appearance(self, demo):
        store, _, output = demo
        model = FakeDiarizer()
        piece = windows.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY)
        event = {"recording": EVENT, "preparedKey": output["key"], "slices": [piece]}
        result = cluster.run(event, store=store, model=model, settings=ClusterSettings.from_env())
        document = store.read_json(result["key"])
        assert [turn["speaker"] for turn in document["turns"]] == ["SPEAKER_00", "SPEAKER_01"]
        assert document["voices"][0] == {
            "label": "SPEAKER_00",
            "speechSeconds": 4,
            "embedding": [0.1, 0.2],
        }
        assert model.speakers is None

    def test_too_many_windows_for_the_memory_are_refused_with_the_settings(self, monkeypatch):
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008")
        cluster.check_memory(15_000, 35_000)  # a whole day
        message = r"20,000 voices .* need about 3,790 MB and there are 3,008: raise `memory_mb` of cluster"
        with pytest.raises(SetupError, match=message):
            cluster.check_memory(20_000, 10_000)

    def test_more_voices_than_are_compared_are_told(self, demo, monkeypatch):
        class OneVoice(FakeDiarizer):
            def measure_windows(self, samples, count, on_progress):
                segmentations, embeddings = super().measure_windows(samples, count, on_progress)
                return segmentations * np.array([1, 0, 0], np.float32), embeddings

        store, _, output = demo
        monkeypatch.setenv("REM_CLUSTER_POINTS", "8")
        model = OneVoice()
        piece = windows.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY)
        event = {"recording": EVENT, "preparedKey": output["key"], "slices": [piece]}
        result = cluster.run(event, store=store, model=model, settings=ClusterSettings.from_env())
        assert model.most_points == 8
        assert result["points"] == len(Slice.from_bytes(store.objects[piece["key"]]).segmentations) > 8
        assert result["compared"] == 8

    def test_only_slots_that_speak_alone_for_long_are_compared(self):
        segmentations = np.zeros((3, 10, 2), np.float32)
        segmentations[0, :5, 0] = 1
        segmentations[1, :, :] = 1
        segmentations[2, :1, 1] = 1
        assert cluster.count_points(segmentations) == 1

    def test_known_number_of_speakers_is_asked_for(self, demo, monkeypatch):
        store, _, output = demo
        monkeypatch.setenv("REM_SPEAKERS", "2")
        model = FakeDiarizer()
        piece = windows.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY)
        event = {"recording": EVENT, "preparedKey": output["key"], "slices": [piece]}
        cluster.run(event, store=store, model=model, settings=ClusterSettings.from_env())
        assert model.speakers == 2


@pytest.fixture
def assembled(demo):
    store, catalog, output = demo
    chunk = transcribe.run(
        chunk_event(output, "chunks"),
        store=store,
        model=FakeTranscriber(),
        budget=PLENTY,
        settings=TranscribeSettings.from_env(),
    )
    model = FakeDiarizer()
    piece = windows.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY)
    event = {"recording": EVENT, "preparedKey": output["key"], "slices": [piece]}
    turns = cluster.run(event, store=store, model=model, settings=ClusterSettings.from_env())
    state = {**EVENT, "prepared": output, "listened": {"chunks": [chunk], "turns": turns}}
    state["assembled"] = assemble.run(
        state, store=store, catalog=catalog, settings=AssembleSettings.from_env()
    )
    return store, catalog, state


class TestAssembleAndPublish:
    def test_transcript_is_readable_before_enrichment(self, assembled):
        store, catalog, _ = assembled
        assert catalog.records["standup"]["status"] == Status.TRANSCRIBED
        document = store.read_json("transcripts/me/dev/standup.json")
        assert document["speakerCount"] == 2
        assert document["notes"] == {}

    def test_words_outside_every_turn_have_no_speaker(self, assembled):
        store, _, _ = assembled
        segments = store.read_json("transcripts/me/dev/standup.json")["segments"]
        assert {segment["speaker"] for segment in segments} == {"SPEAKER_00", "SPEAKER_01", None}

    def test_publish_writes_all_formats_and_completes(self, assembled):
        store, catalog, state = assembled
        model = OfflineEnricher(3)
        recipe = {"name": "notes", "required": False}
        assert recipe in state["assembled"]["recipes"]
        event = {"recording": EVENT, "assembledKey": state["assembled"]["key"], "recipe": recipe}
        event["planned"] = state["assembled"]["recipes"]
        note = enrich.run(event, store=store, model=model, settings=EnrichSettings.from_env())
        publish.run({**state, "notes": [note]}, store=store, catalog=catalog)
        written = {key.rsplit(".", 1)[1] for key in store.objects if key.startswith("transcripts/")}
        assert written == {"json", "srt", "vtt", "txt", "md"}
        document = store.read_json("transcripts/me/dev/standup.json")
        assert document["notes"]["notes"]["engine"] == "offline"
        names = [stage["name"] for stage in document["stages"]]
        assert names == ["prepare", "transcribe", "diarize", "cluster", "assemble", "enrich", "publish"]
        assert catalog.records["standup"]["status"] == Status.COMPLETE

    def test_failed_recipe_is_written_down_even_if_nobody_knows_why(self, assembled):
        store, catalog, state = assembled
        cause = json.dumps({"errorMessage": "no credit", "errorType": "SetupError"})
        failed = [
            {"recipe": "notes", "failure": {"Error": "SetupError", "Cause": cause}},
            {"recipe": "chapters", "failure": {"Error": "States.Timeout"}},
        ]
        publish.run({**state, "notes": failed}, store=store, catalog=catalog)
        assert store.read_json("transcripts/me/dev/standup.json")["notes"] == {
            "notes": {"error": "SetupError", "message": "no credit"},
            "chapters": {"error": "States.Timeout", "message": ""},
        }
        assert catalog.records["standup"]["status"] == Status.COMPLETE

    def test_names_that_a_person_gave_are_in_every_document(self, assembled):
        store, catalog, state = assembled
        catalog.records["standup"]["speakerNames"] = {"SPEAKER_00": "Anna"}
        publish.run(state, store=store, catalog=catalog)
        assert store.read_json("transcripts/me/dev/standup.json")["speakers"][0]["name"] == "Anna"
        for extension in ("srt", "vtt", "txt", "md"):
            assert b"Anna" in store.objects[f"transcripts/me/dev/standup.{extension}"]

    def test_a_late_assemble_does_not_undo_a_finished_recording(self, assembled):
        store, catalog, state = assembled
        publish.run(state, store=store, catalog=catalog)
        before = store.objects["transcripts/me/dev/standup.json"]
        assemble.run(state, store=store, catalog=catalog, settings=AssembleSettings.from_env())
        assert store.objects["transcripts/me/dev/standup.json"] == before

    def test_silence_is_published_as_an_empty_transcript(self, tmp_path):
        store, output = silent_recording(tmp_path)
        catalog = FakeCatalog()
        publish.run({**EVENT, "prepared": output}, store=store, catalog=catalog)
        document = store.read_json("transcripts/me/dev/standup.json")
        assert (document["segments"], document["fullText"], document["language"]) == ([], "", None)
        assert b"No speech" in store.objects["transcripts/me/dev/standup.md"]
        assert catalog.records["standup"]["status"] == Status.COMPLETE


class TestSettings:
    def test_a_missing_setting_is_named(self, monkeypatch):
        monkeypatch.delenv("REM_VAD_THRESHOLD")
        with pytest.raises(SetupError, match="REM_VAD_THRESHOLD"):
            PrepareSettings.from_env()

    def test_a_malformed_setting_is_named(self, monkeypatch):
        monkeypatch.setenv("REM_BEAM_SIZE", "many")
        with pytest.raises(SetupError, match="REM_BEAM_SIZE"):
            TranscribeSettings.from_env()

    def test_threads_follow_the_memory_and_not_the_machine(self, monkeypatch):
        for memory_mb, threads in ((512, 1), (3008, 1), (3538, 2), (10240, 5)):
            monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(memory_mb))
            assert thread_count() == threads

    def test_every_setting_of_stages_yaml_is_read_by_a_settings_class(self):
        known = {name for cls in _settings_classes() for name in cls.model_fields}
        written = {name for stage in load_stages().values() for name in stage.settings}
        assert known - ADDRESSES == written


ADDRESSES = {
    "keys_table",
    "part_secret",
    "bucket",
    "table",
    "state_machine_arn",
    "express_machine_arn",
    "queue_url",
    "topic_arn",
}


def _settings_classes():
    found, pending = [], [Settings]
    while pending:
        found.append(pending.pop())
        pending += found[-1].__subclasses__()
    return found


def test_progress_lines_are_json(demo, capsys):
    store, _, output = demo
    TestTranscribe().run(store, output, FakeTranscriber())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["doneSeconds"] == lines[-1]["totalSeconds"]
