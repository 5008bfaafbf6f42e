"""The documents of a recording: one transcript, written in every format."""

from __future__ import annotations

from rem.core.captions import RENDERERS
from rem.core.keys import DOCUMENT_FORMATS, transcript_key
from rem.core.transcript import Transcript
from rem.ports import Store

CONTENT_TYPES = {
    "json": "application/json",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
}


def write_documents(store: Store, transcript: Transcript) -> str:
    """Write every format anew, whatever is there; JSON last, it is what others look for. Returns its key."""
    recording = transcript.recording
    keys = document_keys(recording.user_id, recording.device_id, recording.recording_id)
    for extension, render in RENDERERS.items():
        store.write_bytes(keys[extension], render(transcript).encode(), CONTENT_TYPES[extension])
    store.write_json(keys["json"], transcript.to_json())
    return keys["json"]


def document_keys(user_id: str, device_id: str, recording_id: str) -> dict[str, str]:
    return {
        extension: transcript_key(user_id, device_id, recording_id, extension)
        for extension in DOCUMENT_FORMATS
    }
