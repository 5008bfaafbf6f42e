"""Routes that list and read recordings, name their voices and delete them."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.ingest.answers import answer_text, describe_guarded
from functions.ingest.app import allow, app, read_own, services
from functions.ingest.schemas import (
    DeletionResult,
    Id,
    Moment,
    RecordingId,
    RecordingPage,
    RecordingView,
    SessionId,
    Speakers,
    SpeakersRequest,
)
from rem.core.api_keys import Scope
from rem.core.records import Record
from rem.library.library import render
from rem.library.work import stop_execution

Format = Annotated[Literal["json", "srt", "vtt", "txt", "md"], Query()]


@app.get("/recordings", responses=describe_guarded(RecordingPage))
def list_recordings(
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    device_id: Annotated[Id | None, Query(alias="deviceId")] = None,
    since: Annotated[Moment | None, Query()] = None,
) -> RecordingPage:
    """List recordings, the newest first. A page may be short; only one without a cursor is the last."""
    key = allow(Scope.ALL, device_id)
    page = services().library.page(
        key.user_id,
        device_id=device_id or key.device_id,
        since=since.isoformat(timespec="milliseconds") if since else "",
        limit=limit,
        cursor=cursor,
    )
    return RecordingPage(recordings=[_show(record) for record in page.records], cursor=page.cursor)


@app.get("/recordings/<recordingId>", responses=describe_guarded(RecordingView, 404))
def read_recording(recording_id: RecordingId) -> RecordingView:
    """Read one recording, and how far it is."""
    return _show(read_own(recording_id))


@app.get("/recordings/<recordingId>/transcript", responses=describe_guarded(None, 404, 413))
def read_transcript(recording_id: RecordingId, format: Format = "json") -> Response[str]:
    """Read the transcript, with the names that people gave the voices."""
    record = read_own(recording_id)
    return answer_text(services().library.transcript(record.user_id, recording_id, format), format)


@app.patch("/recordings/<recordingId>/speakers", responses=describe_guarded(Speakers, 404, 415))
def name_speakers(recording_id: RecordingId, request: SpeakersRequest) -> Speakers:
    """Name voices, by label or by their present name, all at once or none. All documents are written anew."""
    record = read_own(recording_id)
    names = services().library.rename_speakers(record.user_id, recording_id, request.names)
    return Speakers(recording_id=recording_id, speaker_names=names)


@app.delete("/recordings/<recordingId>", responses=describe_guarded(DeletionResult, 404))
def delete_recording(recording_id: RecordingId) -> DeletionResult:
    """Delete the sound, the transcript and all that was made of it. Work that still runs is stopped."""
    record = read_own(recording_id)
    _stop_work(record)
    removed = services().library.delete(record.user_id, recording_id)
    return DeletionResult(recording_id=recording_id, removed=removed)


@app.get("/sessions/<sessionId>/transcript", responses=describe_guarded(None, 404, 413))
def read_conversation(session_id: SessionId, format: Format = "json") -> Response[str]:
    """Read the recordings of a session, in order, as one conversation."""
    key = allow(Scope.ALL)
    conversation = services().library.conversation(key.user_id, session_id)
    for part in conversation.parts:
        allow(Scope.ALL, part.device_id)
    if format == "json":
        return answer_text(json.dumps(conversation.to_json(), ensure_ascii=False).encode(), format)
    return answer_text(render(conversation.transcript, format), format)


def _show(record: Record) -> RecordingView:
    return RecordingView.model_validate(record.to_item())


def _stop_work(record: Record) -> None:
    """End what is still being done with a recording: its upload, its execution."""
    if record.upload_id is not None:
        services().uploads.abort(record.key, record.upload_id)
    stop_execution(record, services().library.store, services().executions)
