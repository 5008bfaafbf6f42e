"""Requests and answers of the API; docs/openapi.json is generated from these."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from rem.core.recordings import ID
from rem.library.announcement import Announcement

KEY_HEADER = "x-api-key"
OPEN_PATHS = ("/health",)  # answered without a key
FIRST_YEAR, LAST_YEAR = 2, 9998  # Python converts these between zones; a wrong clock is taken and marked


def _parse_moment(value: object) -> object:
    """Read ISO 8601 and nothing else: pydantic would take "7" for seven seconds after 1970."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError("use ISO 8601, e.g. 2026-11-24T09:30:00Z") from error


def _to_utc(moment: datetime) -> datetime:
    """Convert a moment to UTC; one without an offset is local time where the API runs."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return moment.astimezone(UTC)


Id = Annotated[str, Field(pattern=f"^{ID.pattern}$", examples=["badge-1"])]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="sha256 of the file, in hex")]
Moment = Annotated[
    datetime,
    BeforeValidator(_parse_moment),
    AfterValidator(_to_utc),
    Field(
        description="ISO 8601; without an offset it is local time where the API runs (on AWS: UTC)",
        examples=["2026-11-24T09:30:00Z"],
    ),
]
Count = Annotated[int, Field(ge=0, le=2**53)]
RecordingId = Annotated[Id, Path(alias="recordingId")]
DeviceId = Annotated[Id, Path(alias="deviceId")]
SessionId = Annotated[Id, Path(alias="sessionId")]


class Model(BaseModel):
    """A model with camelCase names outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class RecordingFacts(Model):
    """Facts that a device tells about a recording."""

    device_id: Id
    started_at: Moment
    ended_at: Moment | None = None
    session_id: Id | None = Field(None, description="Recordings of one session are one conversation")
    seq: Count | None = Field(None, description="The recording's number within its session, from 0")
    battery: float | None = Field(None, ge=0, le=100, description="Percent")
    lost: Count | None = Field(None, description="Recordings that the device could not keep, since ever")
    clock: Literal["ntp", "estimated"] | None = Field(None, description="Where the device has its time from")
    fw: str | None = Field(None, max_length=64, description="Version of the firmware")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ended_at is not None and self.ended_at < self.started_at:
            raise ValueError("endedAt lies before startedAt")
        return self

    def announce(self, recording_id: str | None, sha256: str | None) -> Announcement:
        details = self.model_dump(include={"session_id", "seq", "battery", "lost", "clock", "fw"})
        if self.ended_at is not None:
            details["ended_at"] = self.ended_at.isoformat(timespec="milliseconds")
        return Announcement(self.device_id, self.started_at, recording_id, sha256, details)


class IngestForm(RecordingFacts):
    """A recording of at most 4 MiB, as multipart/form-data."""

    recording_id: Id | None = Field(None, description="Left out, one is made of the device and the content")
    sha256: Sha256 | None = None
    audio: bytes | None = Field(None, description="The file; its name does not matter")
    file: bytes | None = Field(None, description="Another name for `audio`")


class UploadRequest(RecordingFacts):
    """A recording that comes in parts."""

    recording_id: Id | None = Field(None, description="Left out, one is made of the device and the content")
    sha256: Sha256
    size_bytes: int = Field(gt=0, description="Of the whole file")
    format: str = Field(max_length=8, description="What the file is", examples=["m4a"])


class IngestResult(Model):
    """A recording that is stored. `duplicate`: the very same bytes were there already, under this id."""

    success: Literal[True] = True
    recording_id: str
    duplicate: bool


class UploadPart(Model):
    """A part of an upload. `url` takes it by PUT; it is null where the part has arrived, `etag` where not."""

    number: int
    size_bytes: int
    url: str | None = None
    etag: str | None = None


class UploadState(Model):
    """The parts of an upload. A duplicate has none."""

    recording_id: str
    duplicate: bool
    part_bytes: int
    parts: list[UploadPart]


class CompletedPart(Model):
    """A part that was sent, with the answer that it got."""

    number: int = Field(ge=1, le=10_000)
    etag: str = Field(max_length=200, description="As the PUT of the part answered it")


class CompleteRequest(Model):
    """All parts of an upload."""

    parts: list[CompletedPart] = Field(max_length=10_000)


class UploadAbort(Model):
    """An upload that was ended."""

    recording_id: str
    aborted: Literal[True] = True


class RecordingView(Model):
    """A recording as its owner sees it."""

    model_config = ConfigDict(extra="ignore")

    recording_id: str
    device_id: str
    started_at: str
    status: str
    ended_at: str | None = None
    title: str | None = None
    duration_seconds: float | None = None
    speaker_count: int | None = None
    speaker_names: dict[str, str] | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    session_id: str | None = None
    seq: int | None = None
    battery: float | None = None
    lost: int | None = None
    clock: str | None = None
    fw: str | None = None
    error: dict[str, Any] | None = None


class RecordingPage(Model):
    """Recordings, the newest first. With a `cursor` there may be more: ask again with it."""

    recordings: list[RecordingView]
    cursor: str | None = None


class SpeakersRequest(Model):
    """Names by label or present name, all given at once: a swap swaps. An empty one takes the name away."""

    names: dict[str, str] = Field(min_length=1, max_length=100, examples=[{"SPEAKER_00": "Ada"}])


class Speakers(Model):
    """All names of a recording's voices, by label."""

    recording_id: str
    speaker_names: dict[str, str]


class DeletionResult(Model):
    """A recording that is gone."""

    recording_id: str
    removed: list[str] = Field(description="Object keys, and the record")


class DeviceView(Model):
    """A device as its newest recordings describe it."""

    device_id: str
    recordings: int
    last_started_at: str
    battery: float | None = None
    lost: int | None = None
    clock: str | None = None
    fw: str | None = None


class DeviceList(Model):
    """Devices."""

    devices: list[DeviceView]


class SessionLedgerView(Model):
    """The recordings of one session, as inclusive ranges of their numbers."""

    session_id: str
    started_at: str
    received: list[tuple[int, int]]
    missing: list[tuple[int, int]]
    lost: list[tuple[int, int]]


class LedgerView(Model):
    """The sessions of a device. `resend` are ids that never arrived: the device sends what it still has."""

    device_id: str
    sessions: list[SessionLedgerView]
    lost: int | None = None
    resend: list[str]


class Health(Model):
    """A sign of life."""

    status: Literal["ok"] = "ok"


class Problem(Model):
    """The reason why a request was refused: a short name, and a sentence for a person."""

    success: Literal[False] = False
    error: str
    message: str
    use: str | None = Field(None, description="What to call instead")
