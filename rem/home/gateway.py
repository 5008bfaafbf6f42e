"""The HTTP door of `rem up`: shaped and limited as API Gateway's REST API, in front of the same function."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

from werkzeug.datastructures import EnvironHeaders
from werkzeug.serving import WSGIRequestHandler, make_server

from rem.core.tickets import Ticket, read_ticket
from rem.home.proxy import HttpAnswer, HttpRequest, build_event, parse_answer
from rem.lambdas.function import Invocation
from rem.lambdas.pool import SandboxPool

FUNCTION = "api"
PARTS = "/parts/"
MOST_BYTES = 10 * 2**20  # API Gateway's payload limit
INTEGRATION_S = 29.0  # API Gateway waits no longer for a function
SILENCE_S = 30.0  # a client that sends nothing for so long is gone
BODY_S = 900.0  # longest time for one body: 10 MB from a phone at the edge of its network
BACKLOG = 128  # connections that wait to be taken up
PIECE_BYTES = 64 * 1024
WAITING = 64  # requests that wait for the function at a time; its own `max_sandboxes` says how many run
NOT_STORED = "the part could not be stored; send it again"
log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """The gateway itself answers: status, a short name, and a sentence."""

    def __init__(self, status: HTTPStatus, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error = status, error

    def to_answer(self) -> HttpAnswer:
        body = {"success": False, "error": self.error, "message": str(self)}
        return _answer_json(self.status, body)


class Gateway:
    """Serves a function from entry to exit.

    PUT /parts/TICKET goes to S3 instead, which listens on loopback only: see docs/adr/0015.

    Args:
        port: 0 for any free one.
        function: Whom the requests are for.
        integration_s, silence_s, body_s: Other limits than AWS's, for tests.

    Raises:
        OSError: the address is taken or not this machine's.

    Attributes:
        url: Without a slash at its end.
    """

    def __init__(
        self,
        pool: SandboxPool,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        function: str = FUNCTION,
        integration_s: float = INTEGRATION_S,
        silence_s: float = SILENCE_S,
        body_s: float = BODY_S,
    ) -> None:
        self._pool, self._function = pool, function
        self._integration_s, self._silence_s, self._body_s = integration_s, silence_s, body_s

        class Handler(WSGIRequestHandler):  # type: ignore[misc]
            protocol_version = "HTTP/1.1"
            timeout = silence_s

            def log(self, type: str, message: str, *args: Any) -> None:
                """No access log: the function writes a line per request."""

        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family, backlog=BACKLOG) as listening:
            self._server = make_server(  # without fd, werkzeug would end the process where it cannot bind
                host, port, self._serve, threaded=True, request_handler=Handler, fd=listening.fileno()
            )
        self._server.daemon_threads = True
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.port}"

    def __enter__(self) -> Self:
        self._invokers = ThreadPoolExecutor(WAITING, thread_name_prefix="gateway")
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()
        self._invokers.shutdown(wait=False, cancel_futures=True)

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            answer = self._answer(environ)
        except _RefusedError as refusal:
            answer = refusal.to_answer()
        headers = [(n, v) for n, v in answer.headers if n.lower() not in ("content-length", "connection")]
        reason = http.client.responses.get(answer.status, "Unknown")
        start_response(f"{answer.status} {reason}", [*headers, ("Content-Length", str(len(answer.body)))])
        return [answer.body]

    def _answer(self, environ: dict[str, Any]) -> HttpAnswer:
        path = environ["REQUEST_URI"].partition("?")[0]
        if path.startswith(PARTS):
            return self._pass_part(environ, path.removeprefix(PARTS))
        request = HttpRequest(
            method=environ["REQUEST_METHOD"],
            path=path,
            query=environ["QUERY_STRING"],
            headers=_read_headers(environ),
            body=b"".join(self._read_body(environ, MOST_BYTES)),
            source_ip=environ["REMOTE_ADDR"],
        )
        return self._invoke(json.dumps(build_event(request)).encode())

    def _invoke(self, payload: bytes) -> HttpAnswer:
        future: Future[Invocation] = self._invokers.submit(self._pool.invoke, self._function, payload)
        try:
            invocation = future.result(self._integration_s)
        except TimeoutError as error:
            future.cancel()
            raise _RefusedError(
                HTTPStatus.GATEWAY_TIMEOUT,
                "Timeout",
                f"no answer within {self._integration_s:g} s; try again",
            ) from error
        except RuntimeError as error:
            raise _RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "Closing", "the server is stopping; try again later"
            ) from error
        if invocation.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise _RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "Busy", "too many requests; try again")
        answer = None if invocation.function_error else parse_answer(invocation.payload)
        if invocation.status != HTTPStatus.OK or answer is None:
            log.error(
                "the function %s failed: %s", self._function, invocation.payload.decode(errors="replace")
            )
            raise _RefusedError(HTTPStatus.BAD_GATEWAY, "Internal", "the server failed; its log says why")
        return answer

    def _read_body(self, environ: dict[str, Any], most_bytes: int) -> Iterator[bytes]:
        """The body in pieces, never more than it may have.

        Raises:
            _RefusedError: it is too large, too slow or breaks off.
        """
        stream, left_bytes = environ["wsgi.input"], _read_length(environ)
        is_chunked = bool(environ.get("wsgi.input_terminated"))
        if left_bytes > most_bytes:
            raise _too_large(most_bytes)
        read = stream.read if is_chunked else stream.read1
        read_bytes, deadline_s = 0, time.monotonic() + self._body_s
        while is_chunked or read_bytes < left_bytes:
            piece = self._read_piece(read, PIECE_BYTES if is_chunked else left_bytes - read_bytes)
            if not piece and is_chunked:
                return
            read_bytes += len(piece)
            if not piece:
                raise _RefusedError(HTTPStatus.BAD_REQUEST, "Input", "the body broke off; send it again")
            if read_bytes > most_bytes:
                raise _too_large(most_bytes)
            if time.monotonic() > deadline_s:
                environ["werkzeug.socket"].shutdown(socket.SHUT_RD)  # else the server would read on
                raise _too_slow(self._body_s)
            yield piece

    def _read_piece(self, read: Callable[[int], bytes], most_bytes: int) -> bytes:
        try:
            return read(min(most_bytes, PIECE_BYTES))
        except TimeoutError as error:
            raise _too_slow(self._silence_s) from error
        except OSError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "Input", f"the body is broken: {error}") from error

    def _pass_part(self, environ: dict[str, Any], text: str) -> HttpAnswer:
        """Hand one part of an upload on to S3, piece by piece."""
        if environ["REQUEST_METHOD"] != "PUT":
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "Method", "a part is sent by PUT")
        environment = self._pool.functions[self._function].environment
        secret = environment.get("REM_PART_SECRET")
        ticket = read_ticket(text, secret, time.time()) if secret else None
        if ticket is None:
            message = (
                "this part's address is wrong or has expired: GET /uploads/{recordingId} gives a new one"
            )
            raise _RefusedError(HTTPStatus.FORBIDDEN, "Forbidden", message)
        if "CONTENT_LENGTH" not in environ:
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "Length", "a part needs a Content-Length")
        if _read_length(environ) != ticket.size_bytes:
            message = f"part {ticket.number} has {ticket.size_bytes} bytes, not {_read_length(environ)}"
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "Input", message)
        body = self._read_body(environ, ticket.size_bytes)
        answer = _put_part(self._pool.endpoint_url, environment["REM_BUCKET"], ticket, body)
        _check_digest(environ.get("HTTP_CONTENT_MD5"), dict(answer.headers)["ETag"])
        return answer


def _check_digest(content_md5: str | None, etag: str) -> None:
    """S3 checks Content-MD5, moto does not. The damaged part stays until it is sent again."""
    if content_md5 is not None and content_md5 != base64.b64encode(bytes.fromhex(etag.strip('"'))).decode():
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "BadDigest", "the part was damaged; send it again")


def _put_part(endpoint_url: str, bucket: str, ticket: Ticket, body: Iterator[bytes]) -> HttpAnswer:
    upload = f"/{bucket}/{quote(ticket.key)}?{urlencode({'uploadId': ticket.upload_id})}"
    headers = {"Content-Length": str(ticket.size_bytes)}
    status, etag = _ask_s3(endpoint_url, "PUT", f"{upload}&partNumber={ticket.number}", body, headers)
    if status == HTTPStatus.OK:
        return HttpAnswer(HTTPStatus.OK, [("ETag", etag)], b"")
    if _ask_s3(endpoint_url, "GET", upload)[0] == HTTPStatus.NOT_FOUND:  # moto's answer to the PUT is a 500
        message = "this upload has ended: POST /uploads begins a new one"
        raise _RefusedError(HTTPStatus.NOT_FOUND, "NotFound", message)
    log.error("S3 refused part %d of %s: %d", ticket.number, ticket.key, status)
    raise _RefusedError(HTTPStatus.BAD_GATEWAY, "Internal", NOT_STORED)


def _ask_s3(
    endpoint_url: str,
    method: str,
    target: str,
    body: Iterator[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """S3's status and the ETag. The local S3 asks for no signature; moto takes the account for its own."""
    s3 = http.client.HTTPConnection(urlsplit(endpoint_url).netloc, timeout=INTEGRATION_S)
    try:
        s3.request(method, target, body=body, headers=headers or {})
        answer = s3.getresponse()
        answer.read()
        return answer.status, answer.headers.get("ETag", "")
    except (OSError, http.client.HTTPException) as error:
        log.error("S3 does not answer %s %s: %s", method, target, error)
        raise _RefusedError(HTTPStatus.BAD_GATEWAY, "Internal", NOT_STORED) from error
    finally:
        s3.close()


def _read_headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    headers = [(str(name), str(value)) for name, value in EnvironHeaders(environ)]
    if not any(name.lower() == "x-forwarded-proto" for name, _ in headers):
        headers.append(("X-Forwarded-Proto", environ["wsgi.url_scheme"]))
    return headers


def _read_length(environ: dict[str, Any]) -> int:
    text = environ.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdigit()):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "Input", "the Content-Length is no number")
    return int(text)


def _too_large(most_bytes: int) -> _RefusedError:
    message = f"a request has at most {most_bytes} bytes: send large files by POST /uploads"
    return _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TooLarge", message)


def _too_slow(waited_s: float) -> _RefusedError:
    message = f"the body did not arrive within {waited_s:g} s; send it again"
    return _RefusedError(HTTPStatus.REQUEST_TIMEOUT, "Timeout", message)


def _answer_json(status: HTTPStatus, body: dict[str, Any]) -> HttpAnswer:
    headers = [("Content-Type", "application/json")]
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GATEWAY_TIMEOUT):
        headers.append(("Retry-After", "5"))
    return HttpAnswer(status, headers, json.dumps(body).encode())
