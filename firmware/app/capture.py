"""The microphone: I2S with interrupts and three buffers. A stall shorter than two of them loses nothing.

MicroPython's driver copies from its DMA ring into the one buffer in flight, keeps one more queued, and drops
a third without a word; so never more than two are handed over, and the third is the one being read.
"""

from array import array

from machine import I2S, Pin

from app import wav

BUFFERS = 3
SILENT_MS = 5_000  # no buffer for so long: start the peripheral anew
GAP_MS = 60  # a callback that stays this late has lost samples
LOOKS = 4  # callbacks; a stall alone is caught up within two


class Capture:
    def __init__(self, board, clock):
        self._board = board["microphone"]
        self._clock = clock
        self._blocks = self._board["buffer_blocks"]
        self._buffer_ms = wav.to_ms(self._blocks)
        kind, sample_bytes = ("i", 4) if self._board["bits"] == 32 else ("H", 2)
        size_bytes = self._blocks * wav.BLOCK_SAMPLES * sample_bytes
        self._buffers = [memoryview(array(kind, bytes(size_bytes))) for _ in range(BUFFERS)]
        self._i2s = None
        self.gap_ms = 0  # sound lost so far
        self.heard = 0  # buffers since boot
        self.heard_ms = 0  # when the last one was taken

    @property
    def is_running(self):
        return self._i2s is not None

    def start(self):
        pins = {name: Pin(self._board[name]) for name in ("sck", "ws", "sd")}
        self._i2s = I2S(
            0,
            sck=pins["sck"],
            ws=pins["ws"],
            sd=pins["sd"],
            mode=I2S.RX,
            bits=self._board["bits"],
            format=I2S.MONO,
            rate=wav.RATE_HZ,
            ibuf=self._board["dma_bytes"],
        )
        self._flying, self._ready, self._free = [], [], list(range(BUFFERS))
        self._begin_ms = self._last_ms = self._clock.now_ms()
        self._done = 0
        self._lags = []
        self._i2s.irq(self._on_filled)
        self._submit()

    def stop(self):
        if self._i2s is not None:
            self._i2s.deinit()
            self._i2s = None

    def _submit(self):
        while self._free and len(self._flying) < BUFFERS - 1:
            index = self._free.pop(0)
            self._flying.append(index)
            self._i2s.readinto(self._buffers[index])

    def _on_filled(self, _):
        """Runs between two bytecodes of the main thread, not in the interrupt: it may allocate."""
        if not self._flying:
            return
        self._ready.append(self._flying.pop(0))
        self._submit()

    def blocks(self):
        """Give new blocks: (words of one block, milliseconds since boot at its end)."""
        now_ms = self._clock.now_ms()
        if self._i2s is not None and now_ms - self._last_ms > SILENT_MS:
            self.stop()
            self.start()
        while self._i2s is not None and self._ready:
            index = self._ready.pop(0)
            self._account(now_ms)
            buffer = self._buffers[index]
            start_ms = self._begin_ms + wav.to_ms(self._done * self._blocks)
            for number in range(self._blocks):
                at = number * wav.BLOCK_SAMPLES
                yield buffer[at : at + wav.BLOCK_SAMPLES], start_ms + wav.to_ms(number + 1)
            self._done += 1
            self.heard += 1
            self._free.append(index)
            self._submit()

    def _account(self, now_ms):
        """Samples count the time. Where they fall behind the clock for good, sound was lost."""
        self._last_ms = self.heard_ms = now_ms
        lag_ms = now_ms - self._begin_ms - wav.to_ms((self._done + 1) * self._blocks)
        self._lags = self._lags[1 - LOOKS :] + [lag_ms]
        lost_ms = min(self._lags)
        if len(self._lags) == LOOKS and lost_ms > GAP_MS:
            self.gap_ms += lost_ms
            self._begin_ms += lost_ms
            self._lags = []
