from datetime import UTC, datetime, timedelta, timezone

import pytest

from rem.core.errors import InputError
from rem.core.moments import is_plausible, parse_moment

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_a_time_with_a_zone_keeps_it():
    assert parse_moment("2026-11-24T09:30:00+02:00").utcoffset() == timedelta(hours=2)
    assert parse_moment("2026-11-24T09:30Z") == datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def test_a_time_without_a_zone_is_local_time():
    assert parse_moment("2026-11-24 09:30", timezone(timedelta(hours=5))).utcoffset() == timedelta(hours=5)
    assert parse_moment("2026-11-24T09:30") == datetime(2026, 11, 24, 9, 30).astimezone()


@pytest.mark.parametrize("text", ["", "yesterday", "24.11.2026", "2026-13-01"])
def test_what_is_no_time_is_refused_with_an_example(text):
    with pytest.raises(InputError, match=r"is no time: write 2026-11-24T09:30"):
        parse_moment(text)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (datetime(2000, 1, 1, tzinfo=UTC), True),
        (NOW + timedelta(hours=23), True),
        (NOW + timedelta(hours=25), False),
        (datetime(2099, 1, 1, tzinfo=UTC), False),
    ],
)
def test_a_clock_is_doubted_before_2000_and_after_tomorrow(moment, expected):
    assert is_plausible(moment, NOW) == expected
