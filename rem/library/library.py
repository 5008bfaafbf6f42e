"""A user's recordings: list and read them, name voices, join sessions, delete with all that came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rem.core.errors import BusyError, InputError
from rem.core.places import DOCUMENT_FORMATS, transcript_key
from rem.core.records import Record
from rem.library.documents import put_names, write_documents
from rem.library.refusals import NotFoundError
from rem.ports import Catalog, ObjectVersion, Page, Store
from rem.transcripts.captions import RENDERERS
from rem.transcripts.conversations import Conversation, Part, join_parts
from rem.transcripts.names import parse_name
from rem.transcripts.transcript import Transcript

TRIES = 5  # then the record counts as busy: others changed it under every try
LONGEST_SESSION = 1000  # at most this many recordings of a session are joined


@dataclass(frozen=True, slots=True)
class Library:
    """The recordings of users, for whoever asks: the command line, the API, the console."""

    store: Store
    catalog: Catalog

    def list_recordings(self, user_id: str) -> list[Record]:
        """List all records, the newest recording first."""
        return list(self._walk(user_id))

    def page(
        self,
        user_id: str,
        *,
        device_id: str | None = None,
        since: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Read some records, the newest first.

        Raises:
            InputError: the cursor is none of ours.
        """
        page = self.catalog.find(user_id, device_id=device_id, since=since, limit=limit, cursor=cursor)
        return Page(_leave_out_deleted(page.records), page.cursor)

    def read(self, user_id: str, recording_id: str) -> Record:
        """Read the record of a recording.

        Raises:
            NotFoundError: there is no such recording.
        """
        record = self.catalog.read(user_id, recording_id)
        if record is None or record.is_deleted:
            raise NotFoundError(f"{user_id} has no recording '{recording_id}'")
        return record

    def transcript(self, user_id: str, recording_id: str, document_format: str = "json") -> bytes:
        """Render a recording's transcript in one of DOCUMENT_FORMATS, with the present names.

        Raises:
            NotFoundError: no such recording, or it has no transcript yet.
            InputError: the format is unknown.
        """
        return render(self._load_transcript(self.read(user_id, recording_id)), document_format)

    def rename_speakers(
        self, user_id: str, recording_id: str, new_names: Mapping[str, str]
    ) -> dict[str, str]:
        """Name voices, all of them at once or none. Returns all names of the recording, by label.

        The record is changed first, so documents that are published meanwhile carry the names already.

        Args:
            new_names: Names by the voice's label, or by the name that it has before this change: two names
                are swapped by {"Anna": "Ben", "Ben": "Anna"}. An empty name takes the voice's name away.

        Raises:
            NotFoundError: there is no such recording, transcript or voice.
            InputError: a name cannot be used, or a voice is named twice.
            BusyError: somebody else changed the record each time.
        """
        for _ in range(TRIES):
            record = self.read(user_id, recording_id)
            transcript = self._load_transcript(record)
            names = {**record.speaker_names, **_resolve_names(transcript, new_names)}
            names = {label: name for label, name in names.items() if name}
            if self.catalog.replace(record, replace(record, speaker_names=names)):
                write_documents(self.store, put_names(transcript, names))
                return names
        raise BusyError(f"the record of {recording_id} was changed {TRIES} times meanwhile: try again")

    def conversation(self, user_id: str, session_id: str) -> Conversation:
        """Join the recordings of a session, in order, into one conversation.

        Raises:
            NotFoundError: no recording belongs to this session.
        """
        page = self.catalog.find(user_id, session_id=session_id, limit=LONGEST_SESSION)
        records = _leave_out_deleted(page.records)
        if not records:
            raise NotFoundError(f"no recording of {user_id} belongs to session '{session_id}'")
        return join_parts(session_id, [self._build_part(record) for record in records])

    def delete(self, user_id: str, recording_id: str) -> list[str]:
        """Delete every object and the record. Returns the names of both.

        Stop a running execution first. A stage that is at work may write once more all the same: the record
        of an unfinished recording stays as DELETED, empty and unseen, until the sweeper erases it together
        with the late objects.

        Raises:
            NotFoundError: there is no such recording.
            BusyError: somebody else changed the record each time.
        """
        record = self._mark_deleted(user_id, recording_id)
        if record.is_finished:
            return self.erase(record)
        return [*self._delete_objects(record), _name_record(record)]

    def erase(self, record: Record) -> list[str]:
        """Delete every object and then the record, so that a deletion that breaks off can be repeated."""
        keys = self._delete_objects(record)
        self.catalog.delete(record.user_id, record.recording_id)
        return [*keys, _name_record(record)]

    def find_versions(self, record: Record) -> list[ObjectVersion]:
        """Find every version of all objects that belong to a recording: upload, documents, artifacts."""
        named = {record.key, *(_document_key(record, extension) for extension in DOCUMENT_FORMATS)}
        places = (record.key, _document_key(record, ""))
        found = [version for place in places for version in self.store.find_versions(place)]
        artifacts = self.store.find_versions(f"artifacts/{record.recording_id}/")
        return [*(version for version in found if version.key in named), *artifacts]

    def _delete_objects(self, record: Record) -> list[str]:
        versions = self.find_versions(record)
        self.store.delete(versions)
        return list(dict.fromkeys(version.key for version in versions))

    def _mark_deleted(self, user_id: str, recording_id: str) -> Record:
        """Empty the record, so that no stage moves it on. Returns it as it was."""
        for _ in range(TRIES):
            record = self.read(user_id, recording_id)
            if self.catalog.replace(record, record.mark_deleted()):
                return record
        raise BusyError(f"the record of {recording_id} was changed {TRIES} times meanwhile: try again")

    def _walk(self, user_id: str) -> Iterator[Record]:
        cursor: str | None = None
        while True:
            page = self.catalog.find(user_id, limit=200, cursor=cursor)
            yield from _leave_out_deleted(page.records)
            cursor = page.cursor
            if cursor is None:
                return

    def _load_transcript(self, record: Record) -> Transcript:
        key = _document_key(record, "json")
        if not self.store.exists(key):
            raise NotFoundError(f"{record.recording_id} has no transcript yet: it is {record.status}")
        return put_names(Transcript.from_json(self.store.read_json(key)), record.speaker_names)

    def _build_part(self, record: Record) -> Part:
        try:
            transcript = self._load_transcript(record)
        except NotFoundError:
            transcript = None
        return Part(
            record.recording_id,
            record.user_id,
            record.device_id,
            record.seq,
            record.started_at,
            record.status,
            transcript,
        )


