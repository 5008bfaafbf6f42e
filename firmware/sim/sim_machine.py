"""machine: pins, a microphone that hears a WAV file, restarts that end the program."""

from array import array

import world

RATE_PER_MS = 16
FRAME_BYTES = 8  # the DMA ring holds 32-bit stereo whatever was asked for
WAV_HEADER_BYTES = 44

sound = None  # path of what the microphone hears


class Pin:
    IN = OUT = PULL_UP = 0

    def __init__(self, number, *args):
        self.number = number

    def value(self, level=None):
        return 0 if world.is_within(world.pressed) else 1


class I2S:
    RX = MONO = 0

    def __init__(self, number, *, sck, ws, sd, mode, bits, format, rate, ibuf):
        self._is_wide = bits == 32
        self._ring = ibuf // FRAME_BYTES
        self._begin_ms = world.now_ms
        self._taken = 0
        self._queue = []
        self._handler = None
        self._file = open(sound, "rb")  # noqa: SIM115 - closed by deinit
        world.listeners.append(self._flow)

    def irq(self, handler):
        self._handler = handler

    def readinto(self, buffer):
        if len(self._queue) < 2:  # the driver drops a third without a word
            self._queue.append(buffer)

    def deinit(self):
        world.listeners.remove(self._flow)
        self._file.close()

    def _flow(self):
        hangs_ms = world.microphone_hangs_ms
        if hangs_ms is not None and self._begin_ms < hangs_ms <= world.now_ms:
            return
        due = (world.now_ms - self._begin_ms) * RATE_PER_MS
        while self._queue and due - self._taken >= len(self._queue[0]):
            buffer = self._queue.pop(0)
            self._fill(buffer)
            self._handler(self)
        if not self._queue and due - self._taken > self._ring:
            self._taken = due - self._ring

    def _fill(self, buffer):
        self._file.seek(WAV_HEADER_BYTES + 2 * (self._taken + self._begin_ms * RATE_PER_MS))
        content = self._file.read(2 * len(buffer))
        samples = array("h", content + bytes(2 * len(buffer) - len(content)))
        self._taken += len(buffer)
        if self._is_wide:
            for i in range(len(buffer)):
                buffer[i] = samples[i] << 16
        else:
            for i in range(len(buffer)):
                buffer[i] = samples[i] & 0xFFFF


class ADC:
    def __init__(self, pin):
        pass

    def read_uv(self):
        return world.battery_mv * 1000


class WDT:
    def __init__(self, timeout):
        self._timeout_ms = timeout
        self._fed_ms = world.now_ms
        world.listeners.append(self._look)

    def feed(self):
        self._fed_ms = world.now_ms

    def _look(self):
        if world.now_ms - self._fed_ms > self._timeout_ms:
            raise SystemExit("watchdog")


def freq(hz):
    pass


def reset():
    raise SystemExit("reset")


def deepsleep(ms):
    raise SystemExit(f"deep sleep for {ms // 60_000} minutes")
