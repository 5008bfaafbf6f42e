"""An ingest server on loopback that keeps the contract and fails on request."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "a key for the desk"
LOST_ANSWER = "lost answer"  # stored, but the connection ends before the answer
TRUNCATED = "truncated"  # the connection ends in the middle of the answer


@dataclass
class IngestServer:
    """What arrived, and what to answer to the next posts.

    Attributes:
        faults: For the next posts, in order: a status, (status, headers), LOST_ANSWER or TRUNCATED.
        log: (recording id, outcome) of every post.
        date_utc_s: What the Date header says; None: no such header.
    """

    faults: list[Any] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    audio: dict[str, bytes] = field(default_factory=dict)
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)  # for GET, by path
    resend: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=lambda: {KEY})
    date_utc_s: int | None = 1_780_000_000
    url: str = ""
    connections: int = 0

    def accept(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any], str]:
        """Status, answer and how the log calls it; 409 and 422 as the real server."""
        fields = parse_multipart(headers["content-type"], body)
        audio = fields.pop("audio")
        texts = {name: content.decode() for name, content in fields.items()}
        recording_id = texts["recordingId"]
        digest = hashlib.sha256(audio).hexdigest()
        answer = {"success": True, "recordingId": recording_id, "duplicate": recording_id in self.audio}
        if headers.get("x-api-key") not in self.keys:
            return 401, {"success": False, "error": "unknown key"}, "401"
        if texts["sha256"] != digest:
            return 422, {"success": False}, "422"
        if answer["duplicate"] and hashlib.sha256(self.audio[recording_id]).hexdigest() != digest:
            return 409, {"success": False}, "409"
        self.audio[recording_id], self.fields[recording_id] = audio, texts
        return 200, answer, "duplicate" if answer["duplicate"] else "stored"


def parse_multipart(content_type: str, body: bytes) -> dict[str, bytes]:
    boundary = b"--" + content_type.split("boundary=")[1].encode()
    parts = body.split(boundary)
    if parts[0] or parts[-1] != b"--\r\n":
        raise ValueError("not a multipart body")
    fields = {}
    for part in parts[1:-1]:
        head, _, content = part[2:].partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        assert name is not None
        fields[name[1].decode()] = content[:-2]
    return fields


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    state: IngestServer

    def setup(self) -> None:
        super().setup()
        self.state.connections += 1

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path in self.state.files:
            self._answer(200, self.state.files[self.path])
        elif self.path.endswith("/ledger"):
            self._answer(200, json.dumps({"resend": self.state.resend}).encode())
        else:
            self._answer(404 if "manifest" in self.path else 200, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if len(body) < int(self.headers["content-length"]):
            self.state.log.append((self.headers["idempotency-key"], "broke off"))
            self.close_connection = True
            return
        fault = self.state.faults.pop(0) if self.state.faults else None
        if isinstance(fault, int | tuple):
            status, headers = (fault, {}) if isinstance(fault, int) else fault
            self.state.log.append((self.headers["idempotency-key"], str(status)))
            self._answer(status, b"{}", headers)
            return
        status, answer, outcome = self.state.accept(self.headers, body)
        self.state.log.append((self.headers["idempotency-key"], outcome))
        if fault == LOST_ANSWER:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        content = json.dumps(answer).encode()
        self._answer(
            status, content[: len(content) // 2] if fault == TRUNCATED else content, length=len(content)
        )
        if fault == TRUNCATED:
            self.close_connection = True

    def _answer(
        self, status: int, content: bytes, headers: Mapping[str, str] | None = None, length: int | None = None
    ) -> None:
        self.send_response_only(status)
        if self.state.date_utc_s is not None:
            self.send_header("Date", formatdate(self.state.date_utc_s, usegmt=True))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serve(certificate: tuple[Path, Path] | None = None) -> Iterator[IngestServer]:
    """Run the server on a free port; with a certificate and its key, over TLS."""
    state = IngestServer()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a device that goes away is what is being tested
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
