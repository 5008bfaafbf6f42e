"""The parts of one LocalAws that its Step Functions engine works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rem.lambdas.pool import SandboxPool
from rem.states.journal import ExecutionRow, Journal

StatusListener = Callable[[ExecutionRow], None]


@dataclass(frozen=True, slots=True)
class EngineContext:
    """One LocalAws as its engine sees it.

    Attributes:
        pool: Runs the functions that Task states call.
        journal: Keeps executions and their histories.
        on_status: Called with an execution each time it starts, is redriven or ends, from any thread.
    """

    pool: SandboxPool
    journal: Journal
    on_status: StatusListener
