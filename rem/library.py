"""What a person does with recordings that are there: list, read, name voices, join sessions, delete."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rem.core.captions import RENDERERS
from rem.core.conversations import Conversation, Part, join_parts
from rem.core.errors import InputError
from rem.core.keys import DOCUMENT_FORMATS
from rem.core.names import apply_names
from rem.core.transcript import Transcript
from rem.documents import document_keys, write_documents
from rem.ports import Catalog, Json, Page, Store

NAMES = "speakerNames"  # field of the record: what a person called the voices, by label
LONGEST_NAME = 80  # characters
LONGEST_SESSION = 1000  # recordings of one session that are joined
INTERNAL = frozenset(
    {"statusRank", "open", "uploadId", "userId"}
)  # fields of a record that are nobody's business


class NotFoundError(InputError):
    """There is no such recording, transcript or session; the message says what was looked for."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What a deletion took away: object keys, and whether there was a record."""

    keys: tuple[str, ...]
    record: bool

    def to_json(self) -> Json:
        return {"objects": list(self.keys), "record": self.record}


class Library:
    """One installation's recordings. Every method takes the user whose recordings they are.

    Args:
        stop: Ends what is still being done with a recording, given its record, before it is deleted.
    """

    def __init__(
        self, store: Store, catalog: Catalog, stop: Callable[[Json], None] = lambda record: None
    ) -> None:
        self._store, self._catalog, self._stop = store, catalog, stop

    def get(self, user_id: str, recording_id: str) -> Json:
        """The recording's record.

        Raises:
            NotFoundError: there is none.
        """
        record = self._catalog.read(user_id, recording_id)
        if record is None:
            raise NotFoundError(f"there is no recording {recording_id}")
        return record

    def list(
        self,
        user_id: str,
        *,
        device_id: str | None = None,
        since: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Records, newest first.

        Raises:
            InputError: the cursor is none of ours.
        """
        return self._catalog.find(user_id, device_id=device_id, since=since, limit=limit, cursor=cursor)

    def walk(self, user_id: str, **query: str) -> Iterator[Json]:
        """All records that Catalog.find finds, page by page."""
        cursor: str | None = None
        while True:
            page = self._catalog.find(user_id, limit=200, cursor=cursor, **query)
            yield from page.records
            cursor = page.cursor
            if cursor is None:
                return

    def transcript(self, user_id: str, recording_id: str, document_format: str = "json") -> bytes:
        """A recording's transcript in one of DOCUMENT_FORMATS, with the names as they are now.

        Raises:
            NotFoundError: no such recording, or it is not transcribed yet.
            InputError: an unknown format.
        """
        if document_format not in DOCUMENT_FORMATS:
            raise InputError(f"'{document_format}' is no format: use one of {', '.join(DOCUMENT_FORMATS)}")
        return render(self._load(self.get(user_id, recording_id)), document_format)

    def rename_speaker(self, user_id: str, recording_id: str, label: str, name: str) -> Transcript:
        """Call a voice by a name; an empty name takes it away. All documents are written anew.

        Raises:
            NotFoundError: no such recording, not transcribed yet, or no such speaker.
            InputError: the name is too long or holds control characters.
        """
        record = self.get(user_id, recording_id)
        transcript = self._load(record)
        if label not in (speaker.label for speaker in transcript.speakers):
            known = ", ".join(speaker.label for speaker in transcript.speakers) or "none"
            raise NotFoundError(f"{recording_id} has no speaker {label}: it has {known}")
        name = name.strip()
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise InputError(f"a name has at most {LONGEST_NAME} characters, all on one line")
        names = {**record.get(NAMES, {}), label: name}
        given = {known: called for known, called in names.items() if called}
        self._catalog.set_fields(user_id, recording_id, {NAMES: given or None})
        renamed = put_names(transcript, given)
        write_documents(self._store, renamed)
        return renamed

    def conversation(self, user_id: str, session_id: str) -> Conversation:
        """The recordings of a session, in order, as one conversation.

        Raises:
            NotFoundError: no recording belongs to this session.
        """
        page = self._catalog.find(user_id, session_id=session_id, limit=LONGEST_SESSION)
        if not page.records:
            raise NotFoundError(f"no recording belongs to session {session_id}")
        return join_parts(session_id, [self._build_part(record) for record in page.records])

    def delete(self, user_id: str, recording_id: str) -> Removed:
        """Remove the audio, every artifact, every document and the record, in this order.

        The record goes last: what is interrupted can be repeated.

        Raises:
            NotFoundError: there is no such recording.
        """
        record = self.get(user_id, recording_id)
        self._stop(record)
        raw = record["key"]
        documents = set(document_keys(user_id, record["deviceId"], recording_id).values())
        folder = f"transcripts/{user_id}/{record['deviceId']}/{recording_id}."
        keys = [
            *self._store.delete(raw, lambda key: key == raw),
            *self._store.delete(f"artifacts/{recording_id}/", lambda key: True),
            *self._store.delete(folder, documents.__contains__),
        ]
        return Removed(tuple(keys), self._catalog.delete(user_id, recording_id))

    def _load(self, record: Json) -> Transcript:
        key = record.get("transcriptKey")
        if key is None:
            raise NotFoundError(f"{record['recordingId']} is not transcribed yet: it is {record['status']}")
        return put_names(Transcript.from_json(self._store.read_json(key)), record.get(NAMES, {}))

    def _build_part(self, record: Json) -> Part:
        transcript = self._load(record) if "transcriptKey" in record else None
        return Part(
            record["recordingId"], record.get("seq"), record["startedAt"], record["status"], transcript
        )


def put_names(transcript: Transcript, given: Mapping[str, str]) -> Transcript:
    """What a person called the voices, else what the recording itself says their names are."""
    found = transcript.notes.get("speaker-names", {}).get("names", [])
    return apply_names(transcript, {item["label"]: item["name"] for item in reversed(found)}, given)


def render(transcript: Transcript, document_format: str) -> bytes:
    if document_format == "json":
        return json.dumps(transcript.to_json(), ensure_ascii=False).encode()
    return RENDERERS[document_format](transcript).encode()


def show(record: Json) -> Json:
    """A record as its owner sees it."""
    return {name: value for name, value in record.items() if name not in INTERNAL}
