"""The Runtime API of one sandbox, on a loopback port of its own as in a microVM.

Source of the protocol: AWS Lambda runtime API, version 2018-06-01.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PREFIX = "/2018-06-01/runtime"
SHUTDOWN_POLL_S = 1.0  # how late an ended sandbox frees its port; each poll wakes the machine


@dataclass(frozen=True, slots=True)
class Job:
    """One invocation as the runtime fetches it."""

    request_id: str
    deadline_ms: int
    payload: bytes


class RuntimeApi:
    """A server for one runtime, and what the runtime has said to it.

    Attributes:
        ready: Set when init is over, well or badly; `ready_at_s` (monotonic) says when that was.
        init_error: The error document, if init failed.
        answers: (function error or None, body) of each invocation.
    """

    def __init__(self, function_arn: str) -> None:
        self.function_arn = function_arn
        self.ready = threading.Event()
        self.ready_at_s: float | None = None
        self.init_error: bytes | None = None
        self.answers: queue.Queue[tuple[str | None, bytes]] = queue.Queue()
        self.jobs: queue.Queue[Job | None] = queue.Queue()
        self._server = _Server(self)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(SHUTDOWN_POLL_S,), daemon=True).start()

    def end_init(self, error: bytes | None = None) -> None:
        """Note that init is over; only the first call counts."""
        if not self.ready.is_set():
            self.ready_at_s, self.init_error = time.monotonic(), error
            self.ready.set()

    def close(self) -> None:
        """Free the port and let the runtime's long poll go, without waiting for either."""
        self.jobs.put(None)
        threading.Thread(target=self._shut_down, daemon=True).start()

    def _shut_down(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a killed sandbox breaks its connection."""


class _Handler(BaseHTTPRequestHandler):
    """The calls that a runtime makes: next, response, error, init error."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Write no access log."""

    def do_GET(self) -> None:
        api = self.server.api
        api.end_init()
        job = api.jobs.get()
        if job is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": job.request_id,
            "Lambda-Runtime-Deadline-Ms": str(job.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": api.function_arn,
            "Content-Type": "application/json",
        }
        self._answer(200, job.payload, headers)

    def do_POST(self) -> None:
        api, body = self.server.api, self._read_body()
        if self.path == f"{PREFIX}/init/error":
            api.end_init(body)
        else:
            api.answers.put((None if self.path.endswith("/response") else "Unhandled", body))
        self._answer(202, b"", {})

    def _read_body(self) -> bytes:
        if length := self.headers.get("Content-Length"):
            return self.rfile.read(int(length))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):  # chunked
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
