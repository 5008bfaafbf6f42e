"""Reads a prepared recording: its speech, and any run of its samples without the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rem.core import Json
from rem.core.chunks import Chunk, Region, clip_regions
from rem.ports import Samples, Store
from rem.transcripts.receipts import Receipt

WAV_HEADER_BYTES = 44  # Python's wave module writes so many for PCM
SAMPLE_BYTES = 2


def to_float(pcm: npt.NDArray[np.int16]) -> Samples:
    """Scale 16-bit samples to float32 from -1 to 1, as the models take them."""
    return pcm.astype(np.float32) / np.float32(32768)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result of Prepare."""

    audio_key: str
    samples: int
    started_at: str
    duration_s: float
    speech: tuple[Region, ...]
    speech_s: float
    loudness: Json
    receipts: tuple[Receipt, ...]

    @classmethod
    def load(cls, store: Store, key: str) -> Prepared:
        document = store.read_json(key)
        return cls(
            document["audioKey"],
            document["samples"],
            document["startedAt"],
            document["durationSeconds"],
            tuple(Region(start, end) for start, end in document["speech"]),
            document["speechSeconds"],
            document["loudness"],
            tuple(Receipt.from_json(receipt) for receipt in document["receipts"]),
        )

    def read_samples(self, store: Store, start: int, end: int) -> Samples:
        """Read samples [start, end) as float32, shape (n,); fewer where the recording ends before."""
        first, last = (WAV_HEADER_BYTES + min(edge, self.samples) * SAMPLE_BYTES for edge in (start, end))
        pcm = np.frombuffer(store.read_bytes(self.audio_key, first, last), np.int16)
        return to_float(pcm)

    def speech_in(self, chunk: Chunk) -> list[Region]:
        return clip_regions(self.speech, chunk.start, chunk.end)
