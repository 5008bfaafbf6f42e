"""Moments as people and recorders write them, some of which cannot be true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from rem.core.errors import InputError

EARLIEST = datetime(
    2000, 1, 1, tzinfo=UTC
)  # an earlier clock was never set: most begin in 1904, 1970 or 1980
LEEWAY = timedelta(days=1)  # a clock may be ahead by a zone, not by more


def parse_moment(text: str, zone: tzinfo | None = None) -> datetime:
    """Read an ISO 8601 time. A time without a zone is local time.

    Args:
        zone: The zone of a time without one; None for this machine's.

    Returns:
        The moment, with its zone.

    Raises:
        InputError: it is no such time.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(
            f"'{text}' is no time: write 2026-11-24T09:30, and Z or +02:00 behind it for another zone"
        ) from error
    if moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=zone) if zone else moment.astimezone()


def is_plausible(moment: datetime, now: datetime) -> bool:
    """Tell a clock that may be right from one that was never set, or runs far ahead.

    Args:
        moment, now: With zones.
    """
    return EARLIEST <= moment <= now + LEEWAY
