"""Time without a clock chip: milliseconds since boot, and their date once the network said it."""

NTP = "ntp"
ESTIMATED = "estimated"
DAY_S = 86_400


class Clock:
    def __init__(self, ticks_ms, ticks_diff):
        """The two functions of MicroPython's time module; ticks wrap after six days, this clock does not."""
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._last = ticks_ms()
        self._now_ms = 0
        self._boot_utc_ms = None
        self.source = None

    def now_ms(self):
        """Milliseconds since boot; to be asked at least once in six days."""
        ticks = self._ticks_ms()
        self._now_ms += self._ticks_diff(ticks, self._last)
        self._last = ticks
        return self._now_ms

    def set_utc(self, utc_ms, source=NTP):
        """Learn the date. An estimate never replaces what NTP said."""
        if source == NTP or self.source != NTP:
            self._boot_utc_ms = utc_ms - self.now_ms()
            self.source = source

    @property
    def is_exact(self):
        return self.source == NTP

    def to_utc_ms(self, boot_ms):
        """None while nobody said the date."""
        return None if self._boot_utc_ms is None else self._boot_utc_ms + boot_ms


def _from_days(days):
    """Year, month and day of a day since 1970-01-01 (Howard Hinnant's civil_from_days).

    Ports of MicroPython disagree about their epoch; this does not.
    """
    days += 719_468
    era = days // 146_097
    day_of_era = days - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * day_of_year + 2) // 153
    month = month_index + (3 if month_index < 10 else -9)
    year = year_of_era + era * 400 + (month <= 2)
    return year, month, day_of_year - (153 * month_index + 2) // 5 + 1


def to_iso(utc_ms):
    seconds, ms = divmod(utc_ms, 1000)
    days, second = divmod(seconds, DAY_S)
    year, month, day = _from_days(days)
    hour, minute, second = second // 3600, second // 60 % 60, second % 60
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{ms:03d}Z"
