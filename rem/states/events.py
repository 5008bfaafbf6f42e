"""An execution's history: ends with its terminal event, and goes on where an earlier attempt left it.

A redrive and a restart run the state that was entered and not left once more, from its beginning. What the
history knows of it already happens again in the same way: such an event is recognised and not written twice.
An event is the same if its type, its details and the state visit or map iteration it lies in are the same.
What belongs to a failed attempt never is: it must show again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager

from rem.lambdas.pool import SandboxPool
from rem.states.journal import Journal, build_answer_key

Event = Mapping[str, Any]
ENDS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
FAILED = ("Failed", "TimedOut", "Aborted")  # how the types of such events end
ATTEMPT = (
    "TaskScheduled",
    "TaskStarted",
    "TaskSubmitted",
    "LambdaFunctionScheduled",
    "LambdaFunctionStarted",
)
NOT_DETAILS = ("id", "previousEventId", "type", "timestamp")
OUTSIDE = 0  # the scope of what lies in no state


class Scopes:
    """Which state visit or map iteration each event lies in, by the id of the event that opened it."""

    def __init__(self) -> None:
        self._scope_of: dict[int, int] = {}
        self._opened: dict[int, tuple[str, str, int]] = {}  # type, state's name, scope around it

    def find(self, event: Event) -> int:
        """The scope that an event with this predecessor lies in.

        A Map's or Parallel's closing event, and an iteration's, follows on what happened inside of it: it
        belongs to the state that it names.
        """
        scope = self._scope_of.get(event["previousEventId"], OUTSIDE)
        kind, name = event["type"], _read_name(event)
        joins = kind.startswith(("MapState", "ParallelState")) and not kind.endswith("Entered")
        if kind.startswith("MapIteration") or joins:
            while scope != OUTSIDE and not self._is_visit_of(scope, kind, name):
                scope = self._opened[scope][2]
        return scope

    def _is_visit_of(self, scope: int, kind: str, name: str) -> bool:
        opening, opened_name, _ = self._opened[scope]
        family = "Map" if kind.startswith("Map") else "Parallel"
        return opening == f"{family}StateEntered" and name in ("", opened_name)

    def add(self, event: Event) -> None:
        scope = self.find(event)
        if event["type"].endswith(("StateEntered", "MapIterationStarted")):
            self._opened[event["id"]] = (event["type"], _read_name(event), scope)
            scope = event["id"]
        self._scope_of[event["id"]] = scope


def _read_name(event: Event) -> str:
    details = (value for key, value in event.items() if key.endswith("EventDetails"))
    return str(next((each["name"] for each in details if "name" in each), ""))


def find_failed_attempts(events: Iterable[Event]) -> set[int]:
    """Ids of the events that say an attempt failed, and of those that scheduled and started it."""
    by_id = {event["id"]: event for event in events}
    failed: set[int] = set()
    for event in by_id.values():
        if event["type"].endswith(FAILED):
            failed.add(event["id"])
            failed.update(_walk_attempt(event, by_id))
    return failed


def _walk_attempt(event: Event, by_id: Mapping[int, Event]) -> Iterator[int]:
    before = by_id.get(event["previousEventId"])
    while before is not None and before["type"] in ATTEMPT:
        yield before["id"]
        before = by_id.get(before["previousEventId"])


class Events(EventManager):  # type: ignore[misc]
    """The history of one execution, in the journal. All frames of an execution share it.

    It also carries what a task call needs: the pool that the execution started with (one that outlives its
    LocalAws must not call the functions of the next), and the answers of earlier attempts.

    Args:
        journal: None for an Express execution, of which nothing is kept.
    """

    def __init__(self, arn: str, journal: Journal | None, pool: SandboxPool) -> None:
        super().__init__()
        self.pool = pool
        self._arn, self._journal = arn, journal
        self._ending, self._ended = threading.Lock(), False
        self._scopes = Scopes()
        self._known: dict[str, list[int]] = {}
        self._answers: dict[str, list[str]] = {}

    def continue_from(self, events: list[Event], answers: dict[str, list[str]]) -> None:
        """Go on after these events of earlier attempts, and answer as they did."""
        failed = find_failed_attempts(events)
        for event in events:
            self._scopes.add(event)
            if event["id"] not in failed:
                self._known.setdefault(self._identify(event), []).append(event["id"])
        self._event_id_gen._next_id = events[-1]["id"] + 1
        self._answers = answers

    def take_answer(self, state: str, function: str, payload: bytes) -> str | None:
        """What the function answered to this in an earlier attempt; each answer is given once."""
        with self._mutex:
            answers = self._answers.get(build_answer_key(state, function, payload))
            return answers.pop(0) if answers else None

    def keep_answer(self, state: str, function: str, payload: bytes, body: str) -> None:
        if self._journal is not None:
            self._journal.add_answer(self._arn, build_answer_key(state, function, payload), body)

    def add_event(
        self,
        context: Any,
        event_type: Any,
        event_details: Any = None,
        timestamp: Any = None,
        update_source_event_id: bool = True,
    ) -> int:
        """What abandoned branches say after the terminal event is dropped, as on AWS."""
        kind = getattr(event_type, "value", event_type)
        with self._ending:
            if self._ended:
                return int(context.source_event_id)
            self._ended = kind in ENDS
            known = self._take_known(context.source_event_id, kind, event_details)
            if known is None:
                add = super().add_event
                return int(add(context, kind, event_details, timestamp, update_source_event_id))
        context.last_published_event_id = known
        if update_source_event_id:
            context.source_event_id = known
        return known

    def _take_known(self, previous: int, kind: str, details: Any) -> int | None:
        if not self._known:
            return None
        ids = self._known.get(self._identify({"previousEventId": previous, "type": kind, **(details or {})}))
        return ids.pop(0) if ids else None

    def _identify(self, event: Event) -> str:
        details = {key: value for key, value in event.items() if key not in NOT_DETAILS}
        return json.dumps([self._scopes.find(event), event["type"], details], sort_keys=True)

    def _publish_history_event(self, **event: Any) -> None:
        """Write to the journal instead of moto's list."""
        made = dict(self._create_history_event(**event))
        self._scopes.add(made)
        if self._journal is not None:
            self._journal.add_event(self._arn, made)
