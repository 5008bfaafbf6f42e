"""Intake of recordings: check them, recognise repeats, and store each exactly once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from rem.core.errors import BusyError
from rem.core.recordings import SHA256, Recording
from rem.core.records import Record
from rem.core.sniff import AUDIO_TYPES, HEAD_BYTES, UNKNOWN, find_refusal, sniff_audio
from rem.library.announcement import Announcement
from rem.library.refusals import ChecksumError, ConflictError, NotAudioError, NotFoundError, TooLargeError
from rem.library.upload_parts import OpenUpload, UploadPlan
from rem.ports import Catalog, Store, Uploads

SMALL_BYTES = 4 * 2**20  # fits one request: Lambda takes 6 MB, and base64 makes 4/3 of it
LARGEST_BYTES = 3 * 2**30  # Prepare has 4 GB of disk, and needs room for what it decodes
FORMAT = re.compile(r"[a-z0-9]{1,8}")
CLAIM = timedelta(minutes=2)  # a claim without sound is free after it; no Lambda of the API lives as long


@dataclass(frozen=True, slots=True)
class Intake:
    """The door by which recordings come in.

    Attributes:
        bucket: Name of the store's bucket; it becomes part of the recording's identity.
    """

    store: Store
    catalog: Catalog
    uploads: Uploads
    bucket: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def accept(self, user_id: str, announced: Announcement, audio: bytes) -> tuple[str, bool]:
        """Store a small recording. Returns its id, and True where it was stored already.

        The record is written before the object, so that no event meets a recording that nobody announced.

        Raises:
            TooLargeError, NotAudioError, ChecksumError: the bytes cannot be taken.
            ConflictError: the id has other bytes.
            BusyError: somebody sends the same id at this moment.
        """
        if len(audio) > SMALL_BYTES:
            raise TooLargeError(
                f"the recording has {len(audio)} bytes, one request carries {SMALL_BYTES}: use POST /uploads"
            )
        if refusal := find_refusal(audio[:HEAD_BYTES]):
            raise NotAudioError(f"the bytes are no recording: {refusal}")
        kind = sniff_audio(audio[:HEAD_BYTES])
        digest = hashlib.sha256(audio).hexdigest()
        if announced.sha256 not in (None, digest):
            raise ChecksumError(f"the sha256 of what arrived is {digest}: send it again")
        announced = announced.mend_clock(self.now())
        if sent := self._find_sent(user_id, announced, digest):
            return sent.recording_id, True
        recording = self._claim(user_id, announced, kind, digest, len(audio))
        metadata = announced.describe(recording, digest)
        if self.store.create(recording.key, audio, AUDIO_TYPES[kind], metadata):
            return recording.recording_id, False
        self._check_same(recording, digest)
        return recording.recording_id, True

    def begin(self, user_id: str, announced: Announcement, size_bytes: int, kind: str) -> UploadPlan:
        """Begin, or go on with, an upload in parts.

        Args:
            announced: With the file's sha256.
            kind: The file's extension, as sniff_audio tells it.

        Raises:
            TooLargeError, NotAudioError: the recording cannot be taken.
            ConflictError: the id has other bytes.
        """
        if size_bytes > LARGEST_BYTES:
            raise TooLargeError(
                f"the recording has {size_bytes} bytes; at most {LARGEST_BYTES} can be taken: split it"
            )
        if not FORMAT.fullmatch(kind):
            raise NotAudioError(f"'{kind}' is no format: send the file's extension, e.g. m4a")
        digest = announced.sha256 or ""
        announced = announced.mend_clock(self.now())
        if sent := self._find_sent(user_id, announced, digest):
            return UploadPlan(sent.recording_id, sent.key)
        recording = self._claim(user_id, announced, kind, digest, size_bytes)
        if self.store.exists(recording.key):
            self._check_same(recording, digest)
            return UploadPlan(recording.recording_id, recording.key)
        record = self.catalog.read(user_id, recording.recording_id)
        upload_id = record.upload_id if record else None
        if upload_id is None or self.uploads.list_parts(recording.key, upload_id) is None:
            metadata = announced.describe(recording, digest)
            content_type = AUDIO_TYPES.get(kind, AUDIO_TYPES[UNKNOWN])
            upload_id = self.uploads.start(recording.key, content_type, metadata)
            self.catalog.change(user_id, recording.recording_id, {"upload_id": upload_id})
        return self.describe(user_id, recording.recording_id)

    def describe(self, user_id: str, recording_id: str) -> UploadPlan:
        """Describe an open upload.

        Raises:
            NotFoundError: no upload of this id is open.
        """
        upload = self._read_open(user_id, recording_id)
        return UploadPlan(recording_id, upload.key, upload.upload_id, upload.plan_parts())

    def complete(self, user_id: str, recording_id: str, etags: Mapping[int, str]) -> bool:
        """Make the object of its parts. Returns True where it was stored already.

        Args:
            etags: The answer of S3 to each part, by part number.

        Raises:
            NotFoundError: no upload of this id is open.
            ChecksumError: parts are missing or damaged; the message names them.
        """
        record = self.catalog.read(user_id, recording_id)
        if record is not None and self.store.exists(record.key):
            self.catalog.change(user_id, recording_id, {"upload_id": None})
            return True
        upload = self._read_open(user_id, recording_id)
        if wrong := upload.find_wrong(etags):
            numbers = ", ".join(map(str, wrong))
            raise ChecksumError(f"parts {numbers} are missing or damaged: send them again")
        self.uploads.complete(
            upload.key, upload.upload_id, [part for _, part in sorted(upload.arrived.items())]
        )
        self.catalog.change(user_id, recording_id, {"upload_id": None})
        return False

    def abort(self, user_id: str, recording_id: str) -> None:
        """End an open upload, and delete its parts and its record.

        Raises:
            NotFoundError: no upload of this id is open.
        """
        upload = self._read_open(user_id, recording_id)
        self.uploads.abort(upload.key, upload.upload_id)
        self.catalog.delete(user_id, recording_id)

    def _find_sent(self, user_id: str, announced: Announcement, digest: str) -> Record | None:
        """Find the recording that these bytes are already, under another id or through another door.

        A device that counts may record the same bytes twice (silence): for it, the session and the number
        decide. Where somebody chose an id, the bytes do.
        """
        session_id, seq = announced.details.get("session_id"), announced.details.get("seq")
        counts, place = session_id is not None and seq is not None, (announced.device_id, session_id, seq)
        if not counts and announced.recording_id is None:
            return None
        for record in self.catalog.find_content(user_id, digest):
            is_same = (
                (record.device_id, record.session_id, record.seq) == place if counts else record.seq is None
            )
            is_another = record.recording_id != announced.recording_id and not record.is_deleted
            if is_same and is_another and self.store.exists(record.key):
                return record
        return None

    def _claim(
        self, user_id: str, announced: Announcement, kind: str, digest: str, size_bytes: int
    ) -> Recording:
        """Write the record where there is none. Returns the recording as it was first announced.

        Raises:
            ConflictError: the id belongs to other bytes or to another device.
            BusyError: the id was claimed for other bytes just now, and they may still arrive.
        """
        recording = announced.identify(user_id, self.bucket, kind, digest)
        new = replace(Record.begin(recording), sha256=digest, size_bytes=size_bytes, **announced.details)
        if self.catalog.replace(None, new):
            return recording
        record = self.catalog.read(user_id, recording.recording_id)
        if record is None or record.is_deleted:
            raise BusyError(f"{recording.recording_id} was deleted just now: send it again in an hour")
        if record.device_id != recording.device_id:
            raise ConflictError(
                f"{recording.recording_id} is a recording of {record.device_id}: use another id"
            )
        known = record.to_recording(self.bucket)
        if record.sha256 == digest:
            return known
        if self.store.exists(known.key):
            self._check_same(known, digest)
            return known
        return self._take_over(recording, record, new)

    def _take_over(self, recording: Recording, record: Record, new: Record) -> Recording:
        """Give the id of bytes that never arrived to others."""
        name = recording.recording_id
        if datetime.fromisoformat(record.updated_at) > self.now() - CLAIM:
            raise BusyError(f"other bytes are being sent as {name}: try again in a while")
        if record.upload_id and self.uploads.list_parts(record.key, record.upload_id) is not None:
            raise ConflictError(f"an upload of other bytes is open as {name}: DELETE /uploads/{name} ends it")
        if not self.catalog.replace(record, new):
            raise BusyError(f"{name} is being sent by somebody else: try again in a while")
        return recording

    def _check_same(self, recording: Recording, digest: str) -> None:
        """Compare a hash with that of the stored object.

        Raises:
            ConflictError: the object has other bytes.
        """
        stored = self.store.read_head(recording.key).metadata.get(SHA256)
        if stored != digest:
            raise ConflictError(
                f"{recording.recording_id} exists with other bytes (sha256 {stored or 'unknown'}): "
                "use another recordingId"
            )

    def _read_open(self, user_id: str, recording_id: str) -> OpenUpload:
        record = self.catalog.read(user_id, recording_id)
        if record is None or record.upload_id is None or record.size_bytes is None:
            raise NotFoundError(f"no upload of {recording_id} is open: begin with POST /uploads")
        parts = self.uploads.list_parts(record.key, record.upload_id)
        if parts is None:
            raise NotFoundError(f"the upload of {recording_id} has ended: begin again with POST /uploads")
        arrived = {part.number: part for part in parts}
        return OpenUpload(record.key, record.upload_id, record.size_bytes, arrived)
