"""The data folder of the laptop's AWS: objects and table items, on the disk before they are acknowledged.

DIR/lock                      held by the process that serves the folder
DIR/executions.sqlite         executions and their histories (rem.states.journal)
DIR/tables.sqlite             table items
DIR/objects/BUCKET/ab/HASH    an object's content; HASH.json beside it is its key, type and metadata
DIR/recordings/YYYY/MM/DD/ID  the same files under names for people: audio.wav, transcript.md, … (hard links)
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from rem.adapters.sqlite import open_database
from rem.core.errors import SetupError

FORMAT = "1"  # of the folder; a version of REM reads one
RAW = re.compile(r"raw/(?P<owner>[^/]+/[^/]+)/(?P<day>\d{4}/\d\d/\d\d)/(?P<id>[^/]+)\.(?P<ext>[^/.]+)")
TRANSCRIPT = re.compile(r"transcripts/(?P<owner>[^/]+/[^/]+)/(?P<id>[^/]+)\.(?P<ext>[^/.]+)")
TABLES = (
    "CREATE TABLE IF NOT EXISTS item(name TEXT, key TEXT, body TEXT, PRIMARY KEY(name, key)) WITHOUT ROWID"
)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The facts that S3 tells of an object beside its content. Times are in ISO 8601."""

    bucket: str
    key: str
    size_bytes: int
    etag: str
    modified: str
    metadata: dict[str, str]


class DataFolder:
    """The folder of one process: no other can open it meanwhile.

    Raises:
        SetupError: another process has the folder, it cannot be written, or something else lies there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as undo:
            try:
                path.mkdir(parents=True, exist_ok=True)
                self._lock_file = undo.enter_context((path / "lock").open("a+"))
                self._take_lock()
                self._check_format()
                self.objects = ObjectFiles(path)
                self.items = TableItems(path / "tables.sqlite")
            except OSError as error:
                raise SetupError(f"{path} cannot be used as data folder: {error.strerror}") from error
            undo.pop_all()

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock_file.seek(0)
            owner = self._lock_file.read().strip()
            raise SetupError(f"{self.path} is served by another process already ({owner})") from error
        self._lock_file.truncate(0)
        self._lock_file.write(f"process {os.getpid()}")
        self._lock_file.flush()

    def _check_format(self) -> None:
        mark = self.path / "format"
        if not mark.exists():
            if (self.path / "objects").exists():
                raise SetupError(f"{self.path} is no data folder of REM: it has objects, but no format file")
            mark.write_text(FORMAT)
        if (found := mark.read_text().strip()) != FORMAT:
            raise SetupError(f"{self.path} was written in format {found}; this version of REM reads {FORMAT}")

    @property
    def executions_path(self) -> Path:
        return self.path / "executions.sqlite"

    def close(self) -> None:
        self.items.close()
        self._lock_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class ObjectFiles:
    """Objects as files. An object counts when its description is there, which is written last."""

    def __init__(self, root: Path) -> None:
        self._objects, self._recordings = root / "objects", root / "recordings"
        self._days: dict[tuple[str, str], str] = {}  # (owner, recording id) -> YYYY/MM/DD
        self._lock = threading.Lock()
        self._objects.mkdir(exist_ok=True)
        self._recordings.mkdir(exist_ok=True)

    def path_of(self, bucket: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._objects / bucket / digest[:2] / digest

    def write(self, stored: StoredObject, content: bytes) -> Path:
        """Put content and description on the disk before returning.

        Raises:
            OSError: the disk is full or broken; an object that was there before is there still.
        """
        path = self.path_of(stored.bucket, stored.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            _write_whole(path, content)
            _write_whole(_describe(path), json.dumps(asdict(stored)).encode())
            _sync_folder(path.parent)
            self._show(stored.key, path)
        return path

    def remove(self, bucket: str, key: str) -> None:
        path = self.path_of(bucket, key)
        with self._lock:
            for file in (_describe(path), path):
                file.unlink(missing_ok=True)
            if shown := self._find_shown(key):
                shown.unlink(missing_ok=True)
                self._remove_empty(shown.parent)

    def read_all(self) -> Iterator[StoredObject]:
        """Read every object that was written whole, and remove the halves that a crash left."""
        for folder, _, names in os.walk(self._objects):
            whole = {name.removesuffix(".json") for name in names if name.endswith(".json")}
            for name in names:
                path = Path(folder, name)
                if name.endswith(".json"):
                    stored = StoredObject(**json.loads(path.read_text()))
                    self._learn_day(stored.key)
                    yield stored
                elif name not in whole:
                    path.unlink()

    def _learn_day(self, key: str) -> None:
        if match := RAW.fullmatch(key):
            self._days[match["owner"], match["id"]] = match["day"]

    def _show(self, key: str, path: Path) -> None:
        """Give the file a second name for people; on a disk without hard links, copy it."""
        self._learn_day(key)
        shown = self._find_shown(key)
        if shown is None:
            return
        shown.parent.mkdir(parents=True, exist_ok=True)
        new = shown.with_name(f".{shown.name}.new")
        new.unlink(missing_ok=True)
        try:
            os.link(path, new)
        except OSError:
            shutil.copyfile(path, new)
        new.replace(shown)

    def _find_shown(self, key: str) -> Path | None:
        if match := RAW.fullmatch(key):
            return self._recordings / match["day"] / match["id"] / f"audio.{match['ext']}"
        if match := TRANSCRIPT.fullmatch(key):
            day = self._days.get((match["owner"], match["id"]))
            return (
                None if day is None else self._recordings / day / match["id"] / f"transcript.{match['ext']}"
            )
        return None

    def _remove_empty(self, folder: Path) -> None:
        with suppress(OSError):  # not empty
            while folder != self._recordings:
                folder.rmdir()
                folder = folder.parent


class TableItems:
    """The items of all tables. A write that has returned survives a power cut."""

    def __init__(self, path: Path) -> None:
        self._database, self._lock = open_database(path, TABLES, durability="FULL"), threading.Lock()

    def put(self, table: str, key: dict[str, Any], item: dict[str, Any] | None) -> None:
        """Keep an item; None removes it."""
        name = json.dumps(key, sort_keys=True)
        with self._lock:
            if item is None:
                self._database.execute("DELETE FROM item WHERE name=? AND key=?", (table, name))
            else:
                values = (table, name, json.dumps(item))
                self._database.execute("INSERT OR REPLACE INTO item VALUES(?, ?, ?)", values)

    def read_all(self) -> Iterable[tuple[str, dict[str, Any]]]:
        with self._lock:
            rows = self._database.execute("SELECT name, body FROM item").fetchall()
        return [(table, json.loads(body)) for table, body in rows]

    def close(self) -> None:
        with self._lock:
            self._database.close()


class StoredBody:
    """A file-like object over a stored object that holds no file open between two reads."""

    def __init__(self, path: Path) -> None:
        self._path, self._position = path, 0

    def seek(self, position: int) -> None:
        self._position = position

    def read(self, size: int = -1) -> bytes:
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read(size)
        self._position += len(content)
        return content

    def close(self) -> None:
        """Do nothing: between two reads no file is open."""


def _describe(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _write_whole(path: Path, content: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
