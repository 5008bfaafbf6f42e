"""A function's configuration, and the answer of an invocation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT, REGION = "123456789012", "us-east-1"


@dataclass(frozen=True)
class LocalFunction:
    """The configuration of one function, as Lambda has it.

    Attributes:
        handler: Dotted path of a callable (event, context), importable from code_dir.
        memory_mb: Ceiling for the resident memory of the process and its children.
        reserved_concurrency: Invocations at once before Lambda answers 429; None for no limit.
        takes_turns: It waits while the pool's max_running others run. A function that answers a person or a
            queue should not: it would wait for a model.
        max_sandboxes: Most processes of it; more invocations wait for one. None for no limit of its own.
        python: Interpreter with what the function's image installs; None for this program's own.
    """

    name: str
    handler: str
    code_dir: Path
    memory_mb: int
    timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)
    reserved_concurrency: int | None = None
    takes_turns: bool = True
    max_sandboxes: int | None = None
    python: Path | None = None

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"


@dataclass(frozen=True, slots=True)
class Report:
    """Lambda's REPORT line as data, with the CPU seconds that AWS does not report.

    Attributes:
        max_memory_mb: Highest of the sandbox so far, its init included, as on AWS.
        init_ms: Start of the process until the handler is loaded; None but for a sandbox's first invocation.
        cpu_s: User and system time of the process and its children during the invocation, without init.
    """

    function: str
    request_id: str
    duration_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None
    cpu_s: float
    error_type: str | None

    @property
    def billed_ms(self) -> int:
        return math.ceil(self.duration_ms + (self.init_ms or 0))

    def __str__(self) -> str:
        line = (
            f"REPORT RequestId: {self.request_id}\tDuration: {self.duration_ms:.2f} ms\t"
            f"Billed Duration: {self.billed_ms} ms\tMemory Size: {self.memory_mb} MB\t"
            f"Max Memory Used: {self.max_memory_mb} MB"
        )
        if self.init_ms is not None:
            line += f"\tInit Duration: {self.init_ms:.2f} ms"
        return line + (f"\tStatus: error\tError Type: {self.error_type}" if self.error_type else "")


@dataclass(frozen=True, slots=True)
class Invocation:
    """The answer of Lambda's Invoke: status 200, 404 or 429; function_error is "Unhandled" or None.

    `log` is START, the newest lines of the handler, END and REPORT.
    """

    status: int
    function_error: str | None
    payload: bytes
    report: Report | None = None
    log: str = ""
