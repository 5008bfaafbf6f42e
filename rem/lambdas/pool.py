"""The pool of sandboxes: warm reuse, a cap on processes, reserved concurrency, reports and log files."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from rem.lambdas.function import Invocation, LocalFunction, Report
from rem.lambdas.sandbox import INIT_S, Sandbox

REPORTS = 10_000  # the newest that are kept in memory
IDLE_S = 600.0  # an idle sandbox ends after this; Lambda's is a few minutes as well
TOO_MANY = (
    b'{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}'
)
REFUSALS = {404: "ResourceNotFoundException", 429: "TooManyRequestsException"}  # Lambda's names
LogListener = Callable[[str, str], None]
ReportListener = Callable[[Report], None]


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """Limits of a pool, and who hears of its invocations.

    Attributes:
        max_sandboxes: Live processes at most. An invocation that finds none free takes the place of the
            longest idle one, or waits until a running one is done.
        max_running: Invocations at a time of functions that take turns; more wait, and their time starts when
            they run. None for no limit, which is Lambda's way: there every sandbox has processors of its own.
        log_dir: Folder of one FUNCTION.log per function: START, REPORT and everything the handler writes.
        on_log: Called with (function, line), from any thread.
        on_report: Called with the report of each invocation, from any thread.
        idle_s: An idle sandbox ends after this.
    """

    max_sandboxes: int = 12
    max_running: int | None = None
    log_dir: Path | None = None
    on_log: LogListener | None = None
    on_report: ReportListener | None = None
    idle_s: float = IDLE_S


class PoolClosedError(RuntimeError):
    """An invocation that found the pool closed."""


class SandboxPool:
    """The functions of one local Lambda, and the sandboxes that run them.

    Args:
        endpoint_url: Where handlers find S3 and the other services.

    Attributes:
        functions: By name.
        reports: Of the newest invocations, oldest first.
    """

    def __init__(
        self, functions: Iterable[LocalFunction], endpoint_url: str, options: PoolOptions | None = None
    ) -> None:
        self.functions = {function.name: function for function in functions}
        self.reports: list[Report] = []
        self.endpoint_url, self.options = endpoint_url, options or PoolOptions()
        self._idle: dict[str, list[Sandbox]] = {name: [] for name in self.functions}
        self._busy: dict[str, set[Sandbox]] = {name: set() for name in self.functions}
        self._running = dict.fromkeys(self.functions, 0)
        self._turns = _limit(self.options.max_running)
        self._starting = dict.fromkeys(self.functions, 0)
        self._closed = False
        self._changed = threading.Condition()
        self._log_lock = threading.Lock()
        if self.options.log_dir is not None:
            self.options.log_dir.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._expire, name="sandbox-expiry", daemon=True).start()

    def add(self, function: LocalFunction) -> None:
        """Make one more function known, or give one of that name other settings for its next sandboxes."""
        with self._changed:
            self.functions[function.name] = function
            for sandbox in self._idle.get(function.name, []):
                sandbox.kill()
            self._idle[function.name] = []
            self._busy.setdefault(function.name, set())
            self._running.setdefault(function.name, 0)
            self._starting.setdefault(function.name, 0)

    def invoke(self, name: str, payload: bytes) -> Invocation:
        """Run one invocation to its end.

        Raises:
            PoolClosedError: the pool is closed.
        """
        function = self.functions.get(name)
        if function is None:
            return Invocation(404, None, b'{"Type":"User","Message":"Function not found"}')
        limit = function.reserved_concurrency
        with self._changed:
            if limit is not None and self._running[name] >= limit:
                return Invocation(429, None, TOO_MANY)
            self._running[name] += 1
        try:
            with self._turns if function.takes_turns else contextlib.nullcontext():
                return self._invoke(function, payload)
        finally:
            with self._changed:
                self._running[name] -= 1

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
        with self._changed:
            # Sandboxes that start meanwhile end themselves.
            self._changed.wait_for(lambda: not any(self._starting.values()))

    def _invoke(self, function: LocalFunction, payload: bytes) -> Invocation:
        sandbox, name, request_id = self._take(function), function.name, str(uuid.uuid4())
        first = f"START RequestId: {request_id} Version: $LATEST"
        self._log(name, first)
        try:
            invocation = sandbox.invoke(payload, request_id)
        finally:
            self._give_back(sandbox)
        report = invocation.report
        assert report is not None
        last = [f"END RequestId: {request_id}", str(report)]
        for line in last:
            self._log(name, line)
        self.reports.append(report)
        del self.reports[:-REPORTS]
        if self.options.on_report is not None:
            self.options.on_report(report)
        return replace(invocation, log="\n".join([first, invocation.log, *last]))

    def _prewarm_all(self, waiting: queue.SimpleQueue[str]) -> None:
        with contextlib.suppress(queue.Empty):
            while not self._closed:
                self._prewarm(self.functions[waiting.get_nowait()])

    def _prewarm(self, function: LocalFunction) -> None:
        with self._changed:
            known = self._idle[function.name] or self._running[function.name]
            if self._closed or known or self._live() >= self.options.max_sandboxes:
                return
            self._starting[function.name] += 1
        sandbox = self._start(function, self._idle[function.name].append, provisioned=True)
        sandbox.wait_ready(INIT_S)

    def _take(self, function: LocalFunction) -> Sandbox:
        busy = self._busy[function.name]
        with self._changed:
            while True:
                self._check_open()
                if sandbox := self._find_idle(function.name):
                    busy.add(sandbox)
                    return sandbox
                if self._may_start(function):
                    break
                self._changed.wait()
            self._starting[function.name] += 1
        sandbox = self._start(function, busy.add, provisioned=False)
        self._check_open()
        return sandbox

    def _start(
        self, function: LocalFunction, keep: Callable[[Sandbox], None], *, provisioned: bool
    ) -> Sandbox:
        """Start a sandbox that `_starting` counts already, and put it where it belongs."""
        sandbox = None
        try:
            sandbox = Sandbox(
                function,
                endpoint_url=self.endpoint_url,
                provisioned=provisioned,
                on_line=lambda line: self._log(function.name, line),
            )
        finally:
            with self._changed:
                self._starting[function.name] -= 1
                if sandbox is not None and self._closed:
                    sandbox.kill()
                elif sandbox is not None:
                    keep(sandbox)
                self._changed.notify_all()
        return sandbox

    def _check_open(self) -> None:
        if self._closed:
            raise PoolClosedError("the local Lambda is shut down")

    def _find_idle(self, name: str) -> Sandbox | None:
        while self._idle[name]:
            sandbox = self._idle[name].pop()  # the one used last is the warmest
            if sandbox.is_alive or (sandbox.invocations == 0 and sandbox.has_init_error):
                return sandbox  # the first invocation reports the init error
            sandbox.kill()
        return None

    def _may_start(self, function: LocalFunction) -> bool:
        own = len(self._idle[function.name]) + len(self._busy[function.name]) + self._starting[function.name]
        if function.max_sandboxes is not None and own >= function.max_sandboxes:
            return False
        return self._live() < self.options.max_sandboxes or self._evict()

    def _evict(self) -> bool:
        idle = [sandbox for pool in self._idle.values() for sandbox in pool]
        if not idle:
            return False
        oldest = min(idle, key=lambda sandbox: sandbox.idle_since_s)
        self._idle[oldest.function.name].remove(oldest)
        oldest.kill()
        return True

    def _expire(self) -> None:
        with self._changed:
            while not self._closed:
                self._changed.wait(timeout=self.options.idle_s / 10)
                oldest_s = time.monotonic() - self.options.idle_s
                for pool in self._idle.values():
                    for sandbox in [s for s in pool if s.idle_since_s < oldest_s]:
                        pool.remove(sandbox)
                        sandbox.kill()

    def _live(self) -> int:
        pools = (*self._idle.values(), *self._busy.values())
        return sum(self._starting.values()) + sum(len(pool) for pool in pools)

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
        if self.options.on_log is not None:
            self.options.on_log(name, line)
        if self.options.log_dir is not None:
            with self._log_lock, (self.options.log_dir / f"{name}.log").open("a") as file:
                file.write(line + "\n")


def _limit(most: int | None) -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext() if most is None else threading.Semaphore(most)
