"""The world around a simulated device. Its time passes only when the device sleeps."""

now_ms = 0
start_utc_ms = 1_780_000_000_000  # what NTP says at now_ms 0
wifi_down = []  # [(from_ms, to_ms), …]
has_ntp = True
free_bytes = 8 << 20  # of the flash, before anything is recorded
battery_mv = None
microphone_hangs_ms = None  # from then on the peripheral is silent, until it is started anew
pressed = []  # [(from_ms, to_ms), …] the button
rtc_utc_ms = None  # what the device set its clock to, less now_ms
listeners = []  # called with every step of time


def advance(ms):
    global now_ms
    now_ms += ms
    for listener in listeners:
        listener()


def is_within(spans):
    return any(start <= now_ms < end for start, end in spans)
