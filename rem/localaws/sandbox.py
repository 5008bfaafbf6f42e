"""One sandbox: a handler in a process of its own, under AWS's runtime client and our Runtime API."""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from rem.localaws.runtime_api import RuntimeApiServer
from rem.localaws.spawn import die_with_parent, spawn

INIT_S = 10.0  # Lambda's own limit for init; a slower one continues inside the first invocation
TICK_S = 0.05  # how often time, memory and logs are looked at; a memory peak may overshoot for so long
ACCOUNT, REGION = "123456789012", "us-east-1"


@dataclass(frozen=True)
class LocalFunction:
    """What Lambda would be told about a function.

    Attributes:
        handler: Dotted path of a callable (event, context), importable from code_dir.
        memory_mb: Ceiling for the resident memory of the process and its children.
        reserved_concurrency: Invocations at once before Lambda answers 429; None for no limit.
    """

    name: str
    handler: str
    code_dir: Path
    memory_mb: int
    timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)
    reserved_concurrency: int | None = None

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"


@dataclass(frozen=True, slots=True)
class Report:
    """Lambda's REPORT line as data, with the CPU seconds that AWS does not tell."""

    function: str
    request_id: str
    duration_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None
    cpu_s: float
    error_type: str | None

    def __str__(self) -> str:
        billed_ms = math.ceil(self.duration_ms + (self.init_ms or 0))
        line = (
            f"REPORT RequestId: {self.request_id}\tDuration: {self.duration_ms:.2f} ms\t"
            f"Billed Duration: {billed_ms} ms\tMemory Size: {self.memory_mb} MB\t"
            f"Max Memory Used: {self.max_memory_mb} MB"
        )
        if self.init_ms is not None:
            line += f"\tInit Duration: {self.init_ms:.2f} ms"
        return line + (f"\tStatus: error\tError Type: {self.error_type}" if self.error_type else "")


@dataclass(frozen=True, slots=True)
class Invocation:
    """The answer of Lambda's Invoke: status 200, 404 or 429; function_error is "Unhandled" or None."""

    status: int
    function_error: str | None
    payload: bytes
    report: Report | None = None


