"""Api: what devices and people call over HTTP. API Gateway's REST proxy event in, its answer out."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Form, Path, Query

from functions.ingest.multipart import FormValidation
from functions.ingest.openapi import describe, describe_guarded
from functions.ingest.schemas import (
    Aborted,
    Accepted,
    CompleteRequest,
    DeviceList,
    DeviceView,
    Health,
    Id,
    IngestForm,
    LedgerView,
    Moment,
    Problem,
    RecordingPage,
    RecordingView,
    Removed,
    Speakers,
    SpeakersRequest,
    UploadPart,
    UploadRequest,
    UploadState,
)
from rem.adapters.dynamodb import DynamoCatalog, DynamoKeys
from rem.adapters.s3 import S3Store, S3Uploads
from rem.adapters.step_functions import Executions
from rem.core import Json
from rem.core.api_keys import Key, Scope
from rem.core.errors import BusyError, InputError
from rem.core.ledger import MOST_COUNTED, find_last_said, read_records
from rem.core.records import Record
from rem.core.tickets import Ticket, write_ticket
from rem.library.documents import CONTENT_TYPES
from rem.library.intake import ChecksumError, ConflictError, Intake, NotAudioError, TooLargeError, UploadPlan
from rem.library.keyring import Keyring
from rem.library.library import Library, NotFoundError, render
from rem.library.work import stop_execution
from rem.ports import Executions as ExecutionsPort
from rem.ports import Uploads
from rem.stage.observe import load_logger, observed
from rem.stage.settings import ApiSettings

KEY_HEADER = "x-api-key"
OPEN_PATHS = ("/health",)  # answered without a key
PART_URL_S = 3600  # how long a part may be sent; after that GET /uploads/{recordingId} gives a new URL
RETRY_S = 5
DEVICES_OF = 1000  # newest recordings among which devices are looked for
MOST_ANSWERED_BYTES = 4 * 2**20  # Lambda answers 6 MB, and a text inside JSON grows

app = APIGatewayRestResolver(enable_validation=True)
app._request_validation_middleware = FormValidation()  # type: ignore[no-untyped-call]


class ForbiddenError(Exception):
    """The key is good, but not for this."""


STATUSES: dict[type[Exception], int] = {
    InputError: 400,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    NotAudioError: 415,
    ChecksumError: 422,
    BusyError: 503,
}


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with.

    Attributes:
        part_secret: Signs tickets for parts, where the server itself takes them in (docs/adr/0015).
    """

    library: Library
    intake: Intake
    keyring: Keyring
    executions: ExecutionsPort
    uploads: Uploads
    part_secret: str | None = None

    @classmethod
    def from_env(cls) -> Services:
        settings = ApiSettings.from_env()
        store, catalog = S3Store(settings.bucket), DynamoCatalog(settings.table)
        uploads = S3Uploads(settings.bucket)
        return cls(
            Library(store, catalog),
            Intake(store, catalog, uploads, settings.bucket),
            Keyring(DynamoKeys(settings.keys_table)),
            Executions(settings.state_machine_arn),
            uploads,
            settings.part_secret,
        )


RecordingId = Annotated[Id, Path(alias="recordingId")]
DeviceId = Annotated[Id, Path(alias="deviceId")]
SessionId = Annotated[Id, Path(alias="sessionId")]
Format = Annotated[Literal["json", "srt", "vtt", "txt", "md"], Query()]


@app.get("/health", responses=describe(Health))
def check_health() -> Health:
    """Whether the API answers. Needs no key."""
    return Health()


@app.post("/ingest", responses=describe_guarded(Accepted, 409, 413, 415, 422))
def ingest(form: Annotated[IngestForm, Form(media_type="multipart/form-data")]) -> Accepted:
    """Take in a recording of at most 4 MiB. The same bytes under the same id are taken once."""
    key = allow(Scope.INGEST, form.device_id)
    audio = form.audio if form.audio is not None else form.file
    if audio is None:
        raise InputError("the form has no audio: send the file as 'audio' (or 'file')")
    announced = form.announce(form.recording_id, form.sha256)
    recording_id, is_duplicate = services().intake.accept(key.user_id, announced, audio)
    return Accepted(recording_id=recording_id, duplicate=is_duplicate)


@app.post("/uploads", responses=describe_guarded(UploadState, 409, 413, 415))
def begin_upload(request: UploadRequest) -> UploadState:
    """Begin an upload in parts, or go on with it: PUT each part to its url, then complete it."""
    key = allow(Scope.INGEST, request.device_id)
    announced = request.announce(request.recording_id, request.sha256)
    plan = services().intake.begin(key.user_id, announced, request.size_bytes, request.format)
    return show_upload(plan)


@app.get("/uploads/<recordingId>", responses=describe_guarded(UploadState, 404))
def read_upload(recording_id: RecordingId) -> UploadState:
    """Which parts have arrived, and fresh URLs for the others."""
    record = read_own(recording_id, Scope.INGEST)
    return show_upload(services().intake.describe(record.user_id, recording_id))


