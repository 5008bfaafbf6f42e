"""A slice's segmentations and embeddings, in the small file that Diarize hands to Cluster."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rem.ports import Floats
from rem.transcripts.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Slice:
    """Windows of one slice, in order.

    Attributes:
        segmentations: (windows, frames, slots), 0 or 1.
        embeddings: (windows, slots, dimensions); NaN for a slot in which nobody speaks long enough.
    """

    segmentations: Floats
    embeddings: Floats
    receipts: tuple[Receipt, ...]

    def to_bytes(self) -> bytes:
        """Pack a bit per frame and slot, and half floats for embeddings: turns stay the same (measured)."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            shape=np.array(self.segmentations.shape),
            bits=np.packbits(self.segmentations.astype(bool)),
            embeddings=self.embeddings.astype(np.float16),
            receipts=np.array(json.dumps([receipt.to_json() for receipt in self.receipts])),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Slice:
        with np.load(io.BytesIO(content)) as file:
            shape = tuple(file["shape"])
            bits = np.unpackbits(file["bits"], count=int(np.prod(shape)))
            receipts = json.loads(str(file["receipts"]))
            return cls(
                bits.reshape(shape).astype(np.float32),
                file["embeddings"].astype(np.float32),
                tuple(Receipt.from_json(receipt) for receipt in receipts),
            )


def join_slices(slices: Sequence[Slice]) -> tuple[Floats, Floats]:
    """Put the windows of all slices in one row; slices without windows add nothing."""
    filled = [piece for piece in slices if len(piece.segmentations)]
    return (
        np.concatenate([piece.segmentations for piece in filled]),
        np.concatenate([piece.embeddings for piece in filled]),
    )
