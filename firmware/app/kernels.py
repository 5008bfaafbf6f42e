"""The two loops that see every sample: conditioning and IMA ADPCM.

Compiled to machine code on the device. `firmware/build.py` makes the plain twin that CPython and MicroPython
without a native emitter run. Both give the same bits as long as this file keeps to three rules: no number
reaches 2^31; ptr8, ptr16 and ptr32 stand for bytearray, array('H') and array('i'); 16-bit numbers read
through ptr16 come without sign and get it back by `(x ^ 0x8000) - 0x8000`.
"""

from array import array

import micropython
from micropython import const

# Slots of the state, an array('i'). The recorder sets the first three once, the kernels keep the others.
SAMPLES = const(0)  # samples per call
SHIFT = const(1)  # wide: right shift of the 32-bit word; else left shift of the 16-bit sample
IS_WIDE = const(2)  # whether the microphone's words are 32 bits
DC = const(3)  # running mean, 8 fractional bits: with 256 samples of memory, a high-pass at 10 Hz
SQUARES_HIGH = const(4)  # sum of squares >> 12, without the low bits of the single squares
SQUARES_LOW = const(5)  # sum of the low 12 bits of the squares
PEAK = const(6)
CLIPPED = const(7)  # samples that the gain drove over full scale
STEP_INDEX = const(8)  # carried from block to block: a new block starts at the step that fits
STATE_SLOTS = 9

# fmt: off
STEPS = array("H", (
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88,
    97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658,
    724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660,
    4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818,
    18500, 20350, 22385, 24623, 27086, 29794, 32767,
))
# fmt: on


@micropython.viper
def condition(raw, pcm, state):
    """Microphone words to 16-bit samples: gain, no DC, saturation; measures them on the way.

    Args:
        raw: array('i') of left-aligned words if IS_WIDE, else array('H').
        pcm: array('H') that receives the samples as two's complement.
    """
    wide = ptr32(raw)
    narrow = ptr16(raw)
    out = ptr16(pcm)
    st = ptr32(state)
    n = st[SAMPLES]
    shift = st[SHIFT]
    is_wide = st[IS_WIDE]
    dc = st[DC]
    high = 0
    low = 0
    peak = 0
    clipped = 0
    i = 0
    while i < n:
        if is_wide:
            x = wide[i] >> shift
        else:
            x = ((narrow[i] ^ 0x8000) - 0x8000) << shift
        mean = dc >> 8
        x = x - mean
        dc = dc + x
        if x > 32767:
            x = 32767
            clipped += 1
        if x < -32767:
            x = -32767
            clipped += 1
        out[i] = x & 0xFFFF
        square = x * x
        high += square >> 12
        low += square & 4095
        if x < 0:
            x = 0 - x
        if x > peak:
            peak = x
        i += 1
    st[DC] = dc
    st[SQUARES_HIGH] = high
    st[SQUARES_LOW] = low
    st[PEAK] = peak
    st[CLIPPED] = clipped


@micropython.viper
def encode_block(pcm, block, state, steps):
    """SAMPLES samples (an odd number) to one block that decodes by itself: 4 header bytes, then nibbles."""
    samples = ptr16(pcm)
    out = ptr8(block)
    st = ptr32(state)
    table = ptr16(steps)
    n = st[SAMPLES]
    index = st[STEP_INDEX]
    predicted = samples[0]
    out[0] = predicted & 255
    out[1] = predicted >> 8
    out[2] = index
    out[3] = 0
    predicted = (predicted ^ 0x8000) - 0x8000
    at = 4
    first = 0
    i = 1
    while i < n:
        step = table[index]
        rest = ((samples[i] ^ 0x8000) - 0x8000) - predicted
        code = 0
        if rest < 0:
            code = 8
            rest = 0 - rest
        change = step >> 3
        if rest >= step:
            code += 4
            rest -= step
            change += step
        step = step >> 1
        if rest >= step:
            code += 2
            rest -= step
            change += step
        step = step >> 1
        if rest >= step:
            code += 1
            change += step
        if code & 8:
            predicted -= change
            if predicted < -32768:
                predicted = -32768
        else:
            predicted += change
            if predicted > 32767:
                predicted = 32767
        if code & 4:
            index += ((code & 3) << 1) + 2
            if index > 88:
                index = 88
        elif index > 0:
            index -= 1
        if i & 1:
            first = code
        else:
            out[at] = first | (code << 4)
            at += 1
        i += 1
    st[STEP_INDEX] = index
