"""EventBridge on this machine: events about executions, and schedules."""

from __future__ import annotations

import json
import logging
import queue
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from rem.executions.statuses import NOT_REDRIVABLE, REDRIVABLE
from rem.lambdas.function import ACCOUNT, REGION
from rem.lambdas.pool import PoolClosedError, SandboxPool
from rem.states.journal import ExecutionRow, Journal

TRIES = 3  # an asynchronous invocation that fails is tried twice more, as on AWS
PAUSE_S = 1.0  # between two tries
LOOK_S = 0.2  # the longest time until the thread sees that it should end
log = logging.getLogger(__name__)


class StatusEvents:
    """Events about executions, which invoke a function one after the other.

    The journal notes what was delivered. An event that could not be delivered is sent again after the next
    start; until then the sweeper finds the execution.
    """

    def __init__(self, pool: SandboxPool, function: str, journal: Journal) -> None:
        self._pool, self._function, self._journal = pool, function, journal
        self._waiting: queue.SimpleQueue[ExecutionRow] = queue.SimpleQueue()
        for row in journal.read_undelivered():
            self._waiting.put(row)

    def add(self, row: ExecutionRow) -> None:
        """Send an event about the execution as it is now."""
        self._waiting.put(row)

    def run(self, stopping: threading.Event) -> None:
        """Deliver events until `stopping` is set."""
        while not stopping.is_set():
            try:
                row = self._waiting.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if self._deliver(row, stopping):
                self._journal.mark_delivered(row)

    def _deliver(self, row: ExecutionRow, stopping: threading.Event) -> bool:
        """Invoke the function until it succeeds; return False where it did not."""
        payload = json.dumps(build_status_event(row)).encode()
        for _ in range(TRIES):
            try:
                answer = self._pool.invoke(self._function, payload)
            except PoolClosedError:
                return False
            if answer.status == 200 and answer.function_error is None:
                return True
            if stopping.wait(PAUSE_S):
                return False
        log.error("%s failed on the event that %s is %s", self._function, row.arn, row.status)
        return False


class Schedule:
    """A function that is invoked every `every_s` seconds; a failure waits for the next time."""

    def __init__(self, pool: SandboxPool, function: str, every_s: float) -> None:
        self._pool, self._function, self._every_s = pool, function, every_s

    def run(self, stopping: threading.Event) -> None:
        """Invoke the function until `stopping` is set."""
        while not stopping.wait(self._every_s):
            event = build_scheduled_event(self._function, datetime.now(UTC))
            try:
                self._pool.invoke(self._function, json.dumps(event).encode())
            except PoolClosedError:
                return


def build_status_event(row: ExecutionRow) -> dict[str, Any]:
    """Build "Step Functions Execution Status Change" as EventBridge sends it; times in milliseconds."""
    reason = row.explain_not_redrivable(row.stopped or row.started)
    return {
        **_build_envelope("aws.states", "Step Functions Execution Status Change", row.stopped or row.started),
        "resources": [row.arn],
        "detail": {
            "executionArn": row.arn,
            "stateMachineArn": row.machine,
            "name": row.name,
            "status": row.status,
            "startDate": _to_ms(row.started),
            "stopDate": _to_ms(row.stopped),
            "input": row.input,
            "inputDetails": {"included": True},
            "output": row.output,
            "outputDetails": None if row.output is None else {"included": True},
            "error": row.error,
            "cause": row.cause,
            "redriveCount": row.redrives,
            "redriveDate": _to_ms(row.redriven),
            "redriveStatus": NOT_REDRIVABLE if reason else REDRIVABLE,
            "redriveStatusReason": reason,
        },
    }


def build_scheduled_event(name: str, now: datetime) -> dict[str, Any]:
    """Build the "Scheduled Event" that a rule of this name sends."""
    arn = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"
    return {**_build_envelope("aws.events", "Scheduled Event", now), "resources": [arn], "detail": {}}


def _build_envelope(source: str, kind: str, moment: datetime) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
    }


def _to_ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
