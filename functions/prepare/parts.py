"""The recordings inside one file: people join files with `cat`, a chained Ogg is several streams in a row."""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from functions.prepare.wav_header import repair_header

BLOCK_BYTES = 2**22
HIDDEN_WITHIN_BYTES = 2**20  # rubbish before a recording is an answer's head or a few sectors, not a megabyte
OGG_PAGE = struct.Struct("<4sBBqIIIB")
OGG_BEGINS = 0x02  # flag of a stream's first page
BOX = struct.Struct(">I4s")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes [start, end) of a file that are a recording of their own."""

    path: Path
    start: int
    end: int

    @property
    def url(self) -> str:
        """The address under which FFmpeg reads these bytes as if they were a file."""
        is_whole = self.start == 0 and self.end == self.path.stat().st_size
        return str(self.path) if is_whole else f"subfile,,start,{self.start},end,{self.end},,:{self.path}"


@dataclass(frozen=True, slots=True)
class _Head:
    """The beginning of a kind of file, too long to come up in sound by chance.

    Attributes:
        pattern: Matches the whole head.
        literal: Stands in every head `offset` bytes after its beginning; quick to search for.
    """

    pattern: re.Pattern[bytes]
    literal: bytes
    offset: int = 0


ANY = rb"[\x00-\xff]"
HEADS = (
    _Head(re.compile(rb"(?:RIFF|RF64|BW64)" + ANY + rb"{4}WAVE"), b"WAVE", 8),
    _Head(re.compile(rb"FORM" + ANY + rb"{4}AIF[FC]"), b"FORM"),
    _Head(re.compile(rb"fLaC[\x00\x80]\x00\x00\x22"), b"fLaC"),
    _Head(re.compile(rb"#!AMR(?:-WB)?\n"), b"#!AMR"),
    _Head(re.compile(rb"caff\x00\x01" + ANY + rb"{2}desc"), b"caff"),
    _Head(re.compile(rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"), b"riff\x2e\x91\xcf\x11"),
    _Head(re.compile(rb"\x1a\x45\xdf\xa3" + ANY + rb"{1,60}?(?:webm|matroska)"), b"\x1a\x45\xdf\xa3"),
    _Head(re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9"), b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
)
HIDDEN = (
    *HEADS,
    _Head(re.compile(rb"OggS\x00\x02"), b"OggS"),
    _Head(re.compile(rb"ID3[\x02-\x04]\x00"), b"ID3"),
    _Head(re.compile(ANY + rb"{4}ftyp[a-zA-Z0-9 ]{4}"), b"ftyp", 4),
)


def find_parts(path: Path, start: int = 0) -> list[Part]:
    """Find the recordings in a file from a byte on, at least one; repair the headers of WAVs in place."""
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            starts = [start, *_find_more(content, start), len(content)]
        parts = [Part(path, *edges) for edges in pairwise(starts)]
        for part in parts:
            repair_header(file, part.start, part.end)
    return parts


def find_hidden(path: Path) -> list[int]:
    """Find where a recording may begin that stands behind something else, as the head of an HTTP answer."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        end = min(len(content), HIDDEN_WITHIN_BYTES)
        return sorted(at for head in HIDDEN for at in _search(content, head, 1, end))


def _find_more(content: mmap.mmap, start: int) -> Iterator[int]:
    """Find where further recordings begin, of the kind with which the file begins."""
    if content[start : start + 4] == b"OggS":
        yield from _find_ogg_links(content, start)
    elif content[start + 4 : start + 8] == b"ftyp":
        yield from _find_mpeg4(content, start)
    for head in HEADS:
        if head.pattern.match(content, start):
            yield from _search(content, head, start + 1, len(content))


def _search(content: mmap.mmap, head: _Head, start: int, end: int) -> Iterator[int]:
    """Search block by block: `bytes.find` is several times as fast as mmap's own search."""
    overlap = len(head.literal) - 1
    for block_at in range(start, end, BLOCK_BYTES):
        block = content[block_at : min(block_at + BLOCK_BYTES + overlap, end)]
        at = block.find(head.literal)
        while at >= 0:
            begins = block_at + at - head.offset
            if begins >= start and head.pattern.match(content, begins):
                yield begins
            at = block.find(head.literal, at + 1)


def _find_ogg_links(content: mmap.mmap, start: int) -> Iterator[int]:
    """Find the links of a chained Ogg after the first: a stream that begins when others have gone on."""
    at, in_head = start, True
    while (at := content.find(b"OggS", at)) >= 0 and at + OGG_PAGE.size <= len(content):
        flags, entries = OGG_PAGE.unpack_from(content, at)[2], content[at + OGG_PAGE.size - 1]
        begins = bool(flags & OGG_BEGINS)
        if begins and not in_head:
            yield at
        in_head = begins
        sizes = content[at + OGG_PAGE.size : at + OGG_PAGE.size + entries]
        at += OGG_PAGE.size + len(sizes) + sum(sizes)


def _find_mpeg4(content: mmap.mmap, start: int) -> Iterator[int]:
    """Find the files of a joined MP4 after the first, by its row of boxes."""
    at, has_index = start, False
    while at + BOX.size <= len(content):
        size, name = BOX.unpack_from(content, at)
        if name == b"ftyp" and has_index:
            yield at
            has_index = False
        has_index |= name == b"moov"
        if size == 1 and at + 16 <= len(content):
            (size,) = struct.unpack_from(">Q", content, at + 8)
        if size < BOX.size:  # 0: up to the file's end; less is damage
            return
        at += size
