"""WAV with IMA ADPCM (format 0x11): one header sector, then blocks of 512 bytes that decode by themselves.

The header follows from the number of blocks. So a file on the flash is only ever appended to: its own header
says "unknown", and the right one is made when the file is sent, after a power cut as after any other end.
"""

import struct

RATE_HZ = 16_000
BLOCK_BYTES = 512
BLOCK_SAMPLES = (BLOCK_BYTES - 4) * 2 + 1  # 1,017: 63.6 ms
HEADER_BYTES = 512  # a whole sector, so that every block lies within one
FORMAT_IMA_ADPCM = 0x11
UNKNOWN = 0xFFFFFFFF


def make_header(blocks):
    """The 512 bytes before `blocks` blocks; None where their number is not known yet."""
    data_bytes = UNKNOWN if blocks is None else blocks * BLOCK_BYTES
    samples = UNKNOWN if blocks is None else blocks * BLOCK_SAMPLES
    riff_bytes = UNKNOWN if blocks is None else HEADER_BYTES - 8 + data_bytes
    byte_rate = RATE_HZ * BLOCK_BYTES // BLOCK_SAMPLES
    header = b"RIFF" + struct.pack("<I", riff_bytes) + b"WAVEfmt "
    header += struct.pack(
        "<IHHIIHHHH", 20, FORMAT_IMA_ADPCM, 1, RATE_HZ, byte_rate, BLOCK_BYTES, 4, 2, BLOCK_SAMPLES
    )
    header += b"fact" + struct.pack("<II", 4, samples)
    padding = HEADER_BYTES - len(header) - 16
    header += b"JUNK" + struct.pack("<I", padding) + bytes(padding)
    return header + b"data" + struct.pack("<I", data_bytes)


def count_blocks(file_bytes):
    """Whole blocks in a file of this size; the torn one at the end of a cut file does not count."""
    return max(0, file_bytes - HEADER_BYTES) // BLOCK_BYTES


def to_ms(blocks):
    return blocks * BLOCK_SAMPLES * 1000 // RATE_HZ


def to_blocks(seconds):
    return seconds * RATE_HZ // BLOCK_SAMPLES
