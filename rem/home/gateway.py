"""The HTTP door of `rem up`: shaped and limited as API Gateway's REST API, in front of the same function."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from werkzeug.datastructures import EnvironHeaders
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from rem.home.body import BodyReader, Environ
from rem.home.parts import PREFIX, PartDoor
from rem.home.proxy import HttpAnswer, HttpRequest, build_event, parse_answer
from rem.home.refusal import RefusalError
from rem.lambdas.function import Invocation
from rem.lambdas.pool import SandboxPool

FUNCTION = "api"
MOST_BYTES = 10 * 2**20  # API Gateway's payload limit
BACKLOG = 128  # connections that wait to be accepted
WAITING = 64  # requests that wait for the function at a time; its own `max_sandboxes` says how many run
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """The longest times that the gateway waits, in seconds.

    Attributes:
        integration_s: For the function; API Gateway's own limit.
        silence_s: For the next byte of a client.
        body_s: For one body: 10 MB from a phone at the edge of its network.
    """

    integration_s: float = 29.0
    silence_s: float = 30.0
    body_s: float = 900.0


class Gateway:
    """A server that hands requests to the API's function, from entry to exit.

    Args:
        parts: Takes PUT /parts/TICKET; without it these go to the function as well.
        port: 0 for any free one.

    Raises:
        OSError: the address is taken or not this machine's.

    Attributes:
        url: Without a slash at its end.
    """

    def __init__(
        self,
        pool: SandboxPool,
        parts: PartDoor | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
    ) -> None:
        self._pool, self._parts, self._limits = pool, parts, limits or Limits()
        self._reader = BodyReader(self._limits.body_s, self._limits.silence_s)
        self._server = self._bind(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.port}"

    def _bind(self, host: str, port: int) -> BaseWSGIServer:
        class Handler(WSGIRequestHandler):  # type: ignore[misc]
            protocol_version = "HTTP/1.1"
            timeout = self._limits.silence_s

            def log(self, type: str, message: str, *args: Any) -> None:
                """Write no access log: the function writes a line per request."""

        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family, backlog=BACKLOG) as listening:
            server = make_server(  # without fd, werkzeug would end the process where it cannot bind
                host, port, self._serve, threaded=True, request_handler=Handler, fd=listening.fileno()
            )
        server.daemon_threads = True
        return server

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

    def _serve(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            answer = self._answer(environ)
        except RefusalError as refusal:
            answer = refusal.to_answer()
        headers = [(n, v) for n, v in answer.headers if n.lower() not in ("content-length", "connection")]
        reason = http.client.responses.get(answer.status, "Unknown")
        start_response(f"{answer.status} {reason}", [*headers, ("Content-Length", str(len(answer.body)))])
        return [answer.body]

    def _answer(self, environ: Environ) -> HttpAnswer:
        path = environ["REQUEST_URI"].partition("?")[0]
        if self._parts is not None and path.startswith(PREFIX):
            return self._parts.take(environ, self._reader)
        request = HttpRequest(
            method=environ["REQUEST_METHOD"],
            path=path,
            query=environ["QUERY_STRING"],
            headers=_read_headers(environ),
            body=self._reader.read(environ, MOST_BYTES),
            source_ip=environ["REMOTE_ADDR"],
        )
        return _read_answer(self._invoke(json.dumps(build_event(request)).encode()))

    def _invoke(self, payload: bytes) -> Invocation:
        """Invoke the function, but wait for it no longer than API Gateway would.

        Raises:
            RefusalError: there is no answer in time, or the server is stopping.
        """
        future: Future[Invocation] = self._invokers.submit(self._pool.invoke, FUNCTION, payload)
        try:
            return future.result(self._limits.integration_s)
        except TimeoutError as error:
            future.cancel()
            message = f"no answer within {self._limits.integration_s:g} s; try again"
            raise RefusalError(HTTPStatus.GATEWAY_TIMEOUT, "Timeout", message) from error
        except RuntimeError as error:  # the pool or the thread pool is closed
            message = "the server is stopping; try again later"
            raise RefusalError(HTTPStatus.SERVICE_UNAVAILABLE, "Closing", message) from error


def _read_answer(invocation: Invocation) -> HttpAnswer:
    """Read the function's answer.

    Raises:
        RefusalError: the function is busy, failed, or answered in another shape than API Gateway wants.
    """
    if invocation.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RefusalError(HTTPStatus.TOO_MANY_REQUESTS, "Busy", "too many requests; try again")
    answer = None if invocation.function_error else parse_answer(invocation.payload)
    if invocation.status != HTTPStatus.OK or answer is None:
        log.error("the function %s failed: %s", FUNCTION, invocation.payload.decode(errors="replace"))
        raise RefusalError(HTTPStatus.BAD_GATEWAY, "Internal", "the server failed; its log says why")
    return answer


def _read_headers(environ: Environ) -> list[tuple[str, str]]:
    headers = [(str(name), str(value)) for name, value in EnvironHeaders(environ)]
    if not any(name.lower() == "x-forwarded-proto" for name, _ in headers):
        headers.append(("X-Forwarded-Proto", environ["wsgi.url_scheme"]))
    return headers
