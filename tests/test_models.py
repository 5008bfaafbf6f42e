"""What the demo models are worth, and that cutting a recording changes nothing."""

from __future__ import annotations

import functools
import json
import operator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pipeline import Pipeline
from functions.prepare import handler as prepare
from functions.prepare.speech import find_speech
from functions.transcribe import handler as transcribe
from rem.adapters.models import DEMO_DIR
from rem.cli.score import Reference, score
from rem.core.errors import BudgetError, InputError
from rem.definition import load_stages
from rem.stage.settings import PrepareSettings, TranscribeSettings
from rem.stage.work import Budget
from tests.fakes import FakeCatalog, FakeStore
from tests.functions.sounds import write_wav

pytestmark = [pytest.mark.models, pytest.mark.slow]
DATA = Path(__file__).parent / "data"
HELD_OUT = sorted(DATA.glob("heldout-*.wav"))
HZ = 16_000


@pytest.fixture(scope="module")
def pipeline():
    with pytest.MonkeyPatch.context() as patch:
        for stage in load_stages().values():
            for name, value in {**stage.environment(), "REM_BUCKET": "", "REM_TABLE": ""}.items():
                patch.setenv(name, value)
        yield Pipeline(DEMO_DIR / "whisper", DEMO_DIR / "diarization", language="en", segmentation_step="")


@pytest.fixture(scope="module")
def demo_score(pipeline):
    reference = Reference.load(DEMO_DIR / "standup.json")
    return score(pipeline.run(DEMO_DIR / "standup.wav"), reference)


@pytest.fixture(scope="module")
def held_out_scores(pipeline):
    return [score(pipeline.run(path), Reference.load(path.with_suffix(".json"))) for path in HELD_OUT]


def test_demo_words_are_right(demo_score):
    assert demo_score.wer <= 0.05


def test_demo_speakers_are_right(demo_score):
    assert demo_score.speakers == demo_score.speakers_expected == 3
    assert demo_score.der <= 0.12
    assert demo_score.speaker_accuracy >= 0.95


def test_held_out_words_are_right(held_out_scores):
    assert len(held_out_scores) == 3
    assert functools.reduce(operator.add, held_out_scores).wer <= 0.10


def test_held_out_speakers_are_right(held_out_scores):
    assert functools.reduce(operator.add, held_out_scores).der <= 0.15
    assert all(result.speakers == result.speakers_expected for result in held_out_scores)


def test_held_out_sentences_and_voices_are_unknown_to_training():
    """The scripts and the voices, by the table that training reads; needs no synthesiser."""
    pytest.importorskip("scipy")
    from models.training.dialogues import DEMO, HELD_OUT, reserved_sentences
    from models.training.grammar import normalise
    from models.training.voices import held_out_voices, training_voices

    trained = {voice.name.split("+")[-1] for voice in training_voices()}
    used = {voice.name.split("+")[-1] for dialogue in HELD_OUT for voice in dialogue.voices.values()}
    assert not used & trained
    assert used <= {voice.name.split("+")[-1] for voice in held_out_voices()}
    reserved = reserved_sentences()
    said = {normalise(s) for dialogue in HELD_OUT for _, line in dialogue.lines for s in line.split("|")}
    assert said <= reserved
    assert len(reserved - said) > len(DEMO.lines) / 2


def test_exclusive_turns_never_overlap(pipeline):
    turns = pipeline.run(DEMO_DIR / "standup.wav").turns
    assert all(a.end_s <= b.start_s + 1e-6 for a, b in pairwise(turns))


NOBODY_SPEAKS = {
    "silence": np.zeros(10 * HZ),
    "noise": np.random.default_rng(3).standard_normal(10 * HZ) * 0.1,
    "hum": 0.2 * np.sin(2 * np.pi * 50 * np.arange(10 * HZ) / HZ),
}


@pytest.mark.parametrize("kind", NOBODY_SPEAKS)
def test_no_speech_is_found_where_nobody_speaks(pipeline, kind, tmp_path):
    """What keeps a model from inventing a sentence: it is never asked."""
    path = write_wav(tmp_path / "quiet.wav", (NOBODY_SPEAKS[kind] * 32767).astype(np.int16))
    assert find_speech(path, PrepareSettings.from_env()) == []


