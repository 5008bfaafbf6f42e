"""The record of a recording: its identity, its status, and everything that is known of it by now.

The only place that knows the names under which a catalog stores a record's attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rem.core.recordings import Recording


class Status(StrEnum):
    """The stations of a recording's life, which moves only forward: a late duplicate changes nothing."""

    UPLOADED = "UPLOADED"
    TRANSCRIBING = "TRANSCRIBING"
    TRANSCRIBED = "TRANSCRIBED"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    DELETED = "DELETED"

    @property
    def rank(self) -> int:
        """Rank ERROR with TRANSCRIBING: a redrive may still finish, but a finished recording never fails.

        DELETED ranks highest: no stage that was still at work brings a recording back.
        """
        ranks = {"UPLOADED": 0, "TRANSCRIBING": 1, "ERROR": 1, "TRANSCRIBED": 2, "COMPLETE": 3, "DELETED": 4}
        return ranks[self.value]


FINISHED = (Status.COMPLETE, Status.ERROR)  # no stage is at work on these
UPLOAD = "upload"  # it stands for the stage where the sound never arrived


@dataclass(frozen=True, slots=True)
class FailureReport:
    """The reason why a recording is in ERROR, in a sentence for its owner.

    Attributes:
        stage: Its name in stages.yaml, or UPLOAD; empty where no stage ran.
        error: Name of the error's class.
    """

    stage: str
    error: str
    message: str
    is_redrivable: bool

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> FailureReport:
        return cls(item["stage"], item["error"], item["message"], item["redrivable"])

    def to_item(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "error": self.error,
            "message": self.message,
            "redrivable": self.is_redrivable,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A recording as a catalog keeps it.

    Attributes:
        key: Object key of the sound.
        status_rank: Highest rank of all statuses so far. Other bytes under the same id begin at 0 again.
        created_at, updated_at: ISO 8601 UTC, written by the catalog; empty in a record that was never stored.
        sha256: Of the sound, in hex.
        upload_id: The open upload in parts; None where the sound came in one request or is complete.
        lost: Recordings that the device could not keep, counted since it was first switched on.
        clock: Where the device has its time from; `wrong` where no clock can have shown what it told.
        claimed_started_at: What the device told, where `started_at` is when the sound arrived instead.
        fw: Version of the device's firmware.
        execution_order: How far the execution is, see rem.executions.statuses.order_status.
        speaker_names: Names that people gave, by the voice's label.
        more: Fields of a newer REM, kept as they are.
    """

    user_id: str
    recording_id: str
    device_id: str
    started_at: str
    key: str
    status: Status
    status_rank: int
    created_at: str = ""
    updated_at: str = ""
    ended_at: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    upload_id: str | None = None
    session_id: str | None = None
    seq: int | None = None
    battery: float | None = None
    lost: int | None = None
    clock: str | None = None
    claimed_started_at: str | None = None
    fw: str | None = None
    execution_arn: str | None = None
    execution_started_at: str | None = None
    execution_order: int | None = None
    error: FailureReport | None = None
    transcript_key: str | None = None
    title: str | None = None
    duration_s: float | None = None
    speaker_count: int | None = None
    speaker_names: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, recording: Recording, status: Status = Status.UPLOADED) -> Record:
        """Build the record of a recording that has none yet."""
        return cls(
            user_id=recording.user_id,
            recording_id=recording.recording_id,
            device_id=recording.device_id,
            started_at=recording.started_at,
            key=recording.key,
            status=status,
            status_rank=status.rank,
        )

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Record:
        known = {ATTRIBUTES[name]: value for name, value in item.items() if name in ATTRIBUTES}
        known["status"] = Status(known["status"])
        known.setdefault("status_rank", known["status"].rank)
        if error := known.get("error"):
            known["error"] = FailureReport.from_item(error)
        return cls(**known, more={name: value for name, value in item.items() if name not in ATTRIBUTES})

    def to_item(self) -> dict[str, Any]:
        """Write the record as a catalog stores it. An attribute that is None has no field."""
        values = {name: getattr(self, name) for name in NAMES}
        known = {name: value for name, value in values.items() if value is not None and value != {}}
        return {**self.more, **to_fields(known)}

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def is_deleted(self) -> bool:
        return self.status is Status.DELETED

    @property
    def has_sound(self) -> bool:
        """Tell whether the sound has arrived, as far as the record knows."""
        return self.upload_id is None and (self.error is None or self.error.stage != UPLOAD)

    def to_recording(self, bucket: str) -> Recording:
        return Recording(self.recording_id, self.user_id, self.device_id, self.started_at, bucket, self.key)

    def mark_deleted(self) -> Record:
        """Empty the record but for its identity, in a status from which no stage moves it on."""
        kept = {name: getattr(self, name) for name in IDENTITY}
        return Record(**kept, status=Status.DELETED, status_rank=Status.DELETED.rank)


NAMES = {  # a catalog and the API know the attributes by these names
    "user_id": "userId",
    "recording_id": "recordingId",
    "device_id": "deviceId",
    "started_at": "startedAt",
    "key": "key",
    "status": "status",
    "status_rank": "statusRank",
    "created_at": "createdAt",
    "updated_at": "updatedAt",
    "ended_at": "endedAt",
    "sha256": "sha256",
    "size_bytes": "sizeBytes",
    "upload_id": "uploadId",
    "session_id": "sessionId",
    "seq": "seq",
    "battery": "battery",
    "lost": "lost",
    "clock": "clock",
    "claimed_started_at": "claimedStartedAt",
    "fw": "fw",
    "execution_arn": "executionArn",
    "execution_started_at": "executionStartedAt",
    "execution_order": "executionOrder",
    "error": "error",
    "transcript_key": "transcriptKey",
    "title": "title",
    "duration_s": "durationSeconds",
    "speaker_count": "speakerCount",
    "speaker_names": "speakerNames",
}
IDENTITY = ("user_id", "recording_id", "device_id", "started_at", "key", "created_at", "updated_at")
ATTRIBUTES = {name: attribute for attribute, name in NAMES.items()}
OF_THE_CATALOG = ("createdAt", "updatedAt")  # the catalog itself writes these, never a change


def to_fields(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Name changed attributes as a catalog stores them; None stays None, which removes a field.

    Raises:
        KeyError: a record has no such attribute.
    """
    return {NAMES[attribute]: _to_value(value) for attribute, value in changes.items()}


def find_changes(seen: Record | None, new: Record) -> dict[str, Any]:
    """Compare two records of one recording: the new one's fields that differ, None where it has no more."""
    before, after = seen.to_item() if seen else {}, new.to_item()
    names = [name for name in {**before, **after} if name not in OF_THE_CATALOG]
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def _to_value(value: Any) -> Any:
    match value:
        case Status():
            return value.value
        case FailureReport():
            return value.to_item()
        case Mapping():
            return dict(value)
        case _:
            return value
