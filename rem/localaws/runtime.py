"""The pool of sandboxes: warm reuse, a cap on processes, reserved concurrency, reports and log files."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from rem.localaws.sandbox import INIT_S, Invocation, LocalFunction, Report, Sandbox

IDLE_S = 600.0  # an idle sandbox ends after this; Lambda's is a few minutes as well
TOO_MANY = (
    b'{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}'
)
REFUSALS = {404: "ResourceNotFoundException", 429: "TooManyRequestsException"}  # Lambda's names
LogListener = Callable[[str, str], None]


class LambdaRuntime:
    """Invokes functions the way Lambda does.

    Args:
        max_sandboxes: Live processes at most. An invocation that finds none free takes the place of the
            longest idle one, or waits until a running one is done.
        max_running: Invocations at a time; more wait for their turn, and their time starts when they run.
            None for no limit, which is Lambda's way: there every sandbox has processors of its own.
        log_dir: One FUNCTION.log per function, with START, REPORT and everything the handler writes.
        on_log: Called with (function, line).
    """

    def __init__(
        self,
        functions: Iterable[LocalFunction],
        *,
        endpoint_url: str,
        max_sandboxes: int,
        max_running: int | None = None,
        log_dir: Path | None = None,
        on_log: LogListener | None = None,
    ) -> None:
        self.functions = {function.name: function for function in functions}
        self.reports: list[Report] = []
        self._endpoint_url, self._max_sandboxes = endpoint_url, max_sandboxes
        self._log_dir, self._on_log = log_dir, on_log
        self._idle: dict[str, list[Sandbox]] = {name: [] for name in self.functions}
        self._busy: dict[str, set[Sandbox]] = {name: set() for name in self.functions}
        self._running = dict.fromkeys(self.functions, 0)
        self._turns = contextlib.nullcontext() if max_running is None else threading.Semaphore(max_running)
        self._starting = 0
        self._closed = False
        self._changed = threading.Condition()
        self._log_lock = threading.Lock()

    def invoke(self, name: str, payload: bytes) -> Invocation:
        """Run one invocation to its end."""
        function = self.functions.get(name)
        if function is None:
            return Invocation(404, None, b'{"Type":"User","Message":"Function not found"}')
        limit = function.reserved_concurrency
        with self._changed:
            if limit is not None and self._running[name] >= limit:
                return Invocation(429, None, TOO_MANY)
            self._running[name] += 1
        try:
            with self._turns:
                invocation = self._invoke(function, payload)
        finally:
            with self._changed:
                self._running[name] -= 1
        return invocation

    def _invoke(self, function: LocalFunction, payload: bytes) -> Invocation:
        sandbox, name, request_id = self._take(function), function.name, str(uuid.uuid4())
        self._log(name, f"START RequestId: {request_id} Version: $LATEST")
        try:
            invocation = sandbox.invoke(payload, request_id)
        finally:
            self._give_back(sandbox)
        assert invocation.report is not None
        self._log(name, f"END RequestId: {request_id}")
        self._log(name, str(invocation.report))
        self.reports.append(invocation.report)
        return invocation

    def prewarm(self, names: Iterable[str]) -> None:
        """Start one sandbox of each function in the background, in this order; each may load its models.

        As many at a time as there are processors: what is needed first is ready first.
        """
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in names:
            waiting.put(name)
        for _ in range(os.cpu_count() or 1):
            threading.Thread(target=self._prewarm_all, args=(waiting,), daemon=True).start()

    def close(self) -> None:
        """End all sandboxes; running invocations end with an error."""
        with self._changed:
            self._closed = True
            sandboxes = [s for pool in (*self._idle.values(), *self._busy.values()) for s in pool]
            self._changed.notify_all()
        for sandbox in sandboxes:
            sandbox.kill()

    def _prewarm_all(self, waiting: queue.SimpleQueue[str]) -> None:
        with contextlib.suppress(queue.Empty):
            while not self._closed:
                self._prewarm(self.functions[waiting.get_nowait()])

    def _prewarm(self, function: LocalFunction) -> None:
        with self._changed:
            known = self._idle[function.name] or self._running[function.name]
            if self._closed or known or self._live() >= self._max_sandboxes:
                return
            self._starting += 1
        sandbox = self._start(function, provisioned=True)
        with self._changed:
            self._starting -= 1
            self._idle[function.name].append(sandbox)
            self._changed.notify_all()
            closed = self._closed
        if closed:
            sandbox.kill()
        else:
            sandbox.ready.wait(INIT_S)

    def _start(self, function: LocalFunction, *, provisioned: bool) -> Sandbox:
        return Sandbox(
            function,
            endpoint_url=self._endpoint_url,
            provisioned=provisioned,
            on_line=lambda line: self._log(function.name, line),
        )

    def _take(self, function: LocalFunction) -> Sandbox:
        with self._changed:
            while True:
                if self._closed:
                    raise RuntimeError("the local Lambda is shut down")
                if sandbox := self._find_idle(function.name):
                    self._busy[function.name].add(sandbox)
                    return sandbox
                if self._live() < self._max_sandboxes or self._evict():
                    break
                self._changed.wait()
            self._starting += 1
        try:
            sandbox = self._start(function, provisioned=False)
        finally:
            with self._changed:
                self._starting -= 1
        with self._changed:
            self._busy[function.name].add(sandbox)
        return sandbox

    def _find_idle(self, name: str) -> Sandbox | None:
        while self._idle[name]:
            sandbox = self._idle[name].pop()  # the one used last is the warmest
            if sandbox.is_alive and time.monotonic() - sandbox.idle_since_s < IDLE_S:
                return sandbox
            if sandbox.invocations == 0 and sandbox.init_error is not None:
                return sandbox  # its first invocation reports the init error
            sandbox.kill()
        return None

    def _evict(self) -> bool:
        idle = [sandbox for pool in self._idle.values() for sandbox in pool]
        if not idle:
            return False
        oldest = min(idle, key=lambda sandbox: sandbox.idle_since_s)
        self._idle[oldest.function.name].remove(oldest)
        oldest.kill()
        return True

    def _live(self) -> int:
        pools = (*self._idle.values(), *self._busy.values())
        return self._starting + sum(len(pool) for pool in pools)

    def _give_back(self, sandbox: Sandbox) -> None:
        name = sandbox.function.name
        with self._changed:
            self._busy[name].discard(sandbox)
            keep = sandbox.is_alive and not self._closed
            if keep:
                self._idle[name].append(sandbox)
            self._changed.notify_all()
        if not keep:
            sandbox.kill()

    def _log(self, name: str, line: str) -> None:
        if self._on_log is not None:
            self._on_log(name, line)
        if self._log_dir is not None:
            with self._log_lock, (self._log_dir / f"{name}.log").open("a") as file:
                file.write(line + "\n")
