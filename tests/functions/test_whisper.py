"""faster-whisper with the demo model: which clip a word belongs to."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from functions.transcribe.whisper import WhisperTranscriber
from rem.adapters.models import DEMO_DIR

pytestmark = pytest.mark.models
HZ = 16_000


@pytest.fixture(scope="module")
def model():
    return WhisperTranscriber(DEMO_DIR / "whisper", beam_size=1, threads=1)


@pytest.fixture(scope="module")
def standup():
    with wave.open(str(DEMO_DIR / "standup.wav")) as file:
        return np.frombuffer(file.readframes(30 * HZ), np.int16).astype(np.float32) / 32768


@pytest.mark.parametrize("samples", [0, 1, 100, 159])
def test_clips_shorter_than_a_frame_do_not_move_the_words_of_the_others(model, standup, samples):
    """A frame of Whisper has 160 samples: several such clips begin in the same one."""
    first, second = standup[: 9 * HZ], standup[9 * HZ : 21 * HZ]
    short = standup[: 2 * samples].reshape(2, samples)
    alone = [model.transcribe([clip], "en")[0] for clip in (first, second)]
    assert all(alone)
    found = model.transcribe([short[0], first, short[1], second], "en")
    assert [[s.text for s in clip] for clip in found] == [
        [],
        [s.text for s in alone[0]],
        [],
        [s.text for s in alone[1]],
    ]
    assert found[3][0].start_s == pytest.approx(alone[1][0].start_s, abs=0.05)


def test_words_put_together_are_the_text_of_faster_whisper(model, standup):
    from faster_whisper import WhisperModel

    plain = WhisperModel(str(DEMO_DIR / "whisper"), device="cpu", compute_type="int8", cpu_threads=1)
    clip = standup[: 28 * HZ]
    expected, _ = plain.transcribe(clip, language="en", beam_size=1, condition_on_previous_text=False)
    (found,) = model.transcribe([clip], "en")
    assert "".join(word.text for segment in found for word in segment.words) == "".join(
        s.text for s in expected
    )
