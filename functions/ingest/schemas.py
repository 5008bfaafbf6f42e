"""What the API is asked and answers; docs/openapi.json is generated from these."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from rem.core.recordings import ID
from rem.library.intake import Announcement

FIRST_YEAR, LAST_YEAR = 1970, 2199  # a raw key's folder has four digits


def _parse_moment(value: object) -> object:
    """ISO 8601 only: pydantic would take "7" for seven seconds after 1970."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError("use ISO 8601, e.g. 2026-11-24T09:30:00Z") from error


def _to_utc(moment: datetime) -> datetime:
    """A time without an offset is UTC."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Id = Annotated[str, Field(pattern=f"^{ID.pattern}$", examples=["badge-1"])]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="sha256 of the file, in hex")]
Moment = Annotated[
    datetime,
    BeforeValidator(_parse_moment),
    AfterValidator(_to_utc),
    Field(description="ISO 8601; without an offset it is UTC", examples=["2026-11-24T09:30:00Z"]),
]
Count = Annotated[int, Field(ge=0, le=2**53)]


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Announced(Model):
    """What a device tells about a recording."""

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


class IngestForm(Announced):
    """A recording of at most 4 MiB, as multipart/form-data."""

    recording_id: Id | None = Field(None, description="Left out, one is made of the device and the content")
    sha256: Sha256 | None = None
    audio: bytes | None = Field(None, description="The file; its name does not matter")
    file: bytes | None = Field(None, description="Another name for `audio`")


class UploadRequest(Announced):
    """A recording that comes in parts."""

    recording_id: Id | None = Field(None, description="Left out, one is made of the device and the content")
    sha256: Sha256
    size_bytes: int = Field(gt=0, description="Of the whole file")
    format: str = Field(max_length=8, description="What the file is", examples=["m4a"])


class Accepted(Model):
    """`duplicate`: the very same bytes were there already, under this id."""

    success: Literal[True] = True
    recording_id: str
    duplicate: bool


class UploadPart(Model):
    """`url` takes this part by PUT; it is null where the part has arrived, `etag` where it has not."""

    number: int
    size_bytes: int
    url: str | None = None
    etag: str | None = None


class UploadState(Model):
    """Where each part goes. A duplicate has no parts."""

    recording_id: str
    duplicate: bool
    part_bytes: int
    parts: list[UploadPart]


class CompletedPart(Model):
    number: int = Field(ge=1, le=10_000)
    etag: str = Field(max_length=200, description="As the PUT of the part answered it")


class CompleteRequest(Model):
    parts: list[CompletedPart] = Field(max_length=10_000)


class Aborted(Model):
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
    """The newest first. With a `cursor` there may be more: ask again with it."""

    recordings: list[RecordingView]
    cursor: str | None = None


class SpeakersRequest(Model):
    """Names by label or present name, all given at once: a swap swaps. An empty one takes the name away."""

    names: dict[str, str] = Field(min_length=1, max_length=100, examples=[{"SPEAKER_00": "Ada"}])


class Speakers(Model):
    recording_id: str
    speaker_names: dict[str, str]


class Removed(Model):
    recording_id: str
    removed: list[str] = Field(description="Object keys, and the record")


class DeviceView(Model):
    """What the newest recordings of a device tell about it."""

    device_id: str
    recordings: int
    last_started_at: str
    battery: float | None = None
    lost: int | None = None
    clock: str | None = None
    fw: str | None = None


class DeviceList(Model):
    devices: list[DeviceView]


class SessionLedgerView(Model):
    """Inclusive ranges of numbers."""

    session_id: str
    started_at: str
    received: list[tuple[int, int]]
    missing: list[tuple[int, int]]
    lost: list[tuple[int, int]]


class LedgerView(Model):
    """`resend`: ids of recordings that never arrived; the device sends those that it still has."""

    device_id: str
    sessions: list[SessionLedgerView]
    lost: int | None = None
    resend: list[str]


class Health(Model):
    status: Literal["ok"] = "ok"


class Problem(Model):
    """Why a request was refused: a short name, and a sentence for a person."""

    success: Literal[False] = False
    error: str
    message: str
    use: str | None = Field(None, description="What to call instead")
