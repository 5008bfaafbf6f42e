"""A recording's identity: who recorded it, with what, when. The raw key alone carries it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rem.core.errors import InputError

STARTED_AT, ENDED_AT, SHA256 = (
    "started-at",
    "ended-at",
    "sha256",
)  # names in a sound's S3 metadata
SAMPLE_RATE_HZ = 16_000  # Whisper, Silero and pyannote are trained on it

RAW_KEY = re.compile(
    r"raw/(?P<user>[^/]+)/(?P<device>[^/]+)/(?P<year>\d{4})/(?P<month>\d\d)/(?P<day>\d\d)/"
    r"(?P<recording>[^/]+)\.(?P<extension>[A-Za-z0-9]+)"
)
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Recording:
    """A sound that a device sent.

    Attributes:
        started_at: ISO 8601 with offset; a raw key carries only the day (midnight UTC).
        key: Object key of the audio.
    """

    recording_id: str
    user_id: str
    device_id: str
    started_at: str
    bucket: str
    key: str

    @classmethod
    def from_raw_key(cls, bucket: str, key: str) -> Recording:
        """Read the identity out of `raw/{user}/{device}/{YYYY}/{MM}/{DD}/{recording}.{ext}`."""
        match = RAW_KEY.fullmatch(key)
        if match is None:
            raise InputError(f"'{key}' is not a raw key: expected raw/USER/DEVICE/YYYY/MM/DD/RECORDING.EXT")
        try:
            day = datetime(int(match["year"]), int(match["month"]), int(match["day"]), tzinfo=UTC)
        except ValueError as error:
            raise InputError(f"'{key}' carries no real date: {error}") from error
        return cls(match["recording"], match["user"], match["device"], day.isoformat(), bucket, key)

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Recording:
        """Read an execution's input, or the older job message, which has the same fields."""
        fields = ("recordingId", "userId", "deviceId", "startedAt", "bucket", "key")
        missing = [name for name in fields if not event.get(name)]
        if missing:
            raise InputError(f"the job lacks {', '.join(missing)}")
        return cls(*(str(event[name]) for name in fields))

    def to_event(self) -> dict[str, str]:
        return {
            "recordingId": self.recording_id,
            "userId": self.user_id,
            "deviceId": self.device_id,
            "startedAt": self.started_at,
            "bucket": self.bucket,
            "key": self.key,
        }


def raw_key(user_id: str, device_id: str, started_at: datetime, recording_id: str, extension: str) -> str:
    """Build the key under which a recording is uploaded.

    Raises:
        InputError: an id cannot be one folder of a key.
    """
    for name, value in (("user", user_id), ("device", device_id), ("recording", recording_id)):
        if not ID.fullmatch(value):
            raise InputError(
                f"'{value}' cannot be a {name} id: use letters, digits, dot, dash and underscore"
            )
    return f"raw/{user_id}/{device_id}/{started_at:%Y/%m/%d}/{recording_id}.{extension.lower()}"
