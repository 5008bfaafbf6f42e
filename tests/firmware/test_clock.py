from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import ESTIMATED, NTP, to_iso
from app.httpdate import parse_http_date
from tests.firmware.talks import Ticks


@given(st.integers(0, 4_102_444_800_000))
def test_dates_are_those_of_the_calendar(utc_ms):
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=utc_ms)
    assert datetime.fromisoformat(to_iso(utc_ms)) == expected


@given(st.integers(0, 4_102_444_800))
def test_the_servers_date_is_read_as_it_was_written(utc_s):
    text = datetime.fromtimestamp(utc_s, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert parse_http_date(text) == utc_s * 1000


@pytest.mark.parametrize(
    "text", ["", "yesterday", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT"]
)
def test_what_is_no_date_is_none(text):
    assert parse_http_date(text) is None


def test_the_clock_outlives_its_ticks():
    ticks = Ticks()
    clock = ticks.clock()
    for day in range(1, 40):
        ticks.now_ms = day * 86_400_000
        assert clock.now_ms() == ticks.now_ms


def test_an_estimate_never_replaces_what_ntp_said():
    clock = Ticks().clock()
    assert clock.to_utc_ms(0) is None
    clock.set_utc(5_000, ESTIMATED)
    clock.set_utc(6_000, NTP)
    clock.set_utc(9_000, ESTIMATED)
    assert (clock.to_utc_ms(0), clock.source, clock.is_exact) == (6_000, NTP, True)
