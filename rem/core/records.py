"""A recording's record: how far it is."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """A recording's life. Only forward: a late duplicate never moves a record back."""

    UPLOADED = "UPLOADED"
    TRANSCRIBING = "TRANSCRIBING"
    TRANSCRIBED = "TRANSCRIBED"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    DELETED = "DELETED"

    @property
    def rank(self) -> int:
        """ERROR ranks with TRANSCRIBING: a redrive may still finish, a finished recording never fails.

        DELETED is the last: no stage that was still at work brings a recording back.
        """
        ranks = {"UPLOADED": 0, "TRANSCRIBING": 1, "ERROR": 1, "TRANSCRIBED": 2, "COMPLETE": 3, "DELETED": 4}
        return ranks[self.value]


FINISHED = (Status.COMPLETE, Status.ERROR)  # no stage is at work on these
