"""Reads a Date header. Loaded only where there is no NTP."""

from app.clock import DAY_S

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def _to_days(year, month, day):
    """Days since 1970-01-01 (Howard Hinnant's days_from_civil)."""
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def parse_http_date(text):
    """Milliseconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT"; None if it is not one."""
    try:
        _, day, month, year, clock, _ = text.split()
        hour, minute, second = clock.split(":")
        days = _to_days(int(year), MONTHS.index(month) + 1, int(day))
        return (days * DAY_S + int(hour) * 3600 + int(minute) * 60 + int(second)) * 1000
    except ValueError:
        return None
