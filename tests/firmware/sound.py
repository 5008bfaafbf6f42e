"""Speech and worse, and the firmware's encoder driven block by block."""

import wave
from array import array
from pathlib import Path

import numpy as np

from app import kernels, wav
from rem.adapters.models import DEMO_DIR

HZ = 16_000
FULL = 32_767


def read_pcm(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def speech(seconds: float, start_s: float = 0) -> np.ndarray:
    first = round(start_s * HZ)
    return read_pcm(DEMO_DIR / "standup.wav")[first : first + round(seconds * HZ)]


def scaled(pcm: np.ndarray, db: float) -> np.ndarray:
    return (pcm * 10 ** (db / 20)).round().astype(np.int16)


def noise(samples: int, rms: float, seed: int = 3) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal(samples) * rms
    return np.clip(drawn, -FULL, FULL).astype(np.int16)


def rails(samples: int, period: int = 32) -> np.ndarray:
    """From one end of the scale to the other and back: the encoder's worst case."""
    return np.where(np.arange(samples) // period % 2, FULL, -FULL - 1).astype(np.int16)


def to_words(pcm: np.ndarray, is_wide: bool = True) -> array:
    """As the microphone's words arrive: left-aligned 32 bits, or 16 bits without a sign."""
    if is_wide:
        return array("i", (pcm.astype(np.int32) << 16).tobytes())
    return array("H", pcm.tobytes())


def new_state(samples: int = wav.BLOCK_SAMPLES, shift: int = 16, is_wide: bool = True) -> array:
    state = array("i", [0] * kernels.STATE_SLOTS)
    state[kernels.SAMPLES], state[kernels.SHIFT], state[kernels.IS_WIDE] = samples, shift, is_wide
    return state


def encode(pcm: np.ndarray) -> tuple[bytes, np.ndarray]:
    """A whole WAV file as the device makes it, and the conditioned samples that went into it."""
    state, blocks, kept = new_state(), [], []
    for at in range(0, len(pcm) - wav.BLOCK_SAMPLES + 1, wav.BLOCK_SAMPLES):
        block, out = bytearray(wav.BLOCK_BYTES), array("H", bytes(2 * wav.BLOCK_SAMPLES))
        kernels.condition(to_words(pcm[at : at + wav.BLOCK_SAMPLES]), out, state)
        kernels.encode_block(out, block, state, kernels.STEPS)
        blocks.append(bytes(block))
        kept.append(np.frombuffer(out.tobytes(), np.int16))
    return wav.make_header(len(blocks)) + b"".join(blocks), np.concatenate(kept)


def snr_db(clean: np.ndarray, decoded: np.ndarray) -> float:
    clean, decoded = clean.astype(float), decoded.astype(float)
    return float(10 * np.log10((clean**2).sum() / ((clean - decoded) ** 2).sum()))


def write_wav(path: Path, pcm: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(HZ)
        file.writeframes(pcm.astype(np.int16).tobytes())
    return path
