"""time, as on an ESP32: ticks that wrap, an epoch of 2000."""

import world

WRAP = 1 << 30
EPOCH_MS = 946_684_800_000


def ticks_ms():
    return (
        world.now_ms + WRAP - 5_000
    ) % WRAP  # wraps five seconds after the start, so that everything meets it


def ticks_diff(later, earlier):
    return (later - earlier + WRAP // 2) % WRAP - WRAP // 2


def sleep_ms(ms):
    world.advance(ms)


def time():
    if world.rtc_utc_ms is None:
        return world.now_ms // 1000
    return (world.rtc_utc_ms + world.now_ms - EPOCH_MS) // 1000


def gmtime(seconds):
    return (2000, 1, 1, 0, 0, seconds, 5, 1)
