"""A watched folder: each recording that is dropped there is taken once, when it has stopped growing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from rem.core.errors import InputError, SetupError
from rem.core.sniff import HEAD_BYTES, sniff_audio
from rem.library.announcement import Announcement
from rem.library.intake import SMALL_BYTES, Intake
from rem.library.media import build_recording_id, explain_skip, hash_file, list_files
from rem.library.recorded import find_start
from rem.library.refusals import NotAudioError
from rem.library.upload_parts import UploadPlan

SETTLE_S = 3.0  # a copy over a slow network pauses for a second or two; a recorder writes more often
POLL_S = 1.0  # polling works on network folders, which send no change events
RETRY_S = 30.0  # after a failure that may pass, such as a full disk
DEVICE = "watch"
TAKEN, KNOWN = "taken", "known"

Take = Callable[[Path], bool]
Report = Callable[[Path, str], None]
log = structlog.get_logger()


@contextmanager
def watch_folder(folder: Path, intake: Intake, user_id: str) -> Iterator[None]:
    """Take what is dropped into the folder for this user, in a thread of its own.

    Raises:
        SetupError: there is no such folder.
    """
    if not folder.is_dir():
        raise SetupError(f"{folder} cannot be watched: there is no such folder")

    def report(path: Path, outcome: str) -> None:
        log.info("watched file", file=str(path), outcome=outcome)

    watched = WatchedFolder(folder, FileIntake(intake, user_id).take, report)
    stopping = threading.Event()
    thread = threading.Thread(target=watched.run, args=(stopping,), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@dataclass(slots=True)
class FileState:
    """A file as it was at the last look: it is due when it has stayed like this for SETTLE_S."""

    size_bytes: int
    changed_ns: int
    due_s: float
    done: bool = False


class WatchedFolder:
    """The files of a folder that is looked into again and again. Nothing is written there: taken files stay.

    Args:
        take: Stores one file and returns whether it was new. Raises InputError for a file that is no use;
            after any other error the file is tried again.
        report: Called with the file and one word or sentence: taken, known, or what is wrong.
        clock_s: Monotonic seconds.
    """

    def __init__(
        self, folder: Path, take: Take, report: Report, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._take, self._report, self._clock_s = folder, take, report, clock_s
        self._states: dict[Path, FileState] = {}

    def run(self, stopping: threading.Event) -> None:
        """Look every POLL_S until `stopping` is set."""
        while not stopping.wait(POLL_S):
            self.look()

    def look(self) -> None:
        """Take every file that is due; forget those that are gone, so that a new one of their name is new."""
        present = set()
        for path, size_bytes, changed_ns in self._find():
            present.add(path)
            state = self._states.get(path)
            if state is None or (state.size_bytes, state.changed_ns) != (size_bytes, changed_ns):
                self._states[path] = FileState(size_bytes, changed_ns, self._clock_s() + SETTLE_S)
            elif not state.done and self._clock_s() >= state.due_s:
                self._take_one(path, state)
        for gone in self._states.keys() - present:
            del self._states[gone]

    def _find(self) -> Iterator[tuple[Path, int, int]]:
        for path in list_files(self._folder):
            try:
                status = path.stat()
            except OSError:  # gone since the folder was read
                continue
            yield path, status.st_size, status.st_mtime_ns

    def _take_one(self, path: Path, state: FileState) -> None:
        try:
            is_new = self._take(path)
        except InputError as error:
            state.done = True
            self._report(path, str(error))
        except Exception as error:  # noqa: BLE001  # most failures pass, and the other files are to be taken
            state.due_s = self._clock_s() + RETRY_S
            self._report(path, f"{error}; trying again in {RETRY_S:.0f} s")
        else:
            state.done = True
            self._report(path, TAKEN if is_new else KNOWN)


@dataclass(frozen=True, slots=True)
class FileIntake:
    """The intake for whole files, which a user's recordings become."""

    intake: Intake
    user_id: str

    def take(self, path: Path) -> bool:
        """Store a file as a recording; return False where it is there already.

        Raises:
            InputError: it is no recording, or too large.
            OSError: it cannot be read, or a part of it cannot be stored.
        """
        if reason := explain_skip(path):
            raise NotAudioError(reason)
        with path.open("rb") as file:
            kind = sniff_audio(file.read(HEAD_BYTES))
        digest, size_bytes = hash_file(path), path.stat().st_size
        announced = Announcement(DEVICE, find_start(path).moment, build_recording_id(path, digest), digest)
        if size_bytes <= SMALL_BYTES:
            return not self.intake.accept(self.user_id, announced, path.read_bytes())[1]
        plan = self.intake.begin(self.user_id, announced, size_bytes, kind)
        if plan.is_duplicate:
            return False
        etags = dict(self._store_parts(plan, path))
        return not self.intake.complete(self.user_id, plan.recording_id, etags)

    def _store_parts(self, plan: UploadPlan, path: Path) -> Iterator[tuple[int, str]]:
        uploads = self.intake.uploads
        with path.open("rb") as file:
            for part in plan.parts:
                content = file.read(part.size_bytes)
                etag = uploads.put_part(plan.key, plan.upload_id, part.number, content)
                if etag is None:
                    raise OSError(f"the upload of {path} has ended before all of it was stored")
                yield part.number, etag
