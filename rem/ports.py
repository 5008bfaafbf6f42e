"""Protocols of the outside that REM needs. rem/adapters and one model class per stage implement them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rem.core import Json
from rem.core.api_keys import ApiKey
from rem.core.recipes import Recipe
from rem.core.recordings import Recording
from rem.core.records import Record, Status
from rem.executions.execution import Execution
from rem.executions.history import HistoryEvent
from rem.transcripts.receipts import Usage
from rem.transcripts.transcript import Segment, Transcript, Turn

Samples = npt.NDArray[np.float32]  # samples have the shape (n,), 16 kHz mono, -1 to 1
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """The head of an object, known without reading it: a hash of its content, and the uploader's metadata."""

    etag: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object, or the mark that it was deleted."""

    key: str
    version: str


class Store(Protocol):
    """Objects by key. Writes are whole: a reader sees all of an object or none of it."""

    def exists(self, key: str) -> bool: ...
    def read_head(self, key: str) -> ObjectHead: ...
    def read_json(self, key: str) -> Json: ...
    def read_bytes(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Read bytes [start, end), or to the object's end where `end` is None."""

    def write_json(self, key: str, document: Mapping[str, Any]) -> None: ...
    def write_bytes(self, key: str, content: bytes, content_type: str) -> None: ...
    def download(self, key: str, path: Path) -> None: ...
    def upload(self, path: Path, key: str, content_type: str) -> None: ...
    def create(self, key: str, content: bytes, content_type: str, metadata: Mapping[str, str]) -> bool:
        """Write an object where there is none; False where there is one."""

    def find_versions(self, prefix: str) -> Sequence[ObjectVersion]:
        """Find every version of the objects whose keys begin with a prefix, deleted objects included."""

    def delete(self, versions: Sequence[ObjectVersion]) -> None:
        """Delete versions for good; one that is gone already is no error."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and the cursor of the next ones; None after the last."""

    records: Sequence[Record]
    cursor: str | None


