"""Where decoded sound belongs in the recording: the container's clock, the holes in it, the damage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

# FFmpeg's own limit (aresample's min_hard_comp). Container times are rounded to milliseconds and jitter by
# some tens of them; a word that is 0.1 s off still stands at its place.
STEADY_S = 0.1
EXACT_S = 0.001  # a gap with a known cause is filled from here on
STEP_S = 0.04  # a frame so much later than the end of the one before it follows a hole, not a slow clock
RESTART_S = 1.0  # a larger step back is a clock that began anew, as where files were joined
LONGEST_SILENCE_S = 12 * 3600.0  # one night; more is a clock that was set meanwhile, or a damaged time
PACE = 0.02  # share by which a drifting track is read faster or slower: inaudible, and no sample is dropped
JOIN_S = 1.0  # damage of one cause closer than this is told as one
MOST_DAMAGE = 200  # entries told; the rest is joined to the last


class Cause(StrEnum):
    """The reason why sound is missing."""

    UNDECODABLE = "undecodable"  # packets that no decoder understands
    HOLE = "hole"  # the container's clock goes on, without packets
    CUT_OFF = "cut-off"  # the file ends before its own index does


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of the recording, in seconds from its start, in which sound is missing."""

    start_s: float
    end_s: float
    cause: Cause
    missing_s: float

    def to_json(self) -> dict[str, object]:
        return {
            "start": round(self.start_s, 3),
            "end": round(self.end_s, 3),
            "kind": self.cause.value,
            "secondsMissing": round(self.missing_s, 3),
        }


def join_damage(found: Sequence[Damage]) -> list[Damage]:
    """Order damage by time and join neighbours of one cause; at most MOST_DAMAGE entries are left."""
    joined: list[Damage] = []
    for damage in sorted(found, key=lambda damage: damage.start_s):
        last = joined[-1] if joined else None
        is_near = last is not None and damage.start_s - last.end_s <= JOIN_S and damage.cause == last.cause
        if last is not None and (is_near or len(joined) == MOST_DAMAGE):
            end_s = max(last.end_s, damage.end_s)
            joined[-1] = replace(last, end_s=end_s, missing_s=last.missing_s + damage.missing_s)
        else:
            joined.append(damage)
    return joined


class Clock:
    """The place of each frame of one track in the recording, in seconds.

    Args:
        start_s: The container's time at which the recording begins; None for a format without times of its
            own, whose frames follow each other.
    """

    def __init__(self, start_s: float | None) -> None:
        self.now_s = 0.0  # the end of what was placed
        self.pace = 1.0  # how much faster than its rate says the track is to be read
        self._start_s = start_s
        self._last_end_s: float | None = None  # of the frame before, by the container's times
        self._filled_s = 0.0

    def find_jump(self, frame_s: float | None, lost_s: float) -> int:
        """Tell whether a frame's time jumps: 1 beyond what is known to be lost, -1 back, 0 for neither."""
        if frame_s is None or self._start_s is None:
            return 0
        lead_s = frame_s - self._start_s - self.now_s
        return int(lead_s - lost_s > RESTART_S) - int(lead_s < -RESTART_S)

    def agrees(self, jumped_s: float | None, next_s: float | None) -> bool:
        """Tell whether the frame after one whose time jumps is nearer to that time than to `now_s`."""
        if jumped_s is None or next_s is None or self._start_s is None:
            return False
        expected_s = self._start_s + self.now_s
        return abs(next_s - jumped_s) <= abs(next_s - expected_s)

    def find_gap(self, frame_s: float | None, lost_s: float) -> float:
        """Find the seconds of silence that belong before a frame.

        Args:
            lost_s: The length of the packets before it that could not be decoded.
        """
        if frame_s is None or self._start_s is None:
            return lost_s
        lead_s = frame_s - self._start_s - self.now_s  # how much later than `now_s` the frame belongs
        if lead_s < -RESTART_S or lead_s > LONGEST_SILENCE_S - self._filled_s:
            self._start_s += lead_s
            return 0.0
        if lead_s > (EXACT_S if lost_s else STEADY_S) and (lost_s or self._is_sudden(frame_s)):
            return lead_s
        self._keep_pace(lead_s)
        return 0.0

    def _is_sudden(self, frame_s: float) -> bool:
        return self._last_end_s is None or frame_s - self._last_end_s > STEP_S

    def _keep_pace(self, lead_s: float) -> None:
        """Follow times that drift from the samples, as those of a wall clock beside a sound card do."""
        if abs(lead_s) > STEADY_S:
            self.pace = 1.0 - PACE if lead_s > 0 else 1.0 + PACE
        elif (lead_s > 0) != (self.pace < 1.0):
            self.pace = 1.0

    def skip(self, gap_s: float) -> None:
        """Leave a gap."""
        self.now_s += gap_s
        self._filled_s += gap_s

    def place(self, frame_s: float | None, seconds: float) -> None:
        """Put a frame behind what was placed."""
        self.now_s += seconds / self.pace
        self._last_end_s = None if frame_s is None else frame_s + seconds
