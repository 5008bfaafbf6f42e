"""A recorder with a clock that counts its blocks, for tests that need no simulated device."""

from __future__ import annotations

import numpy as np

from app import wav
from app.clock import Clock
from app.recorder import Recorder
from app.store import Store
from app.vad import Vad
from tests.firmware.flash import Flash
from tests.firmware.sound import speech, to_words

START_UTC_MS = 1_780_000_000_000


class Ticks:
    """The two functions of MicroPython's time module that the clock wants."""

    def __init__(self) -> None:
        self.now_ms = 0

    def read(self) -> int:
        return self.now_ms % (1 << 30)

    def subtract(self, later: int, earlier: int) -> int:
        return (later - earlier + (1 << 29)) % (1 << 30) - (1 << 29)

    def clock(self) -> Clock:
        return Clock(self.read, self.subtract)


class Bench:
    """A device from the microphone's words to the files, without hardware."""

    def __init__(
        self, flash: Flash, *, boot: int = 1, chunk_blocks: int = 4720, has_date: bool = True
    ) -> None:
        self.flash, self.ticks = flash, Ticks()
        self.clock = self.ticks.clock()
        if has_date:
            self.clock.set_utc(START_UTC_MS)
        self.store = Store(flash, "/rec", "desk", boot, self.clock)
        self._heard = 0
        self.recorder = Recorder(self.store, Vad(), 16, True, chunk_blocks)

    def hear(self, pcm: np.ndarray) -> None:
        for at in range(0, len(pcm) - wav.BLOCK_SAMPLES + 1, wav.BLOCK_SAMPLES):
            self._heard += 1
            self.ticks.now_ms = wav.to_ms(self._heard)
            self.recorder.add(to_words(pcm[at : at + wav.BLOCK_SAMPLES]), self.clock.now_ms())

    def waiting(self) -> list[str]:
        return sorted(p for p in self.flash.files if p.endswith(".wav"))


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * 16_000), np.int16)


def talk(seconds: float, before_s: float = 1.5, after_s: float = 4) -> np.ndarray:
    return np.concatenate([silence(before_s), speech(seconds, 1.5), silence(after_s)])
