"""Routes that take recordings in: one request for a small recording, an upload in parts for a large one."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Form

from functions.ingest.answers import describe_guarded
from functions.ingest.app import allow, app, read_own, services
from functions.ingest.schemas import (
    CompleteRequest,
    IngestForm,
    IngestResult,
    RecordingId,
    UploadAbort,
    UploadPart,
    UploadRequest,
    UploadState,
)
from rem.core.api_keys import Scope
from rem.core.errors import InputError
from rem.core.tickets import Ticket, write_ticket
from rem.library.upload_parts import UploadPlan

PART_URL_S = 3600  # a part may be sent for so long; then GET /uploads/{recordingId} gives a new URL


@app.post("/ingest", responses=describe_guarded(IngestResult, 409, 413, 415, 422))
def ingest(form: Annotated[IngestForm, Form(media_type="multipart/form-data")]) -> IngestResult:
    """Take in a recording of at most 4 MiB. The same bytes under the same id are taken once."""
    key = allow(Scope.INGEST, form.device_id)
    audio = form.audio if form.audio is not None else form.file
    if audio is None:
        raise InputError("the form has no audio: send the file as 'audio' (or 'file')")
    announced = form.announce(form.recording_id, form.sha256)
    recording_id, is_duplicate = services().intake.accept(key.user_id, announced, audio)
    return IngestResult(recording_id=recording_id, duplicate=is_duplicate)


@app.post("/uploads", responses=describe_guarded(UploadState, 409, 413, 415))
def begin_upload(request: UploadRequest) -> UploadState:
    """Begin an upload in parts, or go on with it: PUT each part to its url, then complete it."""
    key = allow(Scope.INGEST, request.device_id)
    announced = request.announce(request.recording_id, request.sha256)
    plan = services().intake.begin(key.user_id, announced, request.size_bytes, request.format)
    return _show_upload(plan)


@app.get("/uploads/<recordingId>", responses=describe_guarded(UploadState, 404))
def read_upload(recording_id: RecordingId) -> UploadState:
    """List the parts that have arrived, and fresh URLs for the others."""
    record = read_own(recording_id, Scope.INGEST)
    return _show_upload(services().intake.describe(record.user_id, recording_id))


@app.post("/uploads/<recordingId>/complete", responses=describe_guarded(IngestResult, 404, 415, 422))
def complete_upload(recording_id: RecordingId, request: CompleteRequest) -> IngestResult:
    """Make the recording of its parts. Repeating the request does no harm."""
    record = read_own(recording_id, Scope.INGEST)
    etags = {part.number: part.etag for part in request.parts}
    is_duplicate = services().intake.complete(record.user_id, recording_id, etags)
    return IngestResult(recording_id=recording_id, duplicate=is_duplicate)


@app.delete("/uploads/<recordingId>", responses=describe_guarded(UploadAbort, 404))
def abort_upload(recording_id: RecordingId) -> UploadAbort:
    """End an upload that is not complete, and drop its parts."""
    record = read_own(recording_id, Scope.INGEST)
    services().intake.abort(record.user_id, recording_id)
    return UploadAbort(recording_id=recording_id)


def _show_upload(plan: UploadPlan) -> UploadState:
    parts = [UploadPart(**asdict(part)) for part in plan.parts]
    for part in parts:
        if part.etag is None:
            part.url = _build_part_url(plan, part)
    return UploadState(
        recording_id=plan.recording_id,
        duplicate=plan.is_duplicate,
        part_bytes=plan.part_bytes,
        parts=parts,
    )


def _build_part_url(plan: UploadPlan, part: UploadPart) -> str:
    """Build S3's presigned URL, or a ticket for this very server under the host that the request names."""
    secret = services().part_secret
    if secret is None:
        return services().uploads.sign_part(plan.key, plan.upload_id, part.number, PART_URL_S)
    expires_at = int(time.time()) + PART_URL_S
    ticket = Ticket(plan.key, plan.upload_id, part.number, part.size_bytes, expires_at)
    headers = app.current_event.headers
    base = f"{headers.get('x-forwarded-proto') or 'http'}://{headers.get('host')}"
    return f"{base}/parts/{write_ticket(ticket, secret)}"