def render(transcript: Transcript, document_format: str) -> bytes:
    """Render a transcript in one of DOCUMENT_FORMATS.

    Raises:
        InputError: an unknown format.
    """
    if document_format == "json":
        return json.dumps(transcript.to_json(), ensure_ascii=False).encode()
    if document_format not in RENDERERS:
        raise InputError(f"'{document_format}' is no format: use one of {', '.join(DOCUMENT_FORMATS)}")
    return RENDERERS[document_format](transcript).encode()


def _leave_out_deleted(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if not record.is_deleted]


def _name_record(record: Record) -> str:
    return f"record {record.user_id}/{record.recording_id}"


def _document_key(record: Record, extension: str) -> str:
    return transcript_key(record.user_id, record.device_id, record.recording_id, extension)


def _resolve_names(transcript: Transcript, new_names: Mapping[str, str]) -> dict[str, str]:
    """Put each new name to the label of its voice."""
    names: dict[str, str] = {}
    for speaker, name in new_names.items():
        label = _find_label(transcript, speaker)
        if label in names:
            raise InputError(f"'{speaker}' is {label}, which is named twice: name each voice once")
        names[label] = parse_name(name, label)
    return names


def _find_label(transcript: Transcript, wanted: str) -> str:
    """Find a voice by its label, or by its present name if no other voice has it."""
    labels = [s.label for s in transcript.speakers if s.label == wanted]
    labels = labels or [s.label for s in transcript.speakers if s.name == wanted]
    if len(labels) == 1:
        return labels[0]
    if labels:
        raise InputError(f"{len(labels)} voices are called '{wanted}': say which one, {' or '.join(labels)}")
    known = ", ".join(speaker.name or speaker.label for speaker in transcript.speakers) or "nobody"
    raise NotFoundError(f"'{wanted}' does not speak in this recording; it has {known}")
