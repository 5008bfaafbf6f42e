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
from collections.abc import Callable

from rem.lambdas.function import REGION, Invocation, LocalFunction, Report
from rem.lambdas.output import Output
from rem.lambdas.runtime_api import Job, RuntimeApi
from rem.lambdas.spawn import spawn
from rem.lambdas.usage import measure_tree

INIT_S = 10.0  # Lambda's own limit for init; a slower one continues inside the first invocation
TICK_S = 0.05  # how often time and memory are looked at; a memory peak may overshoot for so long


class _SandboxError(Exception):
    """An invocation that Lambda itself ended.

    Attributes:
        report_type: The error type in the REPORT line.
        answer_type: The errorType in the answer, which Step Functions matches on.
    """

    def __init__(self, report_type: str, answer_type: str, message: str) -> None:
        super().__init__(message)
        self.report_type, self.answer_type, self.message = report_type, answer_type, message

    def to_body(self, request_id: str) -> bytes:
        message = f"RequestId: {request_id} Error: {self.message}"
        return json.dumps({"errorType": self.answer_type, "errorMessage": message}).encode()


class Sandbox:
    """A warm process that serves one invocation at a time.

    Args:
        provisioned: It starts ahead of its first invocation; AWS_LAMBDA_INITIALIZATION_TYPE says so.
        on_line: Called with every line the process writes, from any thread.
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
        self.invocations = 0
        self.idle_since_s = self._started_s = time.monotonic()
        self._api = RuntimeApi(function.arn)
        self._folder = tempfile.mkdtemp(prefix=f"rem-{function.name}-")
        self._output = Output(on_line)
        self._peak_bytes, self._cpu_s, self._cpu_before_s, self._began_s = 0, 0.0, 0.0, 0.0
        self._kill_lock, self._killed = threading.Lock(), False
        self._process = self._spawn(endpoint_url)

    def _spawn(self, endpoint_url: str) -> subprocess.Popen[bytes]:
        try:
            return spawn(
                args=[
                    str(self.function.python or sys.executable),
                    "-m",
                    "awslambdaric",
                    self.function.handler,
                ],
                cwd=self.function.code_dir,
                env=self._environment(endpoint_url),
                stdin=subprocess.DEVNULL,
                stdout=self._output.write_fd,
                stderr=subprocess.STDOUT,
            )
        except OSError:
            self._api.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            self._output.start()

    def _environment(self, endpoint_url: str) -> dict[str, str]:
        function = self.function
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": self._folder,
            "TMPDIR": self._folder,
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": str(function.code_dir),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
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
        return self._process.poll() is None and self._api.init_error is None

    def wait_ready(self, limit_s: float) -> None:
        """Wait until init is over, well or badly, or the process died in it."""
        deadline_s = time.monotonic() + limit_s
        while self._process.poll() is None and time.monotonic() < deadline_s:
            if self._api.ready.wait(TICK_S):
                break

    @property
    def has_init_error(self) -> bool:
        return self._api.init_error is not None

    def invoke(self, payload: bytes, request_id: str) -> Invocation:
        """Wait for init, hand over the payload, and watch over time and memory until there is an answer."""
        is_cold = self.invocations == 0
        self.invocations += 1
        self._begin()
        try:
            if is_cold:
                self._finish_init()
                self._begin()  # init is not part of the duration
            error, body = self._run(payload, request_id)
            error_type = _read_error_type(body) if error else None
        except _SandboxError as failure:
            self.kill()
            error_type, error, body = failure.report_type, "Unhandled", failure.to_body(request_id)
        text = self._output.take()
        return Invocation(200, error, body, self._build_report(request_id, error_type, is_cold), text)

    def kill(self) -> None:
        """End the process group, the Runtime API and the sandbox's temporary folder. Safe to repeat."""
        with self._kill_lock:
            if self._killed:
                return
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._output.drain()
        self._api.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _begin(self) -> None:
        self._began_s, self._cpu_before_s = time.monotonic(), self._cpu_s

    def _finish_init(self) -> None:
        """Wait until the runtime asks for work or reports an init error."""
        deadline_s = time.monotonic() + INIT_S + self.function.timeout_s
        while not self._api.ready.wait(TICK_S):
            self._check(deadline_s)
        self._measure()

    def _run(self, payload: bytes, request_id: str) -> tuple[str | None, bytes]:
        """Hand the payload over; return the function error or None, and the body."""
        if self._api.init_error is not None:
            return "Unhandled", self._api.init_error
        deadline_s = self._began_s + self.function.timeout_s
        deadline_ms = int((time.time() + self.function.timeout_s) * 1000)
        self._api.jobs.put(Job(request_id, deadline_ms, payload))
        while True:
            tick_s = max(0.001, min(TICK_S, deadline_s - time.monotonic()))
            try:
                answer = self._api.answers.get(timeout=tick_s)
            except queue.Empty:
                self._check(deadline_s)
            else:
                self._measure()
                return answer

    def _check(self, deadline_s: float) -> None:
        """Check memory, process and time.

        Raises:
            _SandboxError: it takes too much memory, the process is gone, or the time is over.
        """
        if self._measure() > self.function.memory_mb * 2**20:
            message = "Runtime exited with error: signal: killed"
            raise _SandboxError("Runtime.OutOfMemory", "Runtime.ExitError", message)
        if (status := self._process.poll()) is not None:
            how = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            raise _SandboxError("Runtime.ExitError", "Runtime.ExitError", f"Runtime exited with error: {how}")
        if time.monotonic() > deadline_s:
            message = f"Task timed out after {self.function.timeout_s:.2f} seconds"
            raise _SandboxError("Sandbox.Timedout", "Sandbox.Timedout", message)

    def _measure(self) -> int:
        """Measure the resident bytes; keep the peak and the CPU seconds for when the process is gone."""
        if self._killed:
            return 0
        usage = measure_tree(self._process.pid)
        self._peak_bytes = max(self._peak_bytes, usage.peak_bytes)
        self._cpu_s = max(self._cpu_s, usage.cpu_s)
        return usage.resident_bytes

    def _build_report(self, request_id: str, error_type: str | None, is_cold: bool) -> Report:
        function, self.idle_since_s = self.function, time.monotonic()
        init_end_s = self._api.ready_at_s
        return Report(
            function=function.name,
            request_id=request_id,
            duration_ms=(self.idle_since_s - self._began_s) * 1000,
            memory_mb=function.memory_mb,
            max_memory_mb=min(function.memory_mb, math.ceil(self._peak_bytes / 2**20)),
            init_ms=(init_end_s - self._started_s) * 1000 if is_cold and init_end_s else None,
            cpu_s=self._cpu_s - self._cpu_before_s,
            error_type=error_type,
        )


def _read_error_type(body: bytes) -> str:
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "Unhandled"
