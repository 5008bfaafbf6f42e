"""Announcements: everything that a device says about a recording beside its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from rem.core.moments import is_plausible
from rem.core.recordings import ENDED_AT, SHA256, STARTED_AT, Recording, raw_key

WRONG_CLOCK = "wrong"


@dataclass(frozen=True, slots=True)
class Announcement:
    """The announcement of a recording by its device, before anybody reads the bytes.

    Attributes:
        recording_id: None to derive one from the device and the content.
        sha256: Hash of the whole file, in hex.
        details: Further attributes of the record: ended_at, session_id, seq, battery, lost, clock, fw.
        claimed: The start that the device told, where another one is taken; ISO 8601.
    """

    device_id: str
    started_at: datetime
    recording_id: str | None = None
    sha256: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    claimed: str = ""

    @property
    def claim(self) -> str:
        """Return the start as the device told it, in ISO 8601."""
        return self.claimed or self.started_at.isoformat(timespec="milliseconds")

    def build_id(self, digest: str) -> str:
        """Build an id of the device, the bytes and their place in time: equal bytes at two times are two."""
        place = (self.claim, self.details.get("session_id"), self.details.get("seq"))
        name = hashlib.sha256(f"{digest} {place}".encode()).hexdigest()
        return f"{self.device_id[:100]}-{name[:16]}"

    def mend_clock(self, now: datetime) -> Announcement:
        """Take the moment of arrival in the place of a start that no clock can have shown, and mark it."""
        if is_plausible(self.started_at, now):
            return self
        details = {**self.details, "clock": WRONG_CLOCK, "claimed_started_at": self.claim}
        if ended_at := self.details.get("ended_at"):
            length = datetime.fromisoformat(str(ended_at)) - self.started_at
            details["ended_at"] = (now + length).isoformat(timespec="milliseconds")
        return replace(self, started_at=now, claimed=self.claim, details=details)

    def identify(self, user_id: str, bucket: str, kind: str, digest: str) -> Recording:
        """Build the recording's identity.

        An id that is not given is derived from all that was told: a repeat after a lost answer is known.
        """
        started_at = self.started_at.astimezone(UTC)
        recording_id = self.recording_id or self.build_id(digest)
        key = raw_key(user_id, self.device_id, started_at, recording_id, kind)
        moment = started_at.isoformat(timespec="milliseconds")
        return Recording(recording_id, user_id, self.device_id, moment, bucket, key)

    def describe(self, recording: Recording, digest: str) -> dict[str, str]:
        """Describe the sound in its S3 metadata. From the two times the starter computes a clip's length."""
        metadata = {STARTED_AT: recording.started_at, SHA256: digest}
        ended_at = self.details.get("ended_at")
        return metadata | ({ENDED_AT: str(ended_at)} if ended_at else {})
