"""The ledger of a device that counts its recordings: per session, those received, missing and lost."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, pairwise
from typing import Any

from rem.core import Json
from rem.core.records import Record

Range = tuple[int, int]  # inclusive
MOST_COUNTED = 2000  # the ledger looks at this many newest recordings: a week of 5-minute chunks
MOST_RESENT = 1000  # one answer asks for this many recordings, the next answer for the next ones
SAID = ("battery", "lost", "clock", "fw")  # what a device tells about itself with a recording
NUMBER_AT_END = re.compile(r"(?P<stem>.*?)(?P<number>[0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One recording of a device that counts.

    Attributes:
        seq: Its number within the session, from 0.
        lost: The device's count of recordings that it could not keep, since it was first switched on.
    """

    session_id: str
    seq: int
    recording_id: str
    started_at: str
    lost: int | None = None

    @classmethod
    def from_record(cls, record: Record) -> Arrival | None:
        """Read a record; None for a recording that was not counted, or whose sound has not arrived."""
        if record.session_id is None or record.seq is None or not record.has_sound:
            return None
        return cls(record.session_id, record.seq, record.recording_id, record.started_at, record.lost)


@dataclass(frozen=True, slots=True)
class SessionLedger:
    """A session's numbers: received, missing and lost together cover 0 to the highest that arrived."""

    session_id: str
    started_at: str
    received: Sequence[Range]
    missing: Sequence[Range]
    lost: Sequence[Range]

    def to_json(self) -> Json:
        return {
            "sessionId": self.session_id,
            "startedAt": self.started_at,
            "received": [list(numbers) for numbers in self.received],
            "missing": [list(numbers) for numbers in self.missing],
            "lost": [list(numbers) for numbers in self.lost],
        }


@dataclass(frozen=True, slots=True)
class Ledger:
    """A device's sessions, the newest first.

    Attributes:
        lost: The device's latest count of recordings that it could not keep; None where it never told one.
        resend: Ids of missing recordings; the device sends those that it still has.
    """

    sessions: Sequence[SessionLedger]
    lost: int | None
    resend: Sequence[str]

    def count_missing(self) -> int:
        return sum(end - start + 1 for session in self.sessions for start, end in session.missing)

    def to_json(self) -> Json:
        sessions = [session.to_json() for session in self.sessions]
        return {"sessions": sessions, "lost": self.lost, "resend": list(self.resend)}


def read_records(records: Sequence[Record], *, is_all: bool) -> Ledger:
    """Build the ledger of one device.

    Args:
        records: The newest first.
        is_all: False where older records exist: the oldest session here may have begun among them.
    """
    arrivals = [arrival for record in records if (arrival := Arrival.from_record(record))]
    if not is_all and arrivals:
        arrivals = [arrival for arrival in arrivals if arrival.session_id != arrivals[-1].session_id]
    return build_ledger(arrivals)


def find_last_said(records: Sequence[Record]) -> Json:
    """Find the last value that a device told of each thing about itself.

    Args:
        records: The newest first.
    """
    return {name: _find_last(getattr(record, name) for record in records) for name in SAID}


def _find_last(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def build_ledger(arrivals: Iterable[Arrival]) -> Ledger:
    """Find the gaps between arrivals. Neither their order nor repetitions make a difference.

    A gap is lost where the device's own count grew by at least its length: these recordings were never kept.
    Any other gap is missing: its recordings may still be on the device.
    """
    by_session: dict[str, dict[int, Arrival]] = defaultdict(dict)
    for arrival in sorted(arrivals, key=lambda a: (a.started_at, a.recording_id)):
        by_session[arrival.session_id].setdefault(arrival.seq, arrival)
    counts = [a.lost for session in by_session.values() for a in session.values() if a.lost is not None]
    settled = [_settle([session[seq] for seq in sorted(session)]) for session in by_session.values()]
    settled.sort(key=lambda pair: pair[0].started_at, reverse=True)
    resend = list(islice((name for _, names in settled for name in names), MOST_RESENT))
    return Ledger([session for session, _ in settled], max(counts, default=None), resend)


def _settle(arrivals: Sequence[Arrival]) -> tuple[SessionLedger, Iterator[str]]:
    """Build one session from arrivals sorted by number, and name its missing recordings."""
    missing: list[Range] = []
    lost: list[Range] = []
    if arrivals[0].seq > 0:
        missing.append((0, arrivals[0].seq - 1))
    for before, after in pairwise(arrivals):
        gap = (before.seq + 1, after.seq - 1)
        if gap[0] <= gap[1]:
            (lost if _grew(before, after) >= gap[1] - gap[0] + 1 else missing).append(gap)
    session = SessionLedger(
        session_id=arrivals[0].session_id,
        started_at=min(arrival.started_at for arrival in arrivals),
        received=_to_ranges([arrival.seq for arrival in arrivals]),
        missing=missing,
        lost=lost,
    )
    return session, _name_missing(arrivals[0], missing)


def _grew(before: Arrival, after: Arrival) -> int:
    return 0 if before.lost is None or after.lost is None else after.lost - before.lost


def _to_ranges(numbers: Sequence[int]) -> list[Range]:
    """Group sorted numbers into ranges, whose members have the same distance to their position."""
    ranges: list[Range] = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        ranges.append((members[0], members[-1]))
    return ranges


def _name_missing(known: Arrival, missing: Sequence[Range]) -> Iterator[str]:
    """Derive the ids of missing recordings, where the device's ids end with a number that counts along."""
    match = NUMBER_AT_END.fullmatch(known.recording_id)
    if match is None:
        return
    first, width = int(match["number"]) - known.seq, len(match["number"])
    for start, end in missing:
        for seq in range(start, end + 1):
            if first + seq >= 0:
                yield f"{match['stem']}{first + seq:0{width}d}"
