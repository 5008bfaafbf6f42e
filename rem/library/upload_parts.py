"""Uploads in parts: the parts of an upload, those that have arrived, and those that are damaged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rem.ports import StoredPart

PART_BYTES = 8 * 2**20  # S3 wants at least 5 MiB of all parts but the last


@dataclass(frozen=True, slots=True)
class PartPlan:
    """One part of an upload; `etag` is None while it has not arrived."""

    number: int
    size_bytes: int
    etag: str | None


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """The parts of an upload, arrived or not. None at all: the recording is stored already."""

    recording_id: str
    key: str
    upload_id: str = ""
    parts: Sequence[PartPlan] = ()
    part_bytes: int = PART_BYTES

    @property
    def is_duplicate(self) -> bool:
        return not self.parts


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload that is not complete. `arrived` are its parts so far, by number."""

    key: str
    upload_id: str
    size_bytes: int
    arrived: Mapping[int, StoredPart]

    def plan_parts(self) -> list[PartPlan]:
        """List the parts, with the ETags of those that have arrived."""
        return [
            PartPlan(number, size_bytes, self.arrived[number].etag if number in self.arrived else None)
            for number, size_bytes in split_parts(self.size_bytes)
        ]

    def find_wrong(self, etags: Mapping[int, str]) -> list[int]:
        """List the numbers of parts that are missing, or have another size or ETag than was sent.

        Args:
            etags: The answer of S3 to each part, by part number.
        """
        sizes = split_parts(self.size_bytes)
        return [number for number, size in sizes if not self._is_right(number, size, etags.get(number, ""))]

    def _is_right(self, number: int, size_bytes: int, etag: str) -> bool:
        part = self.arrived.get(number)
        return part is not None and part.size_bytes == size_bytes and part.etag == etag.strip('"')


def split_parts(size_bytes: int) -> list[tuple[int, int]]:
    """Split a size into parts: the number (from 1) and size of each."""
    count = math.ceil(size_bytes / PART_BYTES)
    return [(i + 1, min(PART_BYTES, size_bytes - i * PART_BYTES)) for i in range(count)]
