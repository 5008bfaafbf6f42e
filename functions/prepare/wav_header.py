"""Repairs the sizes in a WAV's header: a device lost power, a stream had no end yet, nobody updated them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

RIFF_HEADER_BYTES = 12
CHUNK_HEADER_BYTES = 8
MOST = 0xFFFFFFFF  # stands for "see ds64" in RF64 and BW64, for "unknown" elsewhere
LEAST_TAIL_BYTES = (
    4096  # an eighth of a second at 16 kHz: a shorter tail that is no chunk is rubbish, not sound
)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A RIFF chunk: where its header stands, and the length of its content as written there."""

    name: bytes
    start: int
    size: int

    @property
    def content(self) -> int:
        return self.start + CHUNK_HEADER_BYTES

    @property
    def next(self) -> int:
        return self.content + self.size + (self.size & 1)


def repair_header(file: BinaryIO, start: int, end: int) -> bool:
    """Make the RIFF and data sizes of the WAV in bytes [start, end) of a file true, in place.

    Only size fields are written. A data size is wrong where it is 0, goes beyond `end`, or is followed by
    something that is no chunk. A 64-bit header (RF64, BW64) without its table becomes a plain one.

    Returns:
        Whether anything had to change; False also for what is no WAV or has no data chunk.
    """
    file.seek(start)
    head = file.read(RIFF_HEADER_BYTES)
    if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
        return False
    chunks = _read_chunks(file, start + RIFF_HEADER_BYTES, end)
    data = chunks[-1] if chunks and chunks[-1].name == b"data" else None
    if data is None:
        return False
    table = chunks[0] if chunks[0].name == b"ds64" and head[:4] != b"RIFF" else None
    size = _measure_data(file, data, _read_table(file, table) if table else data.size, end)
    riff_size = max(end, data.content + size) - start - CHUNK_HEADER_BYTES
    if table:
        return _write(file, table.content, struct.pack("<QQ", riff_size, size))
    changed = _write(file, start, b"RIFF")
    (written,) = struct.unpack("<I", head[4:8])
    if not 0 < written <= riff_size or size != data.size:
        changed |= _write(file, start + 4, struct.pack("<I", min(riff_size, MOST)))
    return _write(file, data.start + 4, struct.pack("<I", min(size, MOST))) or changed


def _read_chunks(file: BinaryIO, position: int, end: int) -> list[_Chunk]:
    """Read the chunks up to the data; an empty list where they do not follow each other."""
    chunks: list[_Chunk] = []
    while position + CHUNK_HEADER_BYTES <= end:
        chunk = _read_chunk(file, position)
        chunks.append(chunk)
        if chunk.name == b"data":
            break
        position = chunk.next
    return chunks


def _read_chunk(file: BinaryIO, position: int) -> _Chunk:
    file.seek(position)
    name, size = struct.unpack("<4sI", file.read(CHUNK_HEADER_BYTES))
    return _Chunk(name, position, size)


def _read_table(file: BinaryIO, table: _Chunk) -> int:
    file.seek(table.content)
    sizes = file.read(16)
    return int(struct.unpack("<QQ", sizes)[1]) if len(sizes) == 16 else 0


def _measure_data(file: BinaryIO, data: _Chunk, written: int, end: int) -> int:
    """Find how long the data really is."""
    available = max(0, end - data.content)
    is_within = 0 < written <= available
    return written if is_within and _ends_well(file, data.content + written, end) else available


def _ends_well(file: BinaryIO, position: int, end: int) -> bool:
    """Tell whether what follows the data is chunks up to the end, or too little to be sound."""
    if end - position < LEAST_TAIL_BYTES:
        return True
    while position + CHUNK_HEADER_BYTES <= end:
        chunk = _read_chunk(file, position + (position & 1))
        if not all(0x20 <= letter < 0x7F for letter in chunk.name):
            return False
        position = chunk.next
    return position <= end + 1


def _write(file: BinaryIO, position: int, content: bytes) -> bool:
    file.seek(position)
    if file.read(len(content)) == content:
        return False
    file.seek(position)
    file.write(content)
    return True
