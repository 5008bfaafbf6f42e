"""What the compiled kernels do, and that the machine code does the same as the plain twin."""

import struct
from array import array
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from app import kernels, wav
from firmware.build import HERE, compile_module
from tests.firmware.sound import (
    FULL,
    encode,
    new_state,
    noise,
    rails,
    scaled,
    snr_db,
    speech,
    to_words,
)
from tests.firmware.xtensa import Machine, Mpy
from tests.functions.sounds import decode_one

SAMPLES = wav.BLOCK_SAMPLES


def decode(content: bytes, folder: Path) -> np.ndarray:
    """With the server's own decoder."""
    (folder / "chunk.wav").write_bytes(content)
    return decode_one(folder / "chunk.wav")


def condition(pcm: np.ndarray, **state: int) -> tuple[np.ndarray, array]:
    numbers = new_state(len(pcm), **state)
    out = array("H", bytes(2 * len(pcm)))
    kernels.condition(to_words(pcm, bool(numbers[kernels.IS_WIDE])), out, numbers)
    return np.frombuffer(out.tobytes(), np.int16), numbers


@pytest.mark.parametrize("level_db", [0, -20, -34])
def test_speech_survives_the_encoder_at_every_level(level_db, tmp_path):
    content, clean = encode(scaled(speech(16), level_db))
    decoded = decode(content, tmp_path)
    assert len(decoded) == len(clean)
    assert snr_db(clean, decoded) >= 24


@pytest.mark.parametrize("pcm", [rails(8 * 1017), noise(8 * 1017, 9_000)], ids=["rails", "noise"])
def test_the_encoder_predicts_what_the_decoder_will_say(pcm, tmp_path):
    """Each block opens with the true sample; if encoder and decoder disagreed, its end would drift away."""
    content, clean = encode(pcm)
    decoded = decode(content, tmp_path).reshape(-1, wav.BLOCK_SAMPLES)
    np.testing.assert_array_equal(decoded[:, 0], clean.reshape(-1, wav.BLOCK_SAMPLES)[:, 0])
    assert snr_db(clean, decoded.reshape(-1)) > 6


def test_a_block_decodes_without_those_before_it(tmp_path):
    content, _ = encode(speech(4))
    blocks = content[wav.HEADER_BYTES :]
    last = wav.make_header(1) + blocks[-wav.BLOCK_BYTES :]
    np.testing.assert_array_equal(decode(last, tmp_path), decode(content, tmp_path)[-wav.BLOCK_SAMPLES :])


def test_a_constant_offset_of_the_microphone_disappears():
    out, _ = condition(np.full(4096, 3000, np.int16))
    assert abs(int(out[-1])) < 5


def test_gain_saturates_and_counts_what_it_cut():
    out, state = condition(np.full(64, 20_000, np.int16) * np.tile([1, -1], 32).astype(np.int16), shift=13)
    assert (out.max(), out.min()) == (FULL, -FULL)
    assert state[kernels.CLIPPED] == 64
    assert state[kernels.PEAK] == FULL


def test_the_loudness_is_the_exact_sum_of_squares():
    out, state = condition(speech(0.2, 2.0))
    exact = int((out.astype(np.int64) ** 2).sum())
    assert (state[kernels.SQUARES_HIGH] << 12) + state[kernels.SQUARES_LOW] == exact


def test_16_bit_capture_gives_the_samples_of_32_bit_capture():
    pcm = speech(0.2, 2.0)
    wide, _ = condition(pcm, shift=16)
    narrow, _ = condition(pcm, shift=0, is_wide=False)
    np.testing.assert_array_equal(wide, narrow)


def compile_kernels(folder: Path) -> list[bytes]:
    compile_module(HERE / "app" / "kernels.py", folder / "kernels.mpy", "xtensawin")
    return Mpy((folder / "kernels.mpy").read_bytes()).viper


@pytest.fixture(scope="module")
def machine_code(tmp_path_factory) -> list[bytes]:
    return compile_kernels(tmp_path_factory.mktemp("mpy"))


FRAMES = {
    "speech": (speech(8 * SAMPLES / 16_000, 1.5), 16, True),
    "speech with gain": (speech(2 * SAMPLES / 16_000, 2.2), 13, True),
    "16-bit speech": (speech(2 * SAMPLES / 16_000, 2.2), 3, False),
    "silence": (np.zeros(SAMPLES, np.int16), 16, True),
    "noise": (noise(2 * SAMPLES, 12_000), 16, True),
    "full scale": (rails(2 * SAMPLES), 11, True),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_the_xtensa_code_gives_the_bits_of_the_plain_twin(kind, machine_code):
    counted = run_beside_twin(machine_code, *FRAMES[kind])
    assert all(counts["instructions"] > 0 for counts in counted)


def run_beside_twin(
    machine_code: list[bytes], pcm: np.ndarray, shift: int, is_wide: bool
) -> tuple[Counter[str], Counter[str]]:
    """Hold both kernels' machine code to their twins, block by block; the instructions of each."""
    conditioner, encoder = (Machine(code) for code in machine_code)
    state = new_state(SAMPLES, shift, is_wide)
    block_bytes = 4 + (SAMPLES - 1) // 2
    word_bytes = 4 if is_wide else 2
    raw_at, out_at = conditioner.place(bytes(word_bytes * SAMPLES)), conditioner.place(bytes(2 * SAMPLES))
    state_at = conditioner.place(state.tobytes())
    pcm_at, block_at = encoder.place(bytes(2 * SAMPLES)), encoder.place(bytes(block_bytes))
    encoder_state_at, steps_at = encoder.place(state.tobytes()), encoder.place(kernels.STEPS.tobytes())
    out, block = array("H", bytes(2 * SAMPLES)), bytearray(block_bytes)
    for at in range(0, len(pcm), SAMPLES):
        raw = to_words(pcm[at : at + SAMPLES], is_wide)
        conditioner.write(raw_at, raw.tobytes())
        conditioner.write(state_at, state.tobytes())
        encoder.write(encoder_state_at, state.tobytes())
        kernels.condition(raw, out, state)
        kernels.encode_block(out, block, state, kernels.STEPS)
        conditioner.call(raw_at, out_at, state_at)
        assert conditioner.read(out_at, 2 * SAMPLES) == out.tobytes()
        measured = slice(4 * kernels.DC, 4 * kernels.STEP_INDEX)
        assert conditioner.read(state_at, len(state) * 4)[measured] == state.tobytes()[measured]
        encoder.write(pcm_at, out.tobytes())
        encoder.call(pcm_at, block_at, encoder_state_at, steps_at)
        assert encoder.read(block_at, block_bytes) == bytes(block)
        index = struct.unpack("<i", encoder.read(encoder_state_at + 4 * kernels.STEP_INDEX, 4))[0]
        assert index == state[kernels.STEP_INDEX]
    return conditioner.counts, encoder.counts


def test_a_changed_kernel_is_noticed(machine_code):
    """The comparison above can fail: machine code of another gain gives other samples."""
    pcm = speech(SAMPLES / 16_000, 2.2)
    state = new_state(SAMPLES, 16)
    machine = Machine(machine_code[0])
    wrong = array("i", state)
    wrong[kernels.SHIFT] = 15
    raw_at, out_at = machine.place(to_words(pcm).tobytes()), machine.place(bytes(2 * SAMPLES))
    machine.call(raw_at, out_at, machine.place(wrong.tobytes()))
    out = array("H", bytes(2 * SAMPLES))
    kernels.condition(to_words(pcm), out, state)
    assert machine.read(out_at, 2 * SAMPLES) != out.tobytes()