class Catalog(Protocol):
    """One record per recording."""

    def advance(self, recording: Recording, status: Status, changes: Mapping[str, Any]) -> bool:
        """Move the record forward, begin it where there is none; False where it is further on already.

        Args:
            changes: Values of a record's attributes.
        """

    def read(self, user_id: str, recording_id: str) -> Record | None:
        """Read the record as it is now; None where there is none."""

    def replace(self, seen: Record | None, new: Record) -> bool:
        """Write a record where the stored one is still as it was seen; False where it changed.

        Args:
            seen: None where there was none.
        """

    def read_open(self, before: str, limit: int) -> Sequence[Record]:
        """Read unfinished records that nobody touched since `before` (ISO 8601 UTC), the oldest first."""

    def change(self, user_id: str, recording_id: str, changes: Mapping[str, Any]) -> bool:
        """Set attributes but the status (None removes a value); False where there is no record."""

    def find(
        self,
        user_id: str,
        *,
        device_id: str | None = None,
        session_id: str | None = None,
        since: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Find a user's records, the newest first by startedAt; a page may hold fewer than the limit.

        Args:
            device_id: Find only recordings of this device. Ignored where a session is named.
            session_id: Find only recordings of this session.
            since: Find nothing that started before this time, in ISO 8601 UTC.

        Raises:
            InputError: no page had this cursor.
        """

    def find_content(self, user_id: str, sha256: str, limit: int = 50) -> Sequence[Record]:
        """Find a user's records of the very same bytes, in no order; at most `limit` of them."""

    def delete(self, user_id: str, recording_id: str) -> bool:
        """Remove the record; False where there was none."""


class ApiKeys(Protocol):
    """One item per API key."""

    def read(self, key_id: str) -> ApiKey | None: ...
    def read_all(self) -> Sequence[ApiKey]: ...
    def write(self, key: ApiKey) -> None: ...
    def set_time(self, key_id: str, field: str, moment: str) -> None:
        """Set `revokedAt` or `lastSeenAt` of a key that is there."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of an upload that has arrived. `etag` is its MD5 in hex, unless the bucket encrypts by KMS."""

    number: int
    etag: str
    size_bytes: int


class Uploads(Protocol):
    """Uploads of objects in parts."""

    def start(self, key: str, content_type: str, metadata: Mapping[str, str]) -> str:
        """Begin an upload. Returns its id."""

    def sign_part(self, key: str, upload_id: str, number: int, expires_s: int) -> str:
        """Make the URL to which one part can be PUT until the URL expires."""

    def put_part(self, key: str, upload_id: str, number: int, content: bytes) -> str | None:
        """Store one part and return its etag, or None where there is no such upload (any more).

        Raises:
            OSError: it cannot be stored.
        """

    def list_parts(self, key: str, upload_id: str) -> Sequence[StoredPart] | None:
        """List the parts that have arrived, by number; None where there is no such upload (any more)."""

    def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> None: ...
    def abort(self, key: str, upload_id: str) -> None:
        """End an upload and drop its parts. Ending it again does no harm."""


class Executions(Protocol):
    """The executions of one state machine."""

    def find(self, name: str) -> Execution | None:
        """Find the execution with this name or ARN; None where there is none."""

    def stop(self, execution: Execution, cause: str) -> None: ...
    def read_history(
        self, arn: str, *, newest_first: bool = False, with_data: bool = False
    ) -> Iterator[HistoryEvent]:
        """Read the events of an execution page by page, as far as the caller goes.

        Args:
            with_data: Include the inputs and outputs of states.
        """


class Transcriber(Protocol):
    """A model that turns speech into words."""

    name: str  # for people
    identity: str  # of the model's content, for fingerprints

    def transcribe(self, clips: Sequence[Samples], language: str) -> list[list[Segment]]:
        """Hear the segments of each clip, with word times in seconds from its first sample."""

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        """Guess the language code (ISO 639-1), and its probability."""


class Clusters(Protocol):
    """The result of clustering: exclusive turns (never two speakers at a time), an embedding per voice."""

    @property
    def turns(self) -> Sequence[Turn]: ...
    @property
    def embeddings(self) -> Mapping[str, Sequence[float]]: ...


class Diarizer(Protocol):
    """A model that finds who speaks when: map measures the windows of a slice, reduce clusters all slices."""

    name: str  # for people
    identity: str  # of the model's content, for fingerprints
    window_samples: int
    hop_samples: int

    def measure_windows(
        self, samples: Samples, windows: int, on_progress: Callable[[float], None]
    ) -> tuple[Floats, Floats]:
        """Measure segmentations (windows, frames, slots; 0 or 1) and embeddings (windows, slots, dimensions).

        Args:
            on_progress: Called now and then with the finished share, 0 to 1.
        """

    def cluster(
        self, segmentations: Floats, embeddings: Floats, speakers: int | None, most_points: int
    ) -> Clusters:
        """Cluster all windows by pyannote's own clustering.

        Args:
            speakers: Number of speakers, where it is known.
            most_points: Cluster at most this many embeddings, evenly sampled over the recording; each of the
                others joins the nearest voice.
        """


# A memo returns the document that is stored under an identity, or builds and stores it.
Memo = Callable[[Sequence[str], Callable[[], Json]], Json]


NOTHING = Usage()  # it stands where no language model was asked


@dataclass(frozen=True, slots=True)
class Note:
    """A note that a recipe made: its part of the document, its cost, and its vectors, if any."""

    fields: Json
    usage: Usage = NOTHING
    vectors: bytes | None = None


class Enricher(Protocol):
    """A model that turns a transcript into notes."""

    engine: str

    def choose_model(self, recipe: Recipe) -> str:
        """Name the model; empty where there is none."""

    def estimate(self, transcript: Transcript, recipe: Recipe) -> Usage:
        """Estimate the most that `enrich` will use."""

    def enrich(self, transcript: Transcript, recipe: Recipe, memo: Memo) -> Note:
        """Make a note.

        Args:
            memo: Keeps the answers to parts, so that an attempt continues where the last one stopped.
        """
