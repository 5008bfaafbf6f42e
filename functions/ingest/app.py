"""The API's application, where routes register: its services, access rules, and the status of each error."""

from __future__ import annotations

from dataclasses import dataclass

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)

from functions.ingest.answers import answer_problem
from functions.ingest.multipart import FormValidation
from rem.adapters.dynamodb import DynamoApiKeys, DynamoCatalog
from rem.adapters.s3 import S3Store, S3Uploads
from rem.adapters.step_functions import Executions
from rem.core.api_keys import ApiKey, Scope
from rem.core.errors import BusyError, InputError
from rem.core.records import Record
from rem.library.intake import Intake
from rem.library.keyring import Keyring
from rem.library.library import Library
from rem.library.refusals import ChecksumError, ConflictError, NotAudioError, NotFoundError, TooLargeError
from rem.ports import Executions as ExecutionsPort
from rem.ports import Uploads
from rem.stage.settings import ApiSettings

app = APIGatewayRestResolver(enable_validation=True)
app._request_validation_middleware = FormValidation()  # type: ignore[no-untyped-call]


class ForbiddenError(Exception):
    """A request that its key, although good, does not allow."""


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
    """Everything that the routes work with.

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
            Keyring(DynamoApiKeys(settings.keys_table)),
            Executions(settings.state_machine_arn),
            uploads,
            settings.part_secret,
        )


def services() -> Services:
    """Return the services of the request that is being answered."""
    found: Services = app.context["services"]
    return found


def allow(scope: Scope, device_id: str | None = None) -> ApiKey:
    """Return the request's key where it allows this use.

    Raises:
        ForbiddenError: the key may only upload, or is for another device.
    """
    key: ApiKey = app.context["key"]
    if scope is Scope.ALL and key.scope is not Scope.ALL:
        raise ForbiddenError("this key may only upload: reading needs one without --ingest-only")
    if device_id is not None and not key.may_touch(device_id):
        raise ForbiddenError(f"this key is for {key.device_id} only: name that device, or use another key")
    return key


def read_own(recording_id: str, scope: Scope = Scope.ALL) -> Record:
    """Read the record of a recording that the key may touch.

    Raises:
        NotFoundError: the key's user has no such recording.
        ForbiddenError: the key may not touch it.
    """
    record = services().library.read(allow(scope).user_id, recording_id)
    allow(scope, record.device_id)
    return record


@app.exception_handler(list(STATUSES))  # type: ignore[untyped-decorator]
def refuse(error: Exception) -> Response[str]:
    """Answer an error of ours with its status and its sentence."""
    return answer_problem(STATUSES[type(error)], type(error).__name__.removesuffix("Error"), str(error))


@app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]
def refuse_fields(error: RequestValidationError) -> Response[str]:
    """Name each wrong field, and say what is wrong with it."""
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
