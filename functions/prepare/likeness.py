"""Which of several sounds add nothing: silent ones, copies, sums of the others, parts of another."""

from __future__ import annotations

import wave
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from functions.prepare.sound_file import FULL_SCALE

Floats = npt.NDArray[np.float64]

# Sounds are compared by the power in 24 bands of windows of 0.13 s: another codec, level, polarity or some
# milliseconds of delay change little of that. The cosine of amplitudes, measured on speech: copies through
# AAC, MP3 and Opus 0.998, a copy 20 ms late 0.958, two microphones that hear each other at -6 dB 0.83, two
# people 0.0.
WINDOW_SAMPLES = 2048
BANDS = 24
BLOCK_WINDOWS = 512
SILENT_DBFS = -65.0  # of the loudest window; a microphone that is switched on hears its room above this
COPY = 0.97  # cosine of two sounds' amplitudes
SUM = 0.9  # share of a sound's power that the others together explain
INSIDE = 0.8  # share of a sound's power that another one has at the same level, give or take INSIDE_DB
INSIDE_DB = 3.0


class Reason(StrEnum):
    """The reason why a sound need not be heard."""

    SILENT = "silent"
    COPY = "a copy of another"
    SUM = "the sum of the others"
    INSIDE = "contained in another"


class Likeness:
    """How much some sounds of equal length have in common. Memory does not grow with their length."""

    def __init__(self, paths: Sequence[Path]) -> None:
        count = len(paths)
        self._loudest = np.zeros(count)
        self._amplitudes = np.zeros((count, count))
        self._powers = np.zeros((count, count))
        self._inside = np.zeros((count, count))  # power of a row's sound that a column's sound has too
        self._total = np.zeros(count)
        for block in _read_bands(paths):
            self._add(block)

    def _add(self, powers: Floats) -> None:
        """Add a block of powers, (sounds, windows, bands) relative to full scale."""
        self._loudest = np.maximum(self._loudest, powers.sum(axis=2).max(axis=1, initial=0.0))
        flat = powers.reshape(len(powers), -1)
        amplitudes = np.sqrt(flat)
        self._amplitudes += amplitudes @ amplitudes.T
        self._powers += flat @ flat.T
        self._total += flat.sum(axis=1)
        least, most = 10 ** (-INSIDE_DB / 10), 10 ** (INSIDE_DB / 10)
        for i, sound in enumerate(flat):
            is_same = (flat >= least * sound) & (flat <= most * sound)
            self._inside[i] += is_same @ sound

    def find_needless(self) -> dict[int, Reason]:
        """Find the sounds that need not be heard, by number; never all of them unless all are silent."""
        needless = {i: Reason.SILENT for i in range(len(self._total)) if self._is_silent(i)}
        for find in (self._find_copies, self._find_sums, self._find_inside):
            needless |= find([i for i in range(len(self._total)) if i not in needless])
        return needless

    def _is_silent(self, i: int) -> bool:
        return bool(self._loudest[i] <= 10 ** (SILENT_DBFS / 10))

    def _find_copies(self, rest: list[int]) -> dict[int, Reason]:
        kept: list[int] = []
        for i in rest:
            if not any(self._share(i, j) >= COPY for j in kept):
                kept.append(i)
        return {i: Reason.COPY for i in rest if i not in kept}

    def _share(self, i: int, j: int) -> float:
        a = self._amplitudes
        return float(a[i, j] / np.sqrt(a[i, i] * a[j, j]))

    def _find_sums(self, rest: list[int]) -> dict[int, Reason]:
        """Find a sound that two or more of the others together make up: the mix beside its parts."""
        for i in rest:
            others = [j for j in rest if j != i]
            if len(others) > 1 and self._explain(i, others) >= SUM:
                return {i: Reason.SUM}
        return {}

    def _explain(self, i: int, others: list[int]) -> float:
        """Find the share of a sound's power that a sum of others explains; 0 for a difference."""
        among, toward = self._powers[np.ix_(others, others)], self._powers[others, i]
        gains = np.linalg.lstsq(among, toward, rcond=None)[0]
        return float(gains @ toward / self._powers[i, i]) if (gains > 0).all() else 0.0

    def _find_inside(self, rest: list[int]) -> dict[int, Reason]:
        """Find a sound that another one contains: a microphone beside the mix that it went into."""
        inside: dict[int, Reason] = {}
        for i in rest:
            shares = [self._inside[i, j] / self._total[i] for j in rest if j != i and j not in inside]
            if max(shares, default=0.0) >= INSIDE:
                inside[i] = Reason.INSIDE
        return inside


def _read_bands(paths: Sequence[Path]) -> Iterator[Floats]:
    """Read sounds side by side: the power of each (sound, window, band), block after block."""
    edges = np.unique(np.round(np.geomspace(4, WINDOW_SAMPLES // 2, BANDS + 1)).astype(int))
    taper = np.hanning(WINDOW_SAMPLES)
    taper *= (
        np.sqrt(2 / np.square(taper).mean()) / WINDOW_SAMPLES / FULL_SCALE
    )  # powers add up to the window's own
    with ExitStack() as stack:
        files = [stack.enter_context(wave.open(str(path))) for path in paths]
        while True:
            blocks = [np.frombuffer(f.readframes(BLOCK_WINDOWS * WINDOW_SAMPLES), np.int16) for f in files]
            windows = max(-(-len(block) // WINDOW_SAMPLES) for block in blocks)
            if not windows:
                return
            sound = np.zeros((len(blocks), windows * WINDOW_SAMPLES))
            for i, block in enumerate(blocks):
                sound[i, : len(block)] = block
            spectrum = np.fft.rfft(sound.reshape(len(blocks), windows, WINDOW_SAMPLES) * taper)
            yield np.add.reduceat(np.abs(spectrum) ** 2, edges[:-1], axis=2)
