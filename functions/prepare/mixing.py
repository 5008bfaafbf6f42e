"""Several channels become one without losing what was said on any of them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from functions.prepare.sound_file import FULL_SCALE
from rem.core.recordings import SAMPLE_RATE_HZ

Floats = npt.NDArray[np.float32]
Block = npt.NDArray[np.int16]  # shape (samples, channels)

LOOK_EVERY_S = 0.25  # one frame of so many seconds is looked at: two percent of the time that decoding takes
AUDIBLE = (FULL_SCALE * 10 ** (-50 / 20)) ** 2  # power; quieter frames are room noise and say nothing
LOST_SHARE = 0.1  # of the loudest channel's power; half of it is lost wherever only one channel speaks
LEAST_LOSSES = 2  # looks, half a second of speech: one frame may cancel by chance
MEMORY_S = 0.2  # over which two channels are compared: longer than a sound, shorter than a sentence
REVERSED, UPRIGHT = -0.5, 0.0  # correlations at which a channel is turned round, and back


class LossCheck:
    """Whether mixing loses sound, found out by a look at the channels now and then."""

    def __init__(self) -> None:
        self._losses = 0
        self._wait_s = 0.0

    def is_due(self, seconds: float) -> bool:
        """Tell whether a frame of this length is the next to be looked at."""
        self._wait_s -= seconds
        if self._wait_s > 0:
            return False
        self._wait_s = LOOK_EVERY_S
        return True

    def look(self, channels: Block, mixed: Block) -> None:
        """Compare the channels of a frame with its mix."""
        loudest = float(np.square(channels, dtype=np.float32).mean(axis=0).max(initial=0.0))
        kept = float(np.square(mixed, dtype=np.float32).mean())
        self._losses += loudest > AUDIBLE and kept < LOST_SHARE * loudest

    @property
    def loses_sound(self) -> bool:
        return self._losses >= LEAST_LOSSES


class Blend:
    """A mix to which every channel contributes alike; one that runs against the others is turned round.

    Args:
        channels: How many there are.
    """

    def __init__(self, channels: int) -> None:
        self._signs = np.ones(channels, np.float32)
        self._products = np.zeros((channels, 3))  # with the mix of those before, and the powers of both

    def mix(self, block: Block) -> Block:
        """Mix the next block into one channel; a turn passes through zero within the block."""
        sound = block.astype(np.float32)
        before = self._signs.copy()
        fade = math.exp(-len(block) / (MEMORY_S * SAMPLE_RATE_HZ))
        total = sound[:, 0].copy()
        for i in range(1, sound.shape[1]):
            channel = sound[:, i]
            self._turn(i, channel, total, fade)
            total += channel * np.linspace(before[i], self._signs[i], len(block), dtype=np.float32)
        mixed: Block = np.rint(total / sound.shape[1]).astype(np.int16)[:, None]
        return mixed

    def _turn(self, i: int, channel: Floats, total: Floats, fade: float) -> None:
        """Decide which way round a channel is mixed to those before it."""
        seen = (channel @ total, channel @ channel, total @ total)
        self._products[i] = fade * self._products[i] + seen
        product, power, others = self._products[i]
        if power > 0 and others > 0:
            correlation = product / math.sqrt(power * others)
            if correlation < REVERSED:
                self._signs[i] = -1.0
            elif correlation > UPRIGHT:
                self._signs[i] = 1.0