@pytest.mark.parametrize("kind", ["silence", "noise"])
def test_whisper_hears_nothing_where_nobody_speaks(pipeline, kind):
    """Without any voice detection before it. A hum it does take for speech, on some processors."""
    assert pipeline._whisper.transcribe([NOBODY_SPEAKS[kind].astype(np.float32)], "en") == [[]]


def test_detected_language_of_an_english_model_is_english(pipeline):
    assert pipeline._whisper.detect_language(np.zeros(HZ, np.float32)) == ("en", 1.0)


def test_two_runs_say_the_same(pipeline):
    path = HELD_OUT[0]
    first, second = (pipeline.run(path).to_json() for _ in range(2))
    for document in (first, second):
        for volatile in ("transcribedAt", "stages"):
            document.pop(volatile)
    assert json.dumps(first) == json.dumps(second)


def test_a_small_budget_gives_the_words_of_a_large_one(pipeline, monkeypatch):
    """The real model, one clip per batch, and a budget that ends after every batch."""
    monkeypatch.setenv("REM_BATCH_CLIPS", "1")
    store, event = prepare_demo()
    settings = TranscribeSettings.from_env()
    whole = FakeStore(dict(store.objects))
    expected = transcribe.run(
        event, store=whole, model=pipeline._whisper, budget=Budget(lambda: 1e9), settings=settings
    )

    def attempt():
        times = iter([600.0, 0.0])  # enough for one batch; then the time is up
        budget = Budget(lambda: next(times, -1.0))
        return transcribe.run(event, store=store, model=pipeline._whisper, budget=budget, settings=settings)

    for finished in (1, 2):
        with pytest.raises(BudgetError, match=f"{finished} of 3 batches"):
            attempt()
    found = attempt()
    assert found == expected
    assert store.read_json(found["key"])["segments"] == whole.read_json(expected["key"])["segments"]


def prepare_demo():
    store = FakeStore()
    key = "raw/me/dev/2026/11/24/standup.wav"
    store.objects[key] = (DEMO_DIR / "standup.wav").read_bytes()
    names = ("recordingId", "userId", "deviceId", "startedAt", "bucket", "key")
    recording = dict(zip(names, ("standup", "me", "dev", "2026-11-24", "bucket", key), strict=True))
    prepared = prepare.run(recording, store=store, catalog=FakeCatalog(), settings=PrepareSettings.from_env())
    return store, {"recording": recording, "preparedKey": prepared["key"], "chunk": prepared["chunks"][0]}


def test_a_batch_hears_what_each_clip_says_alone(pipeline):
    samples = read_wav(DEMO_DIR / "standup.wav")
    clips = [samples[a * HZ : b * HZ] for a, b in ((0, 9), (9, 21), (21, 22), (40, 66))]
    alone = [pipeline._whisper.transcribe([clip], "en")[0] for clip in clips]
    together = pipeline._whisper.transcribe(clips, "en")
    assert [[s.text for s in found] for found in together] == [[s.text for s in found] for found in alone]
    ends = [
        (a.end_s, b.end_s) for x, y in zip(together, alone, strict=True) for a, b in zip(x, y, strict=True)
    ]
    assert all(abs(a - b) < 0.05 for a, b in ends)


def test_a_clip_beyond_one_window_loses_no_word(pipeline):
    samples = read_wav(DEMO_DIR / "standup.wav")
    (found,) = pipeline._whisper.transcribe([samples], "en")
    assert found[-1].end_s > 60


def read_wav(path: Path) -> np.ndarray:
    return np.frombuffer(path.read_bytes()[44:], np.int16).astype(np.float32) / 32768


def test_an_english_model_refuses_another_language_with_a_sentence(pipeline):
    with pytest.raises(InputError, match="does not know German"):
        pipeline._whisper.transcribe([np.zeros(HZ, np.float32)], "de")
