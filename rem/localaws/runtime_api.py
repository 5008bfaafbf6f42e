"""The Runtime API that a sandbox's process talks to: one small server per sandbox.

Source of the protocol: AWS Lambda runtime API, version 2018-06-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rem.localaws.sandbox import Sandbox

API = "/2018-06-01/runtime"


class _Handler(BaseHTTPRequestHandler):
    """The three calls that a runtime makes: next, response, error."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RuntimeApiServer

    def log_message(self, format: str, *args: object) -> None:
        """Not a log anybody reads."""

    def do_GET(self) -> None:
        sandbox = self.server.sandbox
        sandbox.ready.set()
        job = sandbox.inbox.get()
        if job is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": job["request_id"],
            "Lambda-Runtime-Deadline-Ms": str(job["deadline_ms"]),
            "Lambda-Runtime-Invoked-Function-Arn": sandbox.function.arn,
            "Content-Type": "application/json",
        }
        self._answer(200, job["payload"], headers)

    def do_POST(self) -> None:
        sandbox, body = self.server.sandbox, self._read_body()
        if self.path == f"{API}/init/error":
            sandbox.init_error = body
            sandbox.ready.set()
        elif self.path.endswith("/response"):
            sandbox.outbox.put((None, body))
        else:
            sandbox.outbox.put(("Unhandled", body))
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


class RuntimeApiServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sandbox = sandbox

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed sandbox breaks its connection; that is no error of ours."""