class Sandbox:
    """A warm process that serves one invocation at a time.

    Args:
        provisioned: Started ahead of its first invocation; the handler is told so the way AWS tells it.
        on_line: Called with every line the process writes.
    """

    def __init__(
        self,
        function: LocalFunction,
        *,
        endpoint_url: str,
        provisioned: bool,
        on_line: Callable[[str], None],
    ) -> None:
        self.function, self.provisioned = function, provisioned
        self.inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.outbox: queue.Queue[tuple[str | None, bytes]] = queue.Queue()
        self.ready = threading.Event()
        self.init_error: bytes | None = None
        self.invocations = 0
        self.idle_since_s = time.monotonic()
        self._on_line = on_line
        self._api = RuntimeApiServer(self)
        threading.Thread(target=self._api.serve_forever, args=(TICK_S,), daemon=True).start()
        self._folder = tempfile.mkdtemp(prefix=f"rem-{function.name}-")
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the sandbox lives
        self._read_bytes = 0
        self._started_s = time.monotonic()
        self.process = spawn(
            args=[sys.executable, "-m", "awslambdaric", function.handler],
            cwd=function.code_dir,
            env=self._environment(endpoint_url),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self._init_s: float | None = None
        self._peak_bytes = 0

    def _environment(self, endpoint_url: str) -> dict[str, str]:
        function = self.function
        host, port = self._api.server_address[:2]
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": self._folder,
            "TMPDIR": self._folder,
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": str(function.code_dir),
            "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}",
            "_HANDLER": function.handler,
            "LAMBDA_TASK_ROOT": str(function.code_dir),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self._folder,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency" if self.provisioned else "on-demand",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            **function.environment,
        }

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None and self.init_error is None

    def wait_ready(self, limit_s: float) -> None:
        """Until the runtime asks for work, reports an init error, dies, or the time is over."""
        deadline_s = time.monotonic() + limit_s
        while not self.ready.wait(0.01) and self.process.poll() is None and time.monotonic() < deadline_s:
            self._read_output()
        if self._init_s is None:
            self._init_s = time.monotonic() - self._started_s

    def invoke(self, payload: bytes, request_id: str) -> Invocation:
        function, cold = self.function, self.invocations == 0
        self.invocations += 1
        self.wait_ready(INIT_S + function.timeout_s)
        started_s, cpu_before_s = time.monotonic(), self._cpu_s()
        self._peak_bytes = 0
        error_type, error, body = self._run(payload, request_id, started_s + function.timeout_s)
        cpu_s = max(0.0, self._cpu_s() - cpu_before_s) if self.is_alive else 0.0
        self._peak_bytes = max(self._peak_bytes, self._tree_bytes())
        self._read_output()
        report = Report(
            function=function.name,
            request_id=request_id,
            duration_ms=(time.monotonic() - started_s) * 1000,
            memory_mb=function.memory_mb,
            max_memory_mb=min(function.memory_mb, math.ceil(self._peak_bytes / 2**20)),
            init_ms=self._init_s * 1000 if cold and self._init_s is not None else None,
            cpu_s=cpu_s,
            error_type=error_type,
        )
        self.idle_since_s = time.monotonic()
        return Invocation(200, error, body, report)

    def _run(
        self, payload: bytes, request_id: str, deadline_s: float
    ) -> tuple[str | None, str | None, bytes]:
        """Hand over the payload and watch over time and memory. Returns (error type, error, body)."""
        if self.init_error is not None:
            return _error_type(self.init_error), "Unhandled", self.init_error
        left_s = deadline_s - time.monotonic()
        deadline_ms = int((time.time() + left_s) * 1000)
        self.inbox.put({"payload": payload, "request_id": request_id, "deadline_ms": deadline_ms})
        while True:
            try:
                error, body = self.outbox.get(timeout=max(0.001, min(TICK_S, deadline_s - time.monotonic())))
            except queue.Empty:
                failure = self._find_failure(request_id, deadline_s)
                if failure is None:
                    continue
                self.kill()
                return failure
            return _error_type(body) if error else None, error, body

    def _find_failure(self, request_id: str, deadline_s: float) -> tuple[str, str, bytes] | None:
        self._read_output()
        self._peak_bytes = max(self._peak_bytes, self._tree_bytes())
        prefix = f"RequestId: {request_id} Error: "
        if self._peak_bytes > self.function.memory_mb * 2**20:
            said = f"{prefix}Runtime exited with error: signal: killed"
            return "Runtime.OutOfMemory", "Unhandled", _error_body("Runtime.ExitError", said)
        if (status := self.process.poll()) is not None:
            how = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            said = f"{prefix}Runtime exited with error: {how}"
            return "Runtime.ExitError", "Unhandled", _error_body("Runtime.ExitError", said)
        if time.monotonic() > deadline_s:
            said = f"{prefix}Task timed out after {self.function.timeout_s:.2f} seconds"
            return "Sandbox.Timedout", "Unhandled", _error_body("Sandbox.Timedout", said)
        return None

    def _tree_bytes(self) -> int:
        """Resident memory of the process and its descendants."""
        total, pending = 0, [self.process.pid]
        while pending:
            pid = pending.pop()
            try:
                total += psutil.Process(pid).memory_info().rss
                pending += _children(pid)
            except (psutil.Error, OSError):
                continue
        return total

    def _cpu_s(self) -> float:
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def _read_output(self) -> None:
        if self._output.closed:
            return
        content = os.pread(self._output.fileno(), 1 << 20, self._read_bytes)
        whole = content.rfind(b"\n") + 1
        self._read_bytes += whole
        for line in content[:whole].decode("utf8", "replace").splitlines():
            self._on_line(line)

    def kill(self) -> None:
        """End the process group, the API server and the sandbox's temporary folder. Safe to repeat."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._read_output()
        self._output.close()
        self.inbox.put(None)
        threading.Thread(target=self._close_api, daemon=True).start()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _close_api(self) -> None:
        self._api.shutdown()
        self._api.server_close()


def _children(pid: int) -> list[int]:
    if sys.platform == "linux":
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in text.split()]
    return [child.pid for child in psutil.Process(pid).children()]


def _error_body(name: str, message: str) -> bytes:
    return json.dumps({"errorType": name, "errorMessage": message}).encode()


def _error_type(body: bytes) -> str:
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Unhandled"
