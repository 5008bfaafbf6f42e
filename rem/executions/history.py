"""The states and failures that an execution's history tells of, on the laptop as on AWS."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rem.core.errors import parse_cause

HistoryEvent = Mapping[str, Any]  # it is one element of GetExecutionHistory's `events`
FAILURES = {  # the details of each event type have its error and cause
    "TaskFailed": "taskFailedEventDetails",
    "TaskTimedOut": "taskTimedOutEventDetails",
    "TaskStartFailed": "taskStartFailedEventDetails",
    "TaskSubmitFailed": "taskSubmitFailedEventDetails",
    "LambdaFunctionFailed": "lambdaFunctionFailedEventDetails",
    "LambdaFunctionTimedOut": "lambdaFunctionTimedOutEventDetails",
    "LambdaFunctionScheduleFailed": "lambdaFunctionScheduleFailedEventDetails",
    "LambdaFunctionStartFailed": "lambdaFunctionStartFailedEventDetails",
}
ENDS = {
    "ExecutionFailed": "executionFailedEventDetails",
    "ExecutionTimedOut": "executionTimedOutEventDetails",
    "ExecutionAborted": "executionAbortedEventDetails",
}
CONTAINERS = ("MapStateEntered", "ParallelStateEntered")
REQUEST_ID = re.compile(r"\brequestId\W+([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why an execution ended without success.

    Attributes:
        status: FAILED, TIMED_OUT or ABORTED.
        state: The state that failed, or that was running when the execution was ended; empty if none was.
        cause: As Step Functions gives it, often a JSON document; `message` is the sentence inside.
    """

    status: str
    state: str
    error: str
    cause: str

    @property
    def message(self) -> str:
        return parse_cause(self.cause)


@dataclass
class Attempt:
    """One try of a task. `error` and `cause` are empty while it runs and after it succeeded."""

    started_at: datetime
    ended_at: datetime | None = None
    error: str = ""
    cause: str = ""

    @property
    def request_id(self) -> str:
        """Find Lambda's id of the invocation, by which its log lines are found; empty where unknown."""
        match = REQUEST_ID.search(self.cause)
        return match[1] if match else ""


@dataclass
class StateVisit:
    """One entry into a state; a Map enters its inner states once per item.

    Attributes:
        input, output: JSON text, empty where the history was read without data.
        function: Name or ARN of the Lambda that a Task calls.
    """

    name: str
    kind: str
    entered_at: datetime
    input: str = ""
    output: str = ""
    left_at: datetime | None = None
    function: str = ""
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def failed_attempt(self) -> Attempt | None:
        """Return the last attempt, if it failed and the state was not left."""
        if self.left_at is None and self.attempts and self.attempts[-1].error:
            return self.attempts[-1]
        return None


def find_failure(status: str, newest_first: Iterable[HistoryEvent]) -> Failure:
    """Find the state behind an execution's end, and its error, reading no further back than needed.

    A failed task is followed along its chain of events to the state's entry. An execution that was stopped or
    ran out of time has no failed task: its state is the newest one that was entered and not left.
    """
    error = cause = ""
    left: Counter[str] = Counter()
    wanted: int | None = None  # it is the next event of the failed task's chain; 0 where the chain broke off
    for event in newest_first:
        kind = event["type"]
        if kind in ENDS and not error:
            details = event.get(ENDS[kind], {})
            error, cause = details.get("error", ""), details.get("cause", "")
        elif kind in FAILURES and wanted is None and _read_error(event) == error:
            wanted = event["previousEventId"]
        elif event["id"] == wanted:
            wanted = 0 if kind == "ExecutionRedriven" else event["previousEventId"]
            if kind.endswith("StateEntered"):
                return Failure(status, event["stateEnteredEventDetails"]["name"], error, cause)
        if kind.endswith("StateExited"):
            left[event["stateExitedEventDetails"]["name"]] += 1
        elif kind.endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            if not wanted and not left[name] and kind not in CONTAINERS:
                return Failure(status, name, error, cause)
            left[name] -= 1
    return Failure(status, "", error, cause)


