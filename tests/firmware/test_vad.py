import numpy as np
import pytest

from app.vad import HANG_BLOCKS, QUIETEST_RMS, Vad
from app.wav import BLOCK_SAMPLES
from tests.firmware.sound import noise, speech

BLOCKS_PER_S = 16_000 / BLOCK_SAMPLES


def levels(pcm: np.ndarray) -> list[int]:
    whole = pcm[: len(pcm) // BLOCK_SAMPLES * BLOCK_SAMPLES].astype(np.int64).reshape(-1, BLOCK_SAMPLES)
    return [int(square) for square in (whole**2).sum(axis=1) // BLOCK_SAMPLES]


def decide(vad: Vad, pcm: np.ndarray) -> np.ndarray:
    return np.array([vad.update(level) for level in levels(pcm)])


@pytest.mark.parametrize(
    ("speech_rms", "noise_rms"), [(3000, 20), (300, 20), (150, 20), (1500, 150), (1500, 400)]
)
def test_speech_is_kept_and_the_room_is_not(speech_rms, noise_rms):
    """A minute of the room, then a talk, then a minute of the room."""
    said = speech(20, 1).astype(float)
    said *= speech_rms / np.sqrt((said**2).mean())
    room = noise(16_000 * 140, noise_rms).astype(float)
    room[60 * 16_000 : 80 * 16_000] += said
    kept = decide(Vad(), np.clip(room, -32767, 32767).astype(np.int16))
    talk = slice(int(61 * BLOCKS_PER_S), int(79 * BLOCKS_PER_S))
    assert kept[talk].mean() > 0.97
    assert kept[int(85 * BLOCKS_PER_S) :].mean() < 0.02
    assert kept[int(40 * BLOCKS_PER_S) : int(60 * BLOCKS_PER_S)].mean() < 0.02


def test_a_click_starts_nothing():
    vad = Vad()
    assert not any(vad.update(level) for level in [0] * 20 + [10**7] + [0] * 20)


def test_three_seconds_of_silence_end_a_talk():
    vad = Vad()
    talk = [vad.update(10**6) for _ in range(10)]
    assert talk[1:] == [True] * 9
    silence = [vad.update(0) for _ in range(60)]
    assert silence.index(False) == HANG_BLOCKS - 1


def test_a_fixed_threshold_ignores_the_room():
    vad = Vad(fixed_rms=300)
    assert decide(vad, noise(16_000 * 60, 400)).mean() > 0.9
    assert not decide(Vad(fixed_rms=500), noise(16_000 * 5, 400)).any()


def test_the_threshold_never_falls_below_the_microphones_own_noise():
    vad = Vad()
    vad.update(0)
    assert vad.threshold == QUIETEST_RMS**2
