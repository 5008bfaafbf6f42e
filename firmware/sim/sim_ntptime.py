"""ntptime: sets the clock, or is not there."""

import world

host = ""


def settime():
    if not world.has_ntp or world.is_within(world.wifi_down):
        raise OSError("ETIMEDOUT")
    world.rtc_utc_ms = world.start_utc_ms
