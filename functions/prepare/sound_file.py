"""A 16 kHz mono WAV that grows block by block, with its levels and the silence that was filled in."""

from __future__ import annotations

import math
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rem.core.chunks import Region
from rem.core.errors import InputError
from rem.core.recordings import SAMPLE_RATE_HZ

Pcm = npt.NDArray[np.int16]
FULL_SCALE = 32767
CLIPPED_AT = 32_000  # resampling rounds the flat tops of clipped samples a little below full scale
BLOCK_SAMPLES = SAMPLE_RATE_HZ  # measured and written together: numpy's overhead per call counts
MOST_SAMPLES = (2**32 - 64) // 2  # a WAV's sizes have 32 bits: 37 hours
LOWEST_DBFS = -100.0


@dataclass(frozen=True, slots=True)
class Loudness:
    """Levels of the decoded audio in dB relative to full scale; clipped is a share of all samples."""

    peak_dbfs: float
    rms_dbfs: float
    clipped: float


class SoundFile:
    """A WAV that is written from its start to its end. Memory holds one block, whatever the length."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.samples = 0
        self.silences: list[Region] = []  # that no recorder wrote
        self.meter = Meter()
        self._waiting: list[Pcm] = []
        self._waiting_samples = 0
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 - open until `close`
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(SAMPLE_RATE_HZ)

    def add(self, pcm: Pcm) -> None:
        """Append samples."""
        self._waiting.append(pcm)
        self._waiting_samples += len(pcm)
        self._grow(len(pcm))
        if self._waiting_samples >= BLOCK_SAMPLES:
            self._write_waiting()

    def fill_to(self, samples: int) -> None:
        """Append silence until the file has so many samples; nothing where it has them."""
        missing = samples - self.samples
        if missing <= 0:
            return
        self._write_waiting()
        self.silences.append(Region(self.samples, samples))
        self._grow(missing)
        for start in range(0, missing, BLOCK_SAMPLES):
            self._file.writeframesraw(bytes(2 * min(BLOCK_SAMPLES, missing - start)))

    def close(self) -> None:
        """Write what is left and the header's sizes."""
        self._write_waiting()
        self._file.close()

    def _grow(self, samples: int) -> None:
        self.samples += samples
        if self.samples > MOST_SAMPLES:
            raise InputError("the recording is longer than 37 hours: cut it into parts")

    def _write_waiting(self) -> None:
        if self._waiting:
            block = np.concatenate(self._waiting)
            self.meter.add(block)
            self._file.writeframesraw(block.tobytes())
            self._waiting, self._waiting_samples = [], 0


class Meter:
    """The levels of sound that passes by in blocks."""

    def __init__(self) -> None:
        self.samples = self._clipped = self._peak = 0
        self._energy = 0.0

    def add(self, block: Pcm) -> None:
        wide = np.abs(block.astype(np.int32))
        self.samples += len(block)
        self._peak = max(self._peak, int(wide.max(initial=0)))
        self._clipped += int((wide >= CLIPPED_AT).sum())
        self._energy += float(np.square(wide, dtype=np.float64).sum())

    def join(self, other: Meter) -> None:
        """Take in what another one measured."""
        self.samples += other.samples
        self._peak = max(self._peak, other._peak)
        self._clipped += other._clipped
        self._energy += other._energy

    def read(self) -> Loudness:
        samples = max(self.samples, 1)
        rms = math.sqrt(self._energy / samples)
        return Loudness(_to_dbfs(self._peak), _to_dbfs(rms), round(self._clipped / samples, 6))


def _to_dbfs(level: float) -> float:
    return round(20 * math.log10(level / FULL_SCALE), 1) if level > 0 else LOWEST_DBFS
