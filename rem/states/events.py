"""moto's event manager, with the history in the journal."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager

from rem.lambdas.pool import SandboxPool
from rem.states.earlier_history import EarlierHistory, Event
from rem.states.journal import Journal

ENDS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}


class HistoryEvents(EventManager):  # type: ignore[misc]
    """The history of one execution: it ends with its terminal event, and goes on after a redrive or restart.

    All frames of an execution share it. It also carries the pool that the execution started with: one that
    outlives its LocalAws must not call the functions of the next.

    Args:
        journal: None for an Express execution, of which nothing is kept.
    """

    def __init__(self, arn: str, journal: Journal | None, pool: SandboxPool) -> None:
        super().__init__()
        self.pool, self.earlier = pool, EarlierHistory()
        self._arn, self._journal = arn, journal
        self._ending, self._ended = threading.Lock(), False

    def continue_from(self, events: Sequence[Event]) -> None:
        """Go on after these events of earlier attempts."""
        self.earlier = EarlierHistory(events)
        self._event_id_gen._next_id = events[-1]["id"] + 1

    def add_event(
        self,
        context: Any,
        event_type: Any,
        event_details: Any = None,
        timestamp: Any = None,
        update_source_event_id: bool = True,
    ) -> int:
        """Write an event, unless the history has it already or has ended.

        AWS as well drops the events of abandoned branches after the terminal event.
        """
        kind = getattr(event_type, "value", event_type)
        with self._ending:
            if self._ended:
                return int(context.source_event_id)
            self._ended = kind in ENDS
            event = {"previousEventId": context.source_event_id, "type": kind, **(event_details or {})}
            known = self.earlier.recognise(event)
            if known is None:
                add = super().add_event
                return int(add(context, kind, event_details, timestamp, update_source_event_id))
        context.last_published_event_id = known
        if update_source_event_id:
            context.source_event_id = known
        return known

    def _publish_history_event(self, **event: Any) -> None:
        """Write to the journal instead of moto's list."""
        made = dict(self._create_history_event(**event))
        self.earlier.add(made)
        if self._journal is not None:
            self._journal.add_event(self._arn, made)
