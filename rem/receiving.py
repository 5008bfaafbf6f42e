"""What the home server takes in besides its API: files of a watched folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rem.core.sniff import HEAD_BYTES, sniff_audio
from rem.intake import SMALL_BYTES, Announcement, Intake, NotAudioError
from rem.media import build_recording_id, hash_file

DEVICE = "watch"


@dataclass(frozen=True, slots=True)
class Receiving:
    """Attributes: user_id is whose recordings the watched files are."""

    intake: Intake
    s3: Any  # boto3's client
    user_id: str

    def take_file(self, path: Path) -> bool:
        """Take a whole file in; False where it is there already.

        Raises:
            InputError: it is no recording, or too large.
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        kind, digest, status = sniff_audio(head), hash_file(path), path.stat()
        if kind is None:
            raise NotAudioError("it is no sound or video file that REM knows")
        started_at = datetime.fromtimestamp(status.st_mtime, UTC)
        announced = Announcement(DEVICE, started_at, build_recording_id(path, digest), digest)
        if status.st_size <= SMALL_BYTES:
            return not self.intake.accept(self.user_id, announced, path.read_bytes())[1]
        plan = self.intake.begin(self.user_id, announced, status.st_size, kind)
        if plan.is_duplicate:
            return False
        with path.open("rb") as file:
            etags = {
                part.number: self._store_part(
                    plan.key, plan.upload_id, part.number, file.read(part.size_bytes)
                )
                for part in plan.parts
            }
        return not self.intake.complete(self.user_id, plan.recording_id, etags)

    def _store_part(self, key: str, upload_id: str, number: int, content: bytes) -> str:
        answer = self.s3.upload_part(
            Bucket=self.intake.bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=content
        )
        return str(answer["ETag"])
