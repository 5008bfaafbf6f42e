"""A watched folder: each recording that is dropped there is taken once, when it has stopped growing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rem.core.errors import InputError
from rem.core.sniff import HEAD_BYTES, sniff_audio
from rem.library.intake import SMALL_BYTES, Announcement, Intake, NotAudioError
from rem.library.media import build_recording_id, explain_skip, hash_file, list_files
from rem.library.recorded import find_start

SETTLE_S = 3.0  # a copy over a slow network pauses for a second or two; a recorder writes more often
POLL_S = 1.0  # polling works on network folders, which send no change events
RETRY_S = 30.0  # after a failure that may pass, such as a full disk

DEVICE = "watch"

Take = Callable[[Path], bool]
Report = Callable[[Path, str], None]


@dataclass(slots=True)
class _Seen:
    """A file as it was at the last look: it is due when it has stayed like this for SETTLE_S."""

    size_bytes: int
    changed_ns: int
    due_s: float
    done: bool = False


class Watch:
    """Looks into a folder again and again. It never writes there: taken files stay.

    Args:
        take: Stores one file; whether it was new. Raises InputError for a file that is no use, OSError for
            what may pass; only the latter is tried again.
        report: Called with the file and one word or sentence: taken, known, or what is wrong.
        clock_s: Monotonic seconds.
    """

    def __init__(
        self, folder: Path, take: Take, report: Report, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._take, self._report, self._clock_s = folder, take, report, clock_s
        self._seen: dict[Path, _Seen] = {}

    def run(self, stopping: threading.Event) -> None:
        while not stopping.wait(POLL_S):
            self.look()

    def look(self) -> None:
        """Take every file that is due; forget those that are gone, so that a new one of their name is new."""
        present = set()
        for path, size_bytes, changed_ns in self._find():
            present.add(path)
            seen = self._seen.get(path)
            if seen is None or (seen.size_bytes, seen.changed_ns) != (size_bytes, changed_ns):
                self._seen[path] = _Seen(size_bytes, changed_ns, self._clock_s() + SETTLE_S)
            elif not seen.done and self._clock_s() >= seen.due_s:
                self._take_one(path, seen)
        for gone in self._seen.keys() - present:
            del self._seen[gone]

    def _find(self) -> Iterator[tuple[Path, int, int]]:
        for path in list_files(self._folder):
            try:
                status = path.stat()
            except OSError:  # gone since the folder was read
                continue
            yield path, status.st_size, status.st_mtime_ns

    def _take_one(self, path: Path, seen: _Seen) -> None:
        try:
            is_new = self._take(path)
        except InputError as error:
            seen.done = True
            self._report(path, str(error))
        except OSError as error:
            seen.due_s = self._clock_s() + RETRY_S
            self._report(path, f"{error}; trying again in {RETRY_S:.0f} s")
        else:
            seen.done = True
            self._report(path, "taken" if is_new else "known")


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
        if reason := explain_skip(path):
            raise NotAudioError(reason)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        kind, digest, status = sniff_audio(head), hash_file(path), path.stat()
        announced = Announcement(DEVICE, find_start(path).moment, build_recording_id(path, digest), digest)
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
