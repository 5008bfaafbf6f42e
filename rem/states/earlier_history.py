"""The events of an execution's earlier attempts: what they say is done is not done again.

A redrive and a restart run the state that was entered and not left once more, from its beginning. The engine
then meets events that the history has already. Each is recognised and not written twice, and a task that
succeeded gives the output that the history has, without a call, as on AWS (docs/adr/0035).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Event = Mapping[str, Any]  # one element of GetExecutionHistory's `events`
FAILED = ("Failed", "TimedOut", "Aborted")  # the endings of the types of such events
ATTEMPT = (
    "TaskScheduled",
    "TaskStarted",
    "TaskSubmitted",
    "LambdaFunctionScheduled",
    "LambdaFunctionStarted",
)
NOT_DETAILS = ("id", "previousEventId", "type", "timestamp")
OUTSIDE = 0  # the scope of events that lie in no state


class EarlierHistory:
    """The events so far, and the outputs of the tasks that succeeded.

    An event is the same as an earlier one if its type, its details and the state visit or map iteration that
    it lies in are the same. Events of a failed attempt are never recognised: the next attempt must show too.

    Args:
        events: Of earlier attempts, oldest first; none for a first attempt.
    """

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self._scopes = Scopes()
        self._known: dict[str, list[int]] = {}
        self._outputs: dict[int, str] = {}  # by the id of the TaskStarted event
        failed = find_failed_attempts(events)
        for event in events:
            self.add(event)
            if event["id"] not in failed:
                self._known.setdefault(self._identify(event), []).append(event["id"])
            if event["type"] == "TaskSucceeded":
                self._outputs[event["previousEventId"]] = event["taskSucceededEventDetails"]["output"]

    def add(self, event: Event) -> None:
        """Note a new event, so that the scopes of those that follow on it are known."""
        self._scopes.add(event)

    def recognise(self, event: Event) -> int | None:
        """Return the id of the same event in an earlier attempt, each one once; None for a new event."""
        if not self._known:
            return None
        ids = self._known.get(self._identify(event))
        return ids.pop(0) if ids else None

    def find_output(self, started_id: int) -> Any:
        """Return the output of the task that this TaskStarted event began, or None if it did not succeed."""
        output = self._outputs.get(started_id)
        return None if output is None else json.loads(output)

    def _identify(self, event: Event) -> str:
        details = {key: value for key, value in event.items() if key not in NOT_DETAILS}
        return json.dumps([self._scopes.find(event), event["type"], details], sort_keys=True)


class Scopes:
    """The state visit or map iteration that each event lies in, by the id of the event that opened it."""

    def __init__(self) -> None:
        self._scope_of: dict[int, int] = {}
        self._opened: dict[int, tuple[str, str, int]] = {}  # type, state's name, scope around it

    def find(self, event: Event) -> int:
        """Return the scope of an event with this predecessor.

        The event that closes a Map, a Parallel or an iteration follows on what happened inside of it: it
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
        """Note the scope of an event, and the scope that it opens."""
        scope = self.find(event)
        if event["type"].endswith(("StateEntered", "MapIterationStarted")):
            self._opened[event["id"]] = (event["type"], _read_name(event), scope)
            scope = event["id"]
        self._scope_of[event["id"]] = scope


def _read_name(event: Event) -> str:
    details = (value for key, value in event.items() if key.endswith("EventDetails"))
    return str(next((each["name"] for each in details if "name" in each), ""))


def find_failed_attempts(events: Iterable[Event]) -> set[int]:
    """Find the ids of the events that say an attempt failed, and of those that scheduled and started it."""
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
