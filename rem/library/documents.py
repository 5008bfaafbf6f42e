"""The documents of a transcript in the store: JSON, and the formats that are rendered from it."""

from __future__ import annotations

from collections.abc import Mapping

from rem.core.places import transcript_key
from rem.ports import Store
from rem.transcripts.captions import RENDERERS
from rem.transcripts.names import apply_names
from rem.transcripts.transcript import Transcript

CONTENT_TYPES = {
    "json": "application/json",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
}


def put_names(transcript: Transcript, given_names: Mapping[str, str]) -> Transcript:
    """Name each voice as a person did, else as the recording itself does."""
    found = transcript.notes.get("speaker-names", {}).get("names", [])
    return apply_names(transcript, {item["label"]: item["name"] for item in reversed(found)}, given_names)


def write_documents(store: Store, transcript: Transcript) -> str:
    """Write every document anew, and the JSON last, so that its reader finds the others. Returns its key."""
    recording = transcript.recording
    keys = {
        extension: transcript_key(recording.user_id, recording.device_id, recording.recording_id, extension)
        for extension in ("json", *RENDERERS)
    }
    for extension, render in RENDERERS.items():
        store.write_bytes(keys[extension], render(transcript).encode(), CONTENT_TYPES[extension])
    store.write_json(keys["json"], transcript.to_json())
    return keys["json"]
