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
class Channel:
    """A sound that is heard by itself: the whole recording, or one person of it."""

    audio_key: str
    speech: tuple[Region, ...]

    @classmethod
    def from_json(cls, document: Json) -> Channel:
        return cls(document["audioKey"], tuple(Region(start, end) for start, end in document["speech"]))


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result of Prepare.

    Attributes:
        channels: One, unless every person has an own channel.
        audio: What the transcript says of the sound: levels, damage, channels.
    """

    channels: tuple[Channel, ...]
    samples: int
    started_at: str
    duration_s: float
    speech_s: float
    audio: Json
    chunks: tuple[Chunk, ...]
    receipts: tuple[Receipt, ...]

    @property
    def is_split(self) -> bool:
        """Whether every channel is one person."""
        return len(self.channels) > 1

    @classmethod
    def load(cls, store: Store, key: str) -> Prepared:
        document = store.read_json(key)
        return cls(
            tuple(Channel.from_json(channel) for channel in document["channels"]),
            document["samples"],
            document["startedAt"],
            document["durationSeconds"],
            document["speechSeconds"],
            document["audio"],
            tuple(Chunk.from_event(chunk) for chunk in document["chunks"]),
            tuple(Receipt.from_json(receipt) for receipt in document["receipts"]),
        )

    def read_samples(self, store: Store, start: int, end: int, channel: int = 0) -> Samples:
        """Read samples [start, end) as float32, shape (n,); fewer where the recording ends before."""
        first, last = (WAV_HEADER_BYTES + min(edge, self.samples) * SAMPLE_BYTES for edge in (start, end))
        return to_float(
            np.frombuffer(store.read_bytes(self.channels[channel].audio_key, first, last), np.int16)
        )

    def speech_in(self, chunk: Chunk) -> list[Region]:
        """Return the parts of the speech regions that lie in a chunk."""
        return clip_regions(self.channels[chunk.channel].speech, chunk.start, chunk.end)
