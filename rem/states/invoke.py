"""Lambda's Invoke over HTTP, for boto3 clients."""

from __future__ import annotations

import base64
import http.client
import re
from collections.abc import Callable, Iterable
from typing import Any

from rem.lambdas.function import Invocation
from rem.lambdas.pool import REFUSALS, SandboxPool
from rem.states.gate import Application

PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
LOG_TAIL_BYTES = 4096  # Lambda sends back the last 4 KiB of a log


class InvokeMiddleware:
    """A WSGI application that answers Lambda's Invoke from a pool and passes every other request on."""

    def __init__(self, application: Application, pool: SandboxPool) -> None:
        self._application, self._pool = application, pool

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match = PATH.fullmatch(environ["PATH_INFO"])
        if match is None or environ["REQUEST_METHOD"] != "POST":
            return self._application(environ, start_response)
        payload = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        name = match[1].rsplit(":function:", 1)[-1].removesuffix(":$LATEST")  # NAME, or NAME:VERSION
        result = self._pool.invoke(name, payload or b"{}")
        with_log = environ.get("HTTP_X_AMZ_LOG_TYPE") == "Tail"
        status = f"{result.status} {http.client.responses[result.status]}"
        start_response(status, _build_headers(result, with_log=with_log))
        return [result.payload]


def _build_headers(result: Invocation, *, with_log: bool) -> list[tuple[str, str]]:
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(result.payload)))]
    if with_log:
        tail = result.log.encode()[-LOG_TAIL_BYTES:]
        headers.append(("X-Amz-Log-Result", base64.b64encode(tail).decode()))
    if result.function_error:
        headers.append(("X-Amz-Function-Error", result.function_error))
    if result.status in REFUSALS:
        headers.append(("X-Amzn-ErrorType", REFUSALS[result.status]))
    return headers
