"""Words of damaged, joined and split recordings, with the demo models: none lost, each at its time."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.pipeline import Pipeline
from rem.adapters.models import DEMO_DIR
from rem.definition import load_stages
from tests.functions.recorders import Take, join, record
from tests.functions.sounds import HZ, read_wav
from tests.functions.test_parts import wav

pytestmark = [pytest.mark.models, pytest.mark.slow]
STANDUP = read_wav(DEMO_DIR / "standup.wav")
CUT_S = 9.5  # between two sentences of one person
END_S = 15.5
SPOKEN = STANDUP[: int(END_S * HZ)]
FIRST, SECOND = SPOKEN[: int(CUT_S * HZ)], SPOKEN[int(CUT_S * HZ) :]
NEAR_S = 0.2


@pytest.fixture(scope="module")
def pipelines():
    """The demo pipeline by the way in which it hears channels."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for stage in load_stages().values():
            for name, value in {**stage.environment(), "REM_BUCKET": "", "REM_TABLE": ""}.items():
                patch.setenv(name, value)

        def hear(path, channels="auto"):
            if not found:
                models = (DEMO_DIR / "whisper", DEMO_DIR / "diarization")
                found["demo"] = Pipeline(*models, language="en", segmentation_step="")
            patch.setenv("REM_CHANNELS", channels)
            return found["demo"].run(path)

        yield hear


@pytest.fixture(scope="module")
def expected():
    """The words of the reference up to END_S: (text, middle in seconds)."""
    segments = json.loads((DEMO_DIR / "standup.json").read_text())["segments"]
    words = [(clean(w["text"]), (w["start"] + w["end"]) / 2) for s in segments for w in s["words"]]
    return [(text, middle_s) for text, middle_s in words if middle_s < END_S]


def clean(text):
    return text.strip(" .,?!").lower()


def check(transcript, expected):
    """All words but one in twenty are there, each at its time."""
    heard = [(clean(w.text), (w.start_s + w.end_s) / 2) for s in transcript.segments for w in s.words]
    found = sum(
        any(t == text and abs(at_s - middle_s) < NEAR_S for t, at_s in heard) for text, middle_s in expected
    )
    assert found >= 0.95 * len(expected), [word for word in expected if word not in heard]
    assert len(heard) <= 1.1 * len(expected)


def later(words, from_s, by_s):
    return [(text, middle_s + by_s if middle_s > from_s else middle_s) for text, middle_s in words]


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [("a.mp4", "aac", HZ), ("a.ts", "aac", HZ), ("a.webm", "libopus", 48_000), ("a.mkv", "flac", HZ)],
)
def test_words_after_a_hole_stand_at_the_time_of_the_clock(
    pipelines, expected, tmp_path, name, codec, rate_hz
):
    take = Take(np.repeat(SPOKEN, rate_hz // HZ), codec, rate_hz, pauses=[(CUT_S, 10)])
    transcript = pipelines(record(tmp_path / name, take))
    check(transcript, later(expected, CUT_S, 10))
    (damage,) = transcript.audio["damage"]
    assert damage["secondsMissing"] == pytest.approx(10, abs=0.2)


def test_words_behind_broken_packets_are_there(pipelines, expected, tmp_path):
    take = Take(SPOKEN, "aac", broken=[(6.3, 6.7)])
    check(pipelines(record(tmp_path / "a.m4a", take)), expected)


def test_words_behind_a_late_start_keep_their_time(pipelines, expected, tmp_path):
    path = record(tmp_path / "a.mp4", Take(SPOKEN, "aac", start_s=4.0), picture_s=20)
    check(pipelines(path), later(expected, 0, 4))


def test_words_of_joined_files_follow_each_other(pipelines, expected, tmp_path):
    halves = [Take(FIRST, "libmp3lame"), Take(np.repeat(SECOND, 3), "libmp3lame", 48_000)]
    parts = [record(tmp_path / f"{i}.mp3", take) for i, take in enumerate(halves)]
    check(pipelines(join(tmp_path / "a.mp3", *parts)), expected)


def test_words_behind_a_stale_size_are_there(pipelines, expected, tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(SPOKEN, 3 * 2 * HZ))
    check(pipelines(tmp_path / "a.wav"), expected)


def test_words_of_channels_that_cancel_each_other_are_there(pipelines, expected, tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(np.stack([SPOKEN, -SPOKEN], axis=1), channels=2))
    check(pipelines(tmp_path / "a.wav"), expected)


@pytest.mark.parametrize(("count", "at"), [(3, 2), (6, 3), (8, 3), (8, 7)])
def test_words_on_any_channel_of_an_unnamed_wav_are_there(pipelines, expected, tmp_path, count, at):
    sound = np.zeros((len(SPOKEN), count), np.int16)
    sound[:, at] = SPOKEN
    (tmp_path / "a.wav").write_bytes(wav(sound, channels=count))
    check(pipelines(tmp_path / "a.wav"), expected)


def test_words_behind_a_silent_first_track_are_there(pipelines, expected, tmp_path):
    check(pipelines(record(tmp_path / "a.mp4", Take(0 * SPOKEN, "aac"), Take(SPOKEN, "aac"))), expected)


@pytest.mark.parametrize("channels", ["split", "mix"])
def test_two_people_on_two_tracks_are_two_people(pipelines, expected, tmp_path, channels):
    is_anna = np.arange(len(SPOKEN)) < 6.5 * HZ
    tracks = [Take(np.where(who, SPOKEN, 0).astype(np.int16), "aac") for who in (is_anna, ~is_anna)]
    transcript = pipelines(record(tmp_path / "a.mkv", *tracks), channels)
    check(transcript, expected)
    assert transcript.audio["channels"] == channels
    assert [speaker.label for speaker in transcript.speakers] == ["SPEAKER_00", "SPEAKER_01"]


def test_two_people_who_talk_at_the_same_time_lose_no_word(pipelines, expected, tmp_path):
    """Anna's first sentences and Ben's, both from the first second on, one on each channel of a call."""
    anna, ben = STANDUP[: int(6.5 * HZ)], STANDUP[int(6.5 * HZ) : int(END_S * HZ)]
    call = np.zeros((len(ben), 2), np.int16)
    call[: len(anna), 0], call[:, 1] = anna, ben
    (tmp_path / "a.wav").write_bytes(wav(call, channels=2))
    transcript = pipelines(tmp_path / "a.wav", "split")
    said = {
        "channel 1": [word for word in expected if word[1] < 6.5],
        "channel 2": [(text, at_s - 6.5) for text, at_s in expected if at_s >= 6.5],
    }
    for heard in transcript.audio["heard"]:
        segments = [s for s in transcript.segments if s.speaker == heard["speaker"]]
        words = [(clean(w.text), (w.start_s + w.end_s) / 2) for s in segments for w in s.words]
        found = sum(
            any(t == text and abs(a - b) < NEAR_S for t, a in words) for text, b in said[heard["source"]]
        )
        assert found >= 0.9 * len(said[heard["source"]])
