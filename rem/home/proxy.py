"""API Gateway's REST proxy integration: an HTTP request as an event, a function's answer as HTTP."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from rem.lambdas.function import ACCOUNT

STAGE = "local"
BINARY = ("multipart/form-data", "application/octet-stream", "audio/", "video/")  # as binary_media_types
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as the gateway received it.

    Attributes:
        path: As it was sent, still percent-encoded and without the query.
    """

    method: str
    path: str
    query: str
    headers: Pairs
    body: bytes
    source_ip: str


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer as the gateway sends it."""

    status: int
    headers: Pairs
    body: bytes


def build_event(request: HttpRequest) -> dict[str, Any]:
    """Build the event (payload version 1.0) that a REST API hands to its function."""
    path = unquote(request.path, errors="replace")
    query = parse_qsl(request.query, keep_blank_values=True, errors="replace")
    body, is_base64 = _encode_body(request)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": request.method,
        "headers": dict(request.headers) or None,
        "multiValueHeaders": _collect(request.headers) or None,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _collect(query) or None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": STAGE,
            "httpMethod": request.method,
            "identity": {"sourceIp": request.source_ip, "userAgent": _find(request.headers, "user-agent")},
            "path": path,
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "requestTimeEpoch": int(time.time() * 1000),
            "resourcePath": "/{proxy+}",
            "stage": STAGE,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    }


def parse_answer(payload: bytes) -> HttpAnswer | None:
    """Parse a function's answer; None where it is not shaped as API Gateway wants it."""
    try:
        answer = json.loads(payload)
        status, text = int(answer["statusCode"]), answer.get("body") or ""
        body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
        single, several = answer.get("headers") or {}, answer.get("multiValueHeaders") or {}
        headers = [(name, str(value)) for name, value in single.items() if name not in several]
        headers += [(name, str(value)) for name, values in several.items() for value in values]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return HttpAnswer(status, headers, body)


def _encode_body(request: HttpRequest) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    content_type = (_find(request.headers, "content-type") or "").lower()
    if content_type.startswith(BINARY):
        return base64.b64encode(request.body).decode(), True
    return request.body.decode(errors="replace"), False


def _collect(pairs: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    collected: dict[str, list[str]] = {}
    for name, value in pairs:
        collected.setdefault(name, []).append(value)
    return collected


def _find(headers: Pairs, wanted: str) -> str | None:
    return next((value for name, value in headers if name.lower() == wanted), None)