@app.post("/uploads/<recordingId>/complete", responses=describe_guarded(Accepted, 404, 415, 422))
def complete_upload(recording_id: RecordingId, request: CompleteRequest) -> Accepted:
    """Make the recording of its parts. Once more does no harm."""
    record = read_own(recording_id, Scope.INGEST)
    etags = {part.number: part.etag for part in request.parts}
    is_duplicate = services().intake.complete(record.user_id, recording_id, etags)
    return Accepted(recording_id=recording_id, duplicate=is_duplicate)


@app.delete("/uploads/<recordingId>", responses=describe_guarded(Aborted, 404))
def abort_upload(recording_id: RecordingId) -> Aborted:
    """End an upload that is not complete, and drop its parts."""
    record = read_own(recording_id, Scope.INGEST)
    services().intake.abort(record.user_id, recording_id)
    return Aborted(recording_id=recording_id)


@app.get("/recordings", responses=describe_guarded(RecordingPage))
def list_recordings(
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    device_id: Annotated[Id | None, Query(alias="deviceId")] = None,
    since: Annotated[Moment | None, Query()] = None,
) -> RecordingPage:
    """Recordings, the newest first. A page may be short; only one without a cursor is the last."""
    key = allow(Scope.ALL, device_id)
    page = services().library.page(
        key.user_id,
        device_id=device_id or key.device_id,
        since=since.isoformat(timespec="milliseconds") if since else "",
        limit=limit,
        cursor=cursor,
    )
    return RecordingPage(recordings=[show(record) for record in page.records], cursor=page.cursor)


@app.get("/recordings/<recordingId>", responses=describe_guarded(RecordingView, 404))
def read_recording(recording_id: RecordingId) -> RecordingView:
    """One recording, and how far it is."""
    return show(read_own(recording_id))


@app.get("/recordings/<recordingId>/transcript", responses=describe_guarded(None, 404, 413))
def read_transcript(recording_id: RecordingId, format: Format = "json") -> Response[str]:
    """The transcript, with the names that people gave the voices."""
    record = read_own(recording_id)
    return answer_text(services().library.transcript(record.user_id, recording_id, format), format)


@app.patch("/recordings/<recordingId>/speakers", responses=describe_guarded(Speakers, 404, 415))
def name_speakers(recording_id: RecordingId, request: SpeakersRequest) -> Speakers:
    """Name voices, by label or by their present name, all at once or none. All documents are written anew."""
    record = read_own(recording_id)
    names = services().library.rename_speakers(record.user_id, recording_id, request.names)
    return Speakers(recording_id=recording_id, speaker_names=names)


@app.delete("/recordings/<recordingId>", responses=describe_guarded(Removed, 404))
def delete_recording(recording_id: RecordingId) -> Removed:
    """Delete the sound, the transcript and all that was made of it. What still runs is stopped."""
    record = read_own(recording_id)
    stop_work(record)
    removed = services().library.delete(record.user_id, recording_id)
    return Removed(recording_id=recording_id, removed=removed)


@app.get("/devices", responses=describe_guarded(DeviceList))
def list_devices() -> DeviceList:
    """The devices of the newest 1,000 recordings, and what they said last."""
    key = allow(Scope.ALL)
    page = services().library.page(key.user_id, device_id=key.device_id, limit=DEVICES_OF)
    by_device: dict[str, list[Record]] = {}
    for record in page.records:
        by_device.setdefault(record.device_id, []).append(record)
    return DeviceList(devices=[show_device(records) for records in by_device.values()])


@app.get("/devices/<deviceId>/ledger", responses=describe_guarded(LedgerView, 404))
def read_ledger(device_id: DeviceId) -> LedgerView:
    """What a counting device sent, session by session; what is missing; what it should send again."""
    key = allow(Scope.INGEST, device_id)
    page = services().library.page(key.user_id, device_id=device_id, limit=MOST_COUNTED)
    ledger = read_records(page.records, is_all=page.cursor is None)
    return LedgerView.model_validate({"deviceId": device_id, **ledger.to_json()})


@app.get("/sessions/<sessionId>/transcript", responses=describe_guarded(None, 404, 413))
def read_conversation(session_id: SessionId, format: Format = "json") -> Response[str]:
    """The recordings of a session, in order, as one conversation."""
    key = allow(Scope.ALL)
    conversation = services().library.conversation(key.user_id, session_id)
    for part in conversation.parts:
        allow(Scope.ALL, part.device_id)
    if format == "json":
        return answer_text(json.dumps(conversation.to_json(), ensure_ascii=False).encode(), format)
    return answer_text(render(conversation.transcript, format), format)


def services() -> Services:
    found: Services = app.context["services"]
    return found


def allow(scope: Scope, device_id: str | None = None) -> Key:
    """The key of this request.

    Raises:
        ForbiddenError: it may only upload, or is for another device.
    """
    key: Key = app.context["key"]
    if scope is Scope.ALL and key.scope is not Scope.ALL:
        raise ForbiddenError("this key may only upload: reading needs one without --ingest-only")
    if device_id is not None and not key.may_touch(device_id):
        raise ForbiddenError(f"this key is for {key.device_id} only")
    return key