def _read_error(event: HistoryEvent) -> str:
    return str(event.get(FAILURES[event["type"]], {}).get("error", ""))


def read_visits(events: Iterable[HistoryEvent]) -> list[StateVisit]:
    """Read every state that was entered, in order of entry.

    Args:
        events: Oldest first. A redrive may go on in a state without entering it again: its new attempts are
            added to the visit that was not left.
    """
    visits: list[StateVisit] = []
    owners: dict[int, StateVisit] = {}  # each event id belongs to a visit
    for event in events:
        kind, at = event["type"], event["timestamp"]
        owner = owners.get(event.get("previousEventId", 0))
        if kind.endswith("StateEntered"):
            details = event["stateEnteredEventDetails"]
            owner = StateVisit(
                details["name"], kind.removesuffix("StateEntered"), at, details.get("input", "")
            )
            visits.append(owner)
        elif kind.endswith("StateExited"):
            details = event["stateExitedEventDetails"]
            owner = _find_open(visits, owner, details["name"])
            if owner is not None:
                owner.left_at, owner.output = at, details.get("output", "")
        elif kind in ("TaskScheduled", "LambdaFunctionScheduled"):
            function = _read_function(event)
            owner = _find_scheduled(visits, owner, function)
            if owner is not None:
                owner.function = function
                owner.attempts.append(Attempt(at))
        elif kind in FAILURES and owner is not None and owner.attempts:
            details = event.get(FAILURES[kind], {})
            last = owner.attempts[-1]
            last.ended_at = at
            last.error, last.cause = details.get("error", ""), details.get("cause", "")
        elif kind in ("TaskSucceeded", "LambdaFunctionSucceeded") and owner is not None and owner.attempts:
            owner.attempts[-1].ended_at = at
        if owner is not None:
            owners[event["id"]] = owner
    return visits


def _find_open(visits: Sequence[StateVisit], owner: StateVisit | None, name: str) -> StateVisit | None:
    if owner is not None and owner.name == name:
        return owner
    return next((v for v in reversed(visits) if v.name == name and v.left_at is None), None)


def _find_scheduled(
    visits: Sequence[StateVisit], owner: StateVisit | None, function: str
) -> StateVisit | None:
    """Find the chain's own visit; after a redrive, the unfinished one that calls the same function."""
    if owner is not None and owner.kind == "Task" and owner.left_at is None:
        return owner
    unfinished = [v for v in visits if v.kind == "Task" and v.left_at is None]
    return next((v for v in unfinished if v.function in ("", function)), None)


def _read_function(event: HistoryEvent) -> str:
    direct = event.get("lambdaFunctionScheduledEventDetails")
    if direct is not None:
        return str(direct.get("resource", ""))
    parameters = json.loads(event.get("taskScheduledEventDetails", {}).get("parameters") or "{}")
    return str(parameters.get("FunctionName", ""))


@dataclass
class StateProgress:
    """The progress of one Task state: how often it was entered and left, and when."""

    name: str
    first_entered: datetime
    last_left: datetime | None = None
    entered: int = 0
    left: int = 0

    @property
    def is_running(self) -> bool:
        return self.left < self.entered

    @property
    def seconds(self) -> float:
        """Measure from the first entry to the last exit; 0 before the first exit."""
        return (self.last_left - self.first_entered).total_seconds() if self.last_left else 0.0


def read_states(events: Iterable[Mapping[str, Any]]) -> dict[str, StateProgress]:
    """Read the Task states that were entered so far, in order of their first entry.

    Args:
        events: As GetExecutionHistory gives them, oldest first.
    """
    states: dict[str, StateProgress] = {}
    for event in events:
        if event["type"] == "TaskStateEntered":
            name = event["stateEnteredEventDetails"]["name"]
            states.setdefault(name, StateProgress(name, event["timestamp"])).entered += 1
        elif event["type"] == "TaskStateExited":
            state = states[event["stateExitedEventDetails"]["name"]]
            state.left += 1
            state.last_left = event["timestamp"]
    return states
