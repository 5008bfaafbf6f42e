"""A local server that speaks OpenAI's wire format: what tests give the SDK to talk to.

The bodies have the shape of real answers (ids and fingerprints changed). What is answered is decided by the
request alone, or by what a test puts on the script.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from rem.core import Json

ANSWERS: dict[str, Json] = {  # by schema; segment ids are those of any transcript with four segments
    "Notes": {
        "title": "Payment service repair",
        "summary": "The payment service failed and Ben will repair it.",
        "summarySegmentIds": [1, 3],
        "topics": ["payment service"],
        "actionItems": [
            {"text": "Repair the payment service", "owner": "Ben", "due": "before Friday", "segmentIds": [3]}
        ],
        "decisions": [{"text": "Ben repairs it", "segmentIds": [3]}],
        "questions": [],
    },
    "Chapters": {"chapters": [{"segmentId": 0, "title": "Greetings", "summary": "They greet."}]},
    "SpeakerNames": {"names": []},
    "Corrections": {"corrections": []},
    "Text": {"text": "A poem about payments", "segmentIds": [1]},
    "Items": {"items": [{"text": "one", "segmentIds": [1]}]},
}


LEAST_COUNT = 1200  # prompt tokens that are counted for every short request, so that tests know the number


@dataclass
class Reply:
    """One HTTP answer.

    Attributes:
        wait_s: How long the server thinks first.
        blanks_every_s: Sends a blank so often after the headers, until the client leaves; never the body.
    """

    status: int
    body: Json | str
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    blanks_every_s: float = 0.0


def completion(
    content: Any, *, finish: str = "stop", refusal: str | None = None, thoughts: str = "", **usage: int | None
) -> Reply:
    """A completion; without `prompt_tokens` the server counts those of the request."""
    counted = {"completion_tokens": 150, "total_tokens": 1350, **usage}
    details = {"cached_tokens": counted.pop("cached_tokens", 0), "audio_tokens": 0}
    message = {"role": "assistant", "content": content, "refusal": refusal, "annotations": []}
    message |= {"reasoning_content": thoughts} if thoughts else {}
    return Reply(
        200,
        {
            "id": "chatcmpl-C5x2m",
            "object": "chat.completion",
            "created": 1_764_000_000,
            "model": "gpt-6-luna-2026-09-01",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": {**counted, "prompt_tokens_details": details},
            "service_tier": "default",
            "system_fingerprint": "fp_5f20c7",
        },
    )


def answer(document: Json, **usage: int | None) -> Reply:
    return completion(json.dumps(document), **usage)


def stream(*events: Json) -> Reply:
    """Server-sent events, with a comment first that keeps the connection alive."""
    lines = [": PROCESSING", *(f"data: {json.dumps(event)}" for event in events), "data: [DONE]"]
    return Reply(200, "\n\n".join(lines) + "\n\n", {"content-type": "text/event-stream"})


def chunk(text: str | None = None, finish: str | None = None, **fields: Any) -> Json:
    """One event of a streamed completion."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-C5x2m", "object": "chat.completion.chunk", "choices": [choice], **fields}


def failure(status: int, message: str, kind: str, code: str | None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": {"message": message, "type": kind, "param": None, "code": code}}, named)


def rate_limit(retry_after: str = "2") -> Reply:
    message = "Rate limit reached for gpt-6-luna on tokens per min (TPM): Limit 200000, Used 199000."
    return failure(429, message, "tokens", "rate_limit_exceeded", retry_after=retry_after)


def server_error() -> Reply:
    return failure(500, "The server had an error while processing your request.", "server_error", None)


def quota() -> Reply:
    message = "You exceeded your current quota, please check your plan and billing details."
    return failure(429, message, "insufficient_quota", "insufficient_quota")


def unauthorized(key: str) -> Reply:
    message = f"Incorrect API key provided: {key}. You can find your API key at the platform's settings."
    return failure(401, message, "invalid_request_error", "invalid_api_key")


@dataclass(frozen=True)
class Call:
    path: str
    body: Json
    key: str
    timeout_s: float

    @property
    def schema(self) -> str | None:
        """Of the answer that was asked for; None for embeddings."""
        form = self.body.get("response_format")
        return form and str(form["json_schema"]["name"])

    @property
    def texts(self) -> dict[str, str]:
        return {message["role"]: message["content"] for message in self.body["messages"]}

    @property
    def tokens(self) -> int:
        return max(LEAST_COUNT, sum(len(message["content"]) for message in self.body["messages"]) // 4)


class OpenAIServer:
    """Attributes:
    script: Replies that are given first, in order; then each request is answered from ANSWERS.
    reply: Given the call, a reply for it instead, or None; asked when the script is empty.
    client_left: Set when a client closes its connection before it has the whole answer.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: deque[Reply] = deque()
        self.reply: Callable[[Call], Reply | None] = lambda call: None
        self.base_url = ""
        self.connections = 0
        self.client_left = threading.Event()

    def handle(self, call: Call) -> Reply:
        self.calls.append(call)
        if self.script:
            reply = self.script.popleft()
        else:
            reply = self.reply(call) or (embed(call) if call.path.endswith("/embeddings") else default(call))
        if isinstance(reply.body, dict) and "messages" in call.body and (usage := reply.body.get("usage")):
            usage.setdefault("prompt_tokens", call.tokens)
        return reply


def default(call: Call) -> Reply:
    return answer(ANSWERS[call.schema])


def embed(call: Call) -> Reply:
    """One vector per input, told apart by the input's length; base64 where it is asked for."""
    dimensions = call.body.get("dimensions", 1536)
    rows = [np.linspace(len(text), 1, dimensions, dtype="<f4") for text in call.body["input"]]
    as_text = call.body.get("encoding_format") == "base64"
    items = [
        {
            "object": "embedding",
            "index": i,
            "embedding": base64.b64encode(row.tobytes()).decode() if as_text else row.tolist(),
        }
        for i, row in enumerate(rows)
    ]
    tokens = sum(len(text) // 4 + 1 for text in call.body["input"])
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Reply(200, {"object": "list", "data": items, "model": call.body["model"], "usage": usage})


@contextmanager
def serve() -> Iterator[OpenAIServer]:
    server = OpenAIServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            server.connections += 1
            super().setup()

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            key = self.headers.get("authorization", "").removeprefix("Bearer ")
            timeout_s = float(self.headers.get("x-stainless-read-timeout", 0))
            body = json.loads(self.rfile.read(length))
            reply = server.handle(Call(self.path, body, key, timeout_s))
            time.sleep(reply.wait_s)
            is_text = isinstance(reply.body, str)
            content = (reply.body if is_text else json.dumps(reply.body)).encode()
            kind = "text/html" if is_text else "application/json"
            self.send_response(reply.status)
            for name, value in {
                "content-type": kind,
                **reply.headers,
                "content-length": 1_000_000 if reply.blanks_every_s else len(content),
            }.items():
                self.send_header(name, str(value))
            self.end_headers()
            if reply.blanks_every_s:
                self.send_blanks(reply.blanks_every_s)
            self.wfile.write(content)

        def send_blanks(self, every_s: float) -> None:
            try:
                while True:
                    self.wfile.write(b" ")
                    time.sleep(every_s)
            except OSError:
                server.client_left.set()
                raise

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that waits no longer

    http = Quiet(("127.0.0.1", 0), Handler)
    server.base_url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