def read_own(recording_id: str, scope: Scope = Scope.ALL) -> Record:
    """The record of a recording that the key may touch."""
    record = services().library.read(allow(scope).user_id, recording_id)
    allow(scope, record.device_id)
    return record


def stop_work(record: Record) -> None:
    """End what is still being done with a recording: its upload, its execution."""
    if record.upload_id is not None:
        services().uploads.abort(record.key, record.upload_id)
    stop_execution(record, services().library.store, services().executions)


def show(record: Record) -> RecordingView:
    return RecordingView.model_validate(record.to_item())


def show_device(records: list[Record]) -> DeviceView:
    """A device by its recordings, the newest first: what it said last counts."""
    return DeviceView(
        device_id=records[0].device_id,
        recordings=len(records),
        last_started_at=records[0].started_at,
        **find_last_said(records),
    )


def show_upload(plan: UploadPlan) -> UploadState:
    parts = [UploadPart(**asdict(part)) for part in plan.parts]
    for part in parts:
        if part.etag is None:
            part.url = build_part_url(plan, part)
    return UploadState(
        recording_id=plan.recording_id,
        duplicate=plan.is_duplicate,
        part_bytes=plan.part_bytes,
        parts=parts,
    )


def build_part_url(plan: UploadPlan, part: UploadPart) -> str:
    """S3's presigned URL, or a ticket for the server that was asked, under the name by which it was asked."""
    secret = services().part_secret
    if secret is None:
        return services().uploads.sign_part(plan.key, plan.upload_id, part.number, PART_URL_S)
    expires_at = int(time.time()) + PART_URL_S
    ticket = Ticket(plan.key, plan.upload_id, part.number, part.size_bytes, expires_at)
    headers = app.current_event.headers
    base = f"{headers.get('x-forwarded-proto') or 'http'}://{headers.get('host')}"
    return f"{base}/parts/{write_ticket(ticket, secret)}"


def answer_text(body: bytes, document_format: str) -> Response[str]:
    if len(body) > MOST_ANSWERED_BYTES:
        raise TooLargeError(
            f"the transcript as {document_format} has {len(body)} bytes, more than one answer carries: "
            "ask for format=txt, or read it from the bucket"
        )
    return Response(status_code=200, content_type=CONTENT_TYPES[document_format], body=body.decode())


@app.exception_handler(list(STATUSES))  # type: ignore[untyped-decorator]
def refuse(error: Exception) -> Response[str]:
    return answer_problem(STATUSES[type(error)], type(error).__name__.removesuffix("Error"), str(error))


@app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]
def refuse_fields(error: RequestValidationError) -> Response[str]:
    """Which field, and what is wrong with it."""
    sentences = []
    for wrong in error.errors():
        place = ".".join(str(step) for step in wrong["loc"][1:]) or str(wrong["loc"][0])
        sentences.append(f"{place}: {wrong['msg'].removeprefix('Value error, ')}")
    return answer_problem(400, "Input", "; ".join(sentences))


@app.exception_handler(RequestUnsupportedContentType)  # type: ignore[untyped-decorator]
def refuse_content_type(error: RequestUnsupportedContentType) -> Response[str]:
    return answer_problem(415, "NotAudio", "send multipart/form-data to /ingest and JSON to all others")


@app.not_found
def refuse_path(error: Exception) -> Response[str]:
    return answer_problem(404, "NotFound", "there is no such path or method: see docs/openapi.json")


def answer_problem(status: int, error: str, message: str) -> Response[str]:
    problem = Problem(error=error, message=message, use="POST /uploads" if status == 413 else None)
    headers = {"Retry-After": str(RETRY_S)} if status == 503 else {}
    body = problem.model_dump_json(exclude_none=True)
    return Response(status_code=status, content_type="application/json", body=body, headers=headers)


def respond(event: Mapping[str, Any], context: Any, found: Services) -> Json:
    """Look at the key before anything of the request is read: without one nobody learns what is wrong."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    key = None
    if event["path"] not in OPEN_PATHS:
        key = found.keyring.check(headers.get(KEY_HEADER) or "")
        if key is None:
            message = "the x-api-key header is missing, wrong or revoked: `rem keys add` makes a key"
            return to_event(answer_problem(401, "Unauthorized", message))
    app.append_context(services=found, key=key)  # type: ignore[no-untyped-call]
    return dict(app.resolve(dict(event), context))


def to_event(response: Response[str]) -> Json:
    return {
        "statusCode": response.status_code,
        "multiValueHeaders": {"Content-Type": [response.content_type]},
        "body": response.body,
        "isBase64Encoded": False,
    }


@observed("api")
def handler(event: Mapping[str, Any], context: Any) -> Json:
    answer = respond(event, context, Services.from_env())
    about = {"method": event["httpMethod"], "path": event["path"], "status": answer["statusCode"]}
    load_logger().info("answered", extra=about)
    return answer
