"""EventBridge's events about executions, and its schedules."""

from __future__ import annotations

import json
import logging
import queue
import threading
import uuid
from datetime import datetime
from typing import Any

from rem.lambdas.function import ACCOUNT, REGION
from rem.lambdas.pool import LambdaRuntime
from rem.states.journal import ExecutionRow, ExecutionStore

TRIES = 3  # an asynchronous invocation that fails is tried twice more, as on AWS
PAUSE_S = 1.0
LOOK_S = 0.2  # how soon the thread sees that it should end
log = logging.getLogger(__name__)


class StatusNotices:
    """Tells a function of every change, one after the other. What it was told stands in the store.

    What cannot be told is told again after the next start; until then the sweeper finds it.
    """

    def __init__(self, runtime: LambdaRuntime, function: str, store: ExecutionStore) -> None:
        self._runtime, self._function, self._store = runtime, function, store
        self._waiting: queue.SimpleQueue[ExecutionRow] = queue.SimpleQueue()

    def add(self, row: ExecutionRow) -> None:
        self._waiting.put(row)

    def run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                row = self._waiting.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if self._tell(row, stopping):
                self._store.mark_told(row)

    def _tell(self, row: ExecutionRow, stopping: threading.Event) -> bool:
        payload = json.dumps(build_status_event(row)).encode()
        for _ in range(TRIES):
            try:
                answer = self._runtime.invoke(self._function, payload)
            except RuntimeError:  # the runtime is shut down
                return False
            if answer.status == 200 and answer.function_error is None:
                return True
            if stopping.wait(PAUSE_S):
                return False
        log.error("%s could not be told that %s is %s", self._function, row.arn, row.status)
        return False


def build_status_event(row: ExecutionRow) -> dict[str, Any]:
    """ "Step Functions Execution Status Change" as EventBridge sends it; times in milliseconds."""
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
            "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
            "redriveStatusReason": reason,
        },
    }


def build_scheduled_event(name: str, now: datetime) -> dict[str, Any]:
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
