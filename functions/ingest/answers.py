"""Answers of the API: their description for each route, and texts and problems as responses."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.ingest.schemas import Problem
from rem.library.documents import CONTENT_TYPES
from rem.library.refusals import TooLargeError

RETRY_S = 5
MOST_ANSWERED_BYTES = 4 * 2**20  # Lambda answers at most 6 MB, and a text grows inside JSON
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
    """Describe the answers of a route: its model (None for a transcript), and a Problem for each error."""
    content: dict[str, Any] = (
        {kind: {"schema": {}} for kind in TEXTS} if model is None else {"application/json": {"model": model}}
    )
    answers: dict[int, Any] = {200: {"description": "Done", "content": content}}
    for status in errors:
        problem = {"application/json": {"model": Problem}}
        answers[status] = {"description": SENTENCES[status], "content": problem}
    return answers


def describe_guarded(model: type[Any] | None, *errors: int) -> dict[int, Any]:
    """Describe the answers of a route that needs a key."""
    return describe(model, *sorted({400, 401, 403, 503, *errors}))


def answer_text(body: bytes, document_format: str) -> Response[str]:
    """Answer with a document.

    Raises:
        TooLargeError: the document is larger than one answer.
    """
    if len(body) > MOST_ANSWERED_BYTES:
        raise TooLargeError(
            f"the transcript as {document_format} has {len(body)} bytes, more than one answer carries: "
            "ask for format=txt, or read it from the bucket"
        )
    return Response(status_code=200, content_type=CONTENT_TYPES[document_format], body=body.decode())


def answer_problem(status: int, error: str, message: str) -> Response[str]:
    """Answer with the reason why a request was refused."""
    problem = Problem(error=error, message=message, use="POST /uploads" if status == 413 else None)
    headers = {"Retry-After": str(RETRY_S)} if status == 503 else {}
    body = problem.model_dump_json(exclude_none=True)
    return Response(status_code=status, content_type="application/json", body=body, headers=headers)
