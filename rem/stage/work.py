"""What every stage does around its work: look for the stored result, measure, store, report progress."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from rem.core.errors import BudgetError, SetupError
from rem.costs.prices import load_prices
from rem.ports import Json, Store
from rem.stage.observe import step
from rem.stage.settings import memory_mb
from rem.transcripts.receipts import Receipt

BUDGET_MARGIN_S = 20.0  # enough to store a checkpoint and leave before Lambda kills the process
BUDGET_MARGIN_SHARE = 0.2  # of an attempt that is too short for that

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Context(Protocol):
    """The part of Lambda's context object that stages use."""

    def get_remaining_time_in_millis(self) -> int: ...


class Budget:
    """How much of the invocation's time is left."""

    def __init__(self, remaining_s: Callable[[], float]) -> None:
        self.remaining_s = remaining_s

    @classmethod
    def from_context(cls, context: Context) -> Budget:
        """Call at the start of the invocation: a margin is kept, smaller where the whole is short."""
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

    A piece is only begun where the slowest one so far would still fit. One that does not end in time is left
    to its thread, which cannot be stopped; its result is dropped.

    Args:
        what: The pieces' name, plural; advice: which settings help where not even one fits.

    Raises:
        BudgetError: the time is up. What was yielded is the caller's to store: the next attempt goes on.
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
                if future.done():  # not ours: the work's own
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

    Retry, redrive and duplicate delivery all come down to this: the second time is a read.
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
    """Measures one invocation from its creation on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._started_s, self._cpu_before_s = time.monotonic(), time.process_time()

    def read(self) -> Receipt:
        """The dollars are those of Lambda on arm64, as all figures of a transcript."""
        taken = Receipt(
            self._name,
            time.monotonic() - self._started_s,
            memory_mb(),
            peak_memory_mb(),
            cpu_s=time.process_time() - self._cpu_before_s,
        )
        return replace(taken, cost_usd=taken.gb_s * load_prices().aws.lambda_gb_s_arm64)


def peak_memory_mb() -> int:
    """Highest resident memory of this process so far.

    Linux: VmHWM, because getrusage's figure includes what the parent had before exec. Elsewhere getrusage,
    which macOS gives in bytes.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20


def log_progress(stage: str, recording_id: str, part: int, done_s: float, total_s: float) -> None:
    """One JSON line that `rem run` turns into a moving bar: seconds of audio of one chunk or slice."""
    line = {"stage": stage, "recordingId": recording_id, "part": part}
    times = {"doneSeconds": round(done_s, 2), "totalSeconds": round(total_s, 2)}
    print(json.dumps({**line, **times}), flush=True)
