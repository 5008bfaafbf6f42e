"""The API's description: what each route may answer, and the document as a whole.

`python -m functions.ingest.openapi` writes docs/openapi.json.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn
from pydantic.alias_generators import to_camel

from functions.ingest.schemas import Problem

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"
SENTENCES = {
    400: "A field is missing or malformed; the message names it",
    401: "No key, a wrong one, or one that was revoked",
    403: "The key is for another device, or only for uploads",
    404: "There is none",
    409: "The id has other bytes, or belongs to another device",
    413: "Larger than one request or answer carries; `use` says what to call",
    415: "The bytes are no sound or video file, or the body has another type than this route takes",
    422: "What arrived has another checksum",
    503: "Busy: try again after Retry-After",
}
TEXTS = ("application/json", "application/x-subrip", "text/vtt", "text/plain", "text/markdown")


def describe(model: type[Any] | None, *errors: int) -> dict[int, Any]:
    """The answers of a route: the model (None for a transcript), and each error with the same Problem."""
    content: dict[str, Any] = (
        {kind: {"schema": {}} for kind in TEXTS} if model is None else {"application/json": {"model": model}}
    )
    answers: dict[int, Any] = {200: {"description": "Done", "content": content}}
    for status in errors:
        problem = {"application/json": {"model": Problem}}
        answers[status] = {"description": SENTENCES[status], "content": problem}
    return answers


def describe_guarded(model: type[Any] | None, *errors: int) -> dict[int, Any]:
    """The same, with what every route that looks at a key may answer."""
    return describe(model, *sorted({400, 401, 403, 503, *errors}))


def build_openapi() -> dict[str, Any]:
    """OpenAPI 3.1: what Powertools makes of the routes, mended where it knows less than the routes."""
    from functions.ingest.api import KEY_HEADER, OPEN_PATHS, app

    document: dict[str, Any] = json.loads(
        app.get_openapi_json_schema(
            title="REM",
            version="1",
            description="Recordings in; who said what, when, and what it meant, out.",
            security_schemes={"key": APIKey.model_validate({"name": KEY_HEADER, "in": APIKeyIn.header})},
            security=[{"key": []}],
        )
    )
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _mend(operation, re.sub(r"\W", "_", path) + f"_{method}")
            if path in OPEN_PATHS:
                operation["security"] = []
    document["paths"]["/ingest"]["post"]["requestBody"]["content"] = {
        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/IngestForm"}}
    }
    for unused in ("HTTPValidationError", "ValidationError", "Body_ingest_ingest_post"):
        document["components"]["schemas"].pop(unused, None)
    return document


def _mend(operation: dict[str, Any], suffix: str) -> None:
    """Take out the 422 that no route of ours answers to a malformed field, and shorten the name."""
    if operation["responses"].get("422", {}).get("description") == "Validation Error":
        del operation["responses"]["422"]
    operation["operationId"] = to_camel(operation["operationId"].removesuffix(suffix))


if __name__ == "__main__":
    FILE.write_text(json.dumps(build_openapi(), indent=1, ensure_ascii=False) + "\n")
