"""The frame around a stage's work: its time budget, its stored result, its receipt, its progress."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from rem.core import Json
from rem.core.errors import BudgetError, SetupError
from rem.costs.prices import load_prices
from rem.ports import Store
from rem.stage.observe import step
from rem.stage.settings import memory_mb
from rem.transcripts.receipts import Receipt

BUDGET_MARGIN_S = 20.0  # time to store a checkpoint and to leave before Lambda kills the process
BUDGET_MARGIN_SHARE = 0.2  # of an attempt too short for that margin

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Context(Protocol):
    """The part of Lambda's context object that stages use."""

    def get_remaining_time_in_millis(self) -> int: ...


class Budget:
    """The time that an invocation has left."""

    def __init__(self, remaining_s: Callable[[], float]) -> None:
        self.remaining_s = remaining_s

    @classmethod
    def from_context(cls, context: Context) -> Budget:
        """Build the budget at the start of an invocation, less a margin; a short time has a smaller one."""
        whole_s = context.get_remaining_time_in_millis() / 1000
        margin_s = min(BUDGET_MARGIN_S, BUDGET_MARGIN_SHARE * whole_s)
        return cls(lambda: context.get_remaining_time_in_millis() / 1000 - margin_s)

    @property
    def is_spent(self) -> bool:
        return self.remaining_s() <= 0


def work_through(
    budget: Budget,
    pieces: Sequence[Piece],
    work: Callable[[Piece], Result],
    *,
    first: int,
    what: str,
    advice: str,
) -> Iterator[Result]:
    """Yield work(piece) for the pieces from number `first` on, as long as the time lasts.

    A piece is begun only if the slowest one so far would still fit. A piece that does not end in time is left
    to its thread, which cannot be stopped, and its result is dropped.

    Args:
        what: The pieces' name, plural.
        advice: The settings to change if not even one piece fits.

    Raises:
        BudgetError: the time is up. The caller stores what was yielded; the next attempt goes on from there.
        SetupError: not one piece fits into a whole attempt.
    """
    slowest_s = 0.0
    worker = ThreadPoolExecutor(1, thread_name_prefix="work")
    stored = "{} of {} {} are done and stored; the next attempt goes on"
    try:
        for i in range(first, len(pieces)):
            began_s = budget.remaining_s()
            if i > first and began_s < slowest_s:
                raise BudgetError(stored.format(i, len(pieces), what))
            future = worker.submit(work, pieces[i])
            try:
                result = future.result(timeout=max(began_s, 0))
            except TimeoutError as error:
                if future.done():  # the work itself raised it
                    raise
                if i > first:
                    raise BudgetError(stored.format(i, len(pieces), what)) from error
                message = f"one of {len(pieces)} {what} takes longer than a whole attempt ({began_s:.0f} s)"
                raise SetupError(f"{message}: {advice}") from error
            slowest_s = max(slowest_s, began_s - budget.remaining_s())
            yield result
    finally:
        worker.shutdown(wait=False, cancel_futures=True)


def build_once(store: Store, name: str, key: str, build: Callable[[], Json]) -> Json:
    """Return the artifact under key; build and store it, with its receipt, where it does not exist.

    Retry, redrive and duplicate delivery all end here: the second time is a read.
    """
    if store.exists(key):
        return store.read_json(key)
    watch = Stopwatch(name)
    with step(f"make the result of {name}"):
        document = build()
    document["receipts"] = [*document.get("receipts", []), watch.read().to_json()]
    store.write_json(key, document)
    return document


class Stopwatch:
    """The seconds and the memory of one invocation, from this object's creation on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._started_s, self._cpu_before_s = time.monotonic(), time.process_time()

    def read(self) -> Receipt:
        """Measure up to now. The dollars are Lambda's on arm64, like all figures of a transcript."""
        taken = Receipt(
            self._name,
            time.monotonic() - self._started_s,
            memory_mb(),
            peak_memory_mb(),
            cpu_s=time.process_time() - self._cpu_before_s,
        )
        return replace(taken, cost_usd=taken.gb_s * load_prices().aws.lambda_gb_s_arm64)


def peak_memory_mb() -> int:
    """Measure the highest resident memory of this process so far.

    On Linux it is VmHWM: getrusage's figure includes what the parent had before exec. Elsewhere it is
    getrusage's, which macOS gives in bytes.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20


def log_progress(stage: str, recording_id: str, part: int, done_s: float, total_s: float) -> None:
    """Print a JSON line with the seconds done of one chunk or slice; `rem run` moves its bar by it."""
    line = {"stage": stage, "recordingId": recording_id, "part": part}
    times = {"doneSeconds": round(done_s, 2), "totalSeconds": round(total_s, 2)}
    print(json.dumps({**line, **times}), flush=True)
