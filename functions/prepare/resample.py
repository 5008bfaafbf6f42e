"""Frames of any rate, format and number of channels become 16 kHz 16-bit blocks. Knows PyAV's frames."""

from __future__ import annotations

from enum import StrEnum

import av
import numpy as np

from functions.prepare.mixing import Blend, Block, LossCheck
from rem.core.recordings import SAMPLE_RATE_HZ

LEAST_HZ, MOST_HZ = 1_000, 1_000_000  # of telegraph lines, of studios; beyond, a header is damaged
MOST_CHANNELS = 64  # of the largest recorders


class Shape(StrEnum):
    """The way in which a track's channels are heard."""

    MIX = "mix"  # as one, mixed by FFmpeg
    BLEND = "blend"  # as one, mixed here: no channel is left out, none cancels another
    APART = "apart"  # each by itself


class Resampler:
    """A resampler that goes on when the format of the frames changes."""

    def __init__(self, shape: Shape) -> None:
        self.channels = 0  # most that a frame had
        self.check = LossCheck()
        self._shape = shape
        self._format: tuple[int, str, int] | None = None
        self._resampler: av.AudioResampler | None = None
        self._looker: _Looker | None = None
        self._blend: Blend | None = None

    def convert(self, frame: av.AudioFrame) -> list[Block]:
        """Resample a frame; some of its last samples come with the next one."""
        found = (frame.sample_rate, frame.format.name, frame.layout.nb_channels)
        drained: list[Block] = []
        if found != self._format or self._resampler is None:
            drained = self.drain()
            self._resampler = self._set_up(frame)
            self._format = found
        if self._looker and self.check.is_due(frame.samples / frame.sample_rate):
            self.check.look(*self._looker.read(frame))
        return drained + [self._to_block(part) for part in self._resampler.resample(frame)]

    def drain(self) -> list[Block]:
        """Take out the last samples; the next frame finds an empty resampler."""
        parts = self._resampler.resample(None) if self._resampler else []
        blocks = [
            self._to_block(part) for part in parts if part
        ]  # without work to do, it hands the None back
        self._format = self._resampler = None
        return blocks

    def _set_up(self, frame: av.AudioFrame) -> av.AudioResampler:
        channels = frame.layout.nb_channels
        self.channels = max(self.channels, channels)
        # Nobody said what these channels are: FFmpeg would guess surround sound and drop the bass.
        is_unnamed = channels > 2 and frame.layout.name == f"{channels} channels"
        is_mixed = channels == 1 or (self._shape == Shape.MIX and not is_unnamed)
        self._blend = None if is_mixed or self._shape == Shape.APART else Blend(channels)
        self._looker = _Looker(frame) if is_mixed and channels > 1 else None
        layout = "mono" if is_mixed else frame.layout
        return av.AudioResampler(format="s16", layout=layout, rate=SAMPLE_RATE_HZ)

    def _to_block(self, part: av.AudioFrame) -> Block:
        block = _read_packed(part)
        return self._blend.mix(block) if self._blend else block


def is_plausible(frame: av.AudioFrame) -> bool:
    """Tell whether there can be such a sound: a resampler for a rate out of a damaged header takes 600 MB."""
    rate_hz, channels = int(frame.sample_rate), int(frame.layout.nb_channels)
    return LEAST_HZ <= rate_hz <= MOST_HZ and 0 < channels <= MOST_CHANNELS


class _Looker:
    """The channels of a frame beside its mix, at the frame's own rate."""

    def __init__(self, frame: av.AudioFrame) -> None:
        self._apart = av.AudioResampler(format="s16", layout=frame.layout, rate=frame.sample_rate)
        self._mix = av.AudioResampler(format="s16", layout="mono", rate=frame.sample_rate)

    def read(self, frame: av.AudioFrame) -> tuple[Block, Block]:
        (apart,), (mixed,) = self._apart.resample(frame), self._mix.resample(frame)
        return _read_packed(apart), _read_packed(mixed)


def _read_packed(part: av.AudioFrame) -> Block:
    """Read a packed frame; PyAV 18.1's `planes` reads beyond the end of one with eight planes."""
    channels = part.layout.nb_channels
    return np.frombuffer(part.planes[0], np.int16, part.samples * channels).reshape(-1, channels)
