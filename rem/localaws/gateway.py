"""API Gateway on the laptop: HTTP in, a REST API's proxy event (version 1.0) to the api function, HTTP out.

Its limits are AWS's, so that what works here works there: 10 MB per request, answers within 29 s.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from http.client import responses
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from werkzeug.serving import WSGIRequestHandler, make_server

from rem.localaws.function import ACCOUNT
from rem.localaws.runtime import LambdaRuntime

FUNCTION = "api"
LARGEST_BYTES = 10 * 2**20  # API Gateway's payload quota
IDLE_S = 20.0  # a client that sends nothing for so long is given up
TEXT_TYPES = ("application/json", "text/", "application/x-www-form-urlencoded")
TOO_LARGE = "The request is larger than 10 MB: send large files by POST /uploads."
REFUSALS = {
    "400 Bad Request": "The request's length is no number.",
    "403 Forbidden": "This URL is not good for these bytes: GET /uploads/{recordingId} gives a new one.",
    "408 Request Timeout": f"Nothing was received for {IDLE_S:.0f} s.",
    "411 Length Required": "Say how long the request is (Content-Length).",
    "413 Content Too Large": TOO_LARGE,
    "502 Bad Gateway": "Internal server error",
    "504 Gateway Timeout": "Endpoint request timed out",
}


PARTS = "/parts/"
TakePart = Callable[[str, bytes], str | None]
Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class _RefusedError(Exception):
    """Answered here, without the function; the argument is one of REFUSALS."""


class Gateway:
    """Serves from entry to exit.

    Args:
        function: Whom the requests are for.
        take_part: Stores a part of an upload, given its ticket (the path after /parts/) and its bytes, and
            answers S3's ETag; None where the ticket is not good for these bytes.

    Raises:
        OSError: the address is taken or not this machine's.
    """

    def __init__(
        self,
        runtime: LambdaRuntime,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        function: str = FUNCTION,
        take_part: TakePart | None = None,
    ) -> None:
        self._runtime, self._function, self._take_part = runtime, function, take_part
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family) as listener:  # werkzeug would end the process
            self._server = make_server(
                host, port, self._answer, threaded=True, request_handler=_Handler, fd=listener.fileno()
            )
        self._server.daemon_threads = True
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            body = _read_body(environ)
            ticket = environ["PATH_INFO"].removeprefix(PARTS)
            if self._take_part and environ["REQUEST_METHOD"] == "PUT" and ticket != environ["PATH_INFO"]:
                return self._store_part(self._take_part, start_response, ticket, body)
            event = build_event(environ, body)
            answer = self._runtime.invoke(self._function, json.dumps(event).encode())
            if answer.function_error or answer.status != 200:
                timed_out = b"Sandbox.Timedout" in answer.payload
                raise _RefusedError("504 Gateway Timeout" if timed_out else "502 Bad Gateway")
            return _respond(start_response, json.loads(answer.payload))
        except _RefusedError as refused:
            status = str(refused)
            said = json.dumps({"message": REFUSALS[status]}).encode()
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(said)))]
            # What was not read of the request would be taken for the next one.
            start_response(status, [*headers, ("Connection", "close")])
            return [said]

    @staticmethod
    def _store_part(
        take_part: TakePart, start_response: StartResponse, ticket: str, body: bytes
    ) -> Iterable[bytes]:
        """What S3 itself does with a presigned URL on AWS."""
        etag = take_part(ticket, body)
        if etag is None:
            raise _RefusedError("403 Forbidden")
        start_response("200 OK", [("ETag", etag), ("Content-Length", "0")])
        return []


class _Handler(WSGIRequestHandler):  # type: ignore[misc]
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def log(self, type: str, message: str, *args: Any) -> None:
        """No access log: the api function logs what it does."""


def _read_body(environ: Environ) -> bytes:
    """The whole request, read only where it may be so long.

    Raises:
        _RefusedError: too long, of unknown length, or it does not come.
    """
    if environ.get("HTTP_TRANSFER_ENCODING"):
        raise _RefusedError("411 Length Required")
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise _RefusedError("400 Bad Request") from error
    if length > LARGEST_BYTES:
        raise _RefusedError("413 Content Too Large")
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except (TimeoutError, OSError) as error:
        raise _RefusedError("408 Request Timeout") from error
    if len(body) < length:
        raise _RefusedError("408 Request Timeout")
    return body


def build_event(environ: Environ, body: bytes) -> dict[str, Any]:
    """The proxy event of a REST API. Bodies that are no text are base64, as `binaryMediaTypes` makes them."""
    path = environ["PATH_INFO"].encode("latin1").decode("utf8", "replace")
    headers = _read_headers(environ)
    query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    many: dict[str, list[str]] = {}
    for name, value in query:
        many.setdefault(name, []).append(value)
    is_text = headers.get("Content-Type", "").startswith(TEXT_TYPES) and _is_utf8(body)
    now_s = time.time()
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": environ["REQUEST_METHOD"],
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": many or None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "httpMethod": environ["REQUEST_METHOD"],
            "identity": {"sourceIp": environ.get("REMOTE_ADDR", ""), "userAgent": headers.get("User-Agent")},
            "path": path,
            "protocol": environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
            "requestId": str(uuid.uuid4()),
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now_s)),
            "requestTimeEpoch": int(now_s * 1000),
            "resourceId": "local",
            "resourcePath": "/{proxy+}",
            "stage": "local",
        },
        "body": None if not body else body.decode() if is_text else base64.b64encode(body).decode(),
        "isBase64Encoded": bool(body) and not is_text,
    }


def _read_headers(environ: Environ) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").title()] = environ[name]
    return headers


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _respond(start_response: StartResponse, answer: dict[str, Any]) -> Iterable[bytes]:
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    headers = [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers += [(name, str(value)) for value in values]
    headers = [(name, value) for name, value in dict.fromkeys(headers) if name.lower() != "content-length"]
    status = int(answer["statusCode"])
    start_response(
        f"{status} {responses.get(status, 'Unknown')}", [*headers, ("Content-Length", str(len(content)))]
    )
    return [content]
