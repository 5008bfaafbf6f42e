"""Repairs the header of a WAV that a dying device left: sizes of 0, 0xFFFFFFFF, or beyond the file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

RIFF_HEADER_BYTES = 12
CHUNK_HEADER_BYTES = 8


def repair_header(path: Path) -> bool:
    """Make the RIFF and data sizes match the file, in place. Returns whether anything had to change.

    Only the two size fields are touched; other files, and WAVs without a data chunk, stay as they are.
    """
    file_bytes = path.stat().st_size
    with path.open("r+b") as file:
        head = file.read(RIFF_HEADER_BYTES)
        if len(head) < RIFF_HEADER_BYTES or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return False
        data_at = _find_data(file, file_bytes)
        if data_at is None:
            return False
        changed = _write_size(file, 4, file_bytes - CHUNK_HEADER_BYTES)
        available = file_bytes - data_at - CHUNK_HEADER_BYTES
        return _write_size(file, data_at + 4, available) or changed


def _find_data(file: BinaryIO, file_bytes: int) -> int | None:
    position = RIFF_HEADER_BYTES
    while position + CHUNK_HEADER_BYTES <= file_bytes:
        file.seek(position)
        name, size = struct.unpack("<4sI", file.read(CHUNK_HEADER_BYTES))
        if name == b"data":
            return position
        position += CHUNK_HEADER_BYTES + size + (size & 1)
    return None


def _write_size(file: BinaryIO, position: int, real_bytes: int) -> bool:
    """A size of 0 or beyond the file's end is wrong; a smaller one may be right (chunks after the data)."""
    file.seek(position)
    (written,) = struct.unpack("<I", file.read(4))
    if 0 < written <= real_bytes:
        return False
    file.seek(position)
    file.write(struct.pack("<I", min(real_bytes, 0xFFFFFFFF)))
    return True
