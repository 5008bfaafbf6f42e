"""Step Functions' HTTP API, as far as moto lacks it: executions are described from the journal."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import create_backend_app
from moto.stepfunctions.responses import StepFunctionResponse

from rem.executions.statuses import NOT_REDRIVABLE, REDRIVABLE
from rem.states.engine import BACKENDS
from rem.states.journal import ExecutionRow

PAGE = 100  # events per page where maxResults is not given; AWS allows 1,000
LARGEST_PAGE = 1000
EXPRESS_STEP_MB, EXPRESS_STEP_MS = 64, 100  # what Express rounds up to when it bills
DATA = ("input", "inputDetails", "output", "outputDetails", "parameters")


class Response(StepFunctionResponse):  # type: ignore[misc]
    """The actions that describe, list, stop and redrive executions, answered from the journal."""

    @property
    def stepfunction_backend(self) -> Any:
        return BACKENDS[self.current_account][self.region]

    def describe_execution(self) -> Any:
        row: ExecutionRow = self.stepfunction_backend.read(self._get_param("executionArn"))
        reason = row.explain_not_redrivable(datetime.now(UTC))
        details = {
            **_list_item(row),
            "input": row.input,
            "inputDetails": {"included": True},
            "output": row.output,
            "outputDetails": {"included": True} if row.output is not None else None,
            "error": row.error,
            "cause": row.cause,
            "redriveStatus": NOT_REDRIVABLE if reason else REDRIVABLE,
            "redriveStatusReason": reason,
        }
        return ActionResult(_drop_absent(details))

    def list_executions(self) -> Any:
        backend, machine = self.stepfunction_backend, self._get_param("stateMachineArn")
        backend.describe_state_machine(machine)  # raises where there is none
        size, first = self._read_page()
        rows = backend.context.journal.read_newest(machine, self._get_param("statusFilter"), first, size + 1)
        return _page("executions", [_drop_absent(_list_item(row)) for row in rows], first, size)

    def stop_execution(self) -> Any:
        backend, arn = self.stepfunction_backend, self._get_param("executionArn")
        backend.read(arn)  # raises where there is none
        with backend.starting:  # an execution that is in `running` has been started then
            execution = backend.running.get(arn)
        if execution is not None:
            execution.abort(self._get_param("error"), self._get_param("cause"))
        stopped = backend.read(arn).stopped
        return ActionResult({"stopDate": stopped or datetime.now(UTC)})

    def redrive_execution(self) -> Any:
        redriven = self.stepfunction_backend.redrive_execution(self._get_param("executionArn"))
        return ActionResult({"redriveDate": redriven})

    def describe_state_machine_for_execution(self) -> Any:
        """Answer with the definition that the execution started with."""
        row: ExecutionRow = self.stepfunction_backend.read(self._get_param("executionArn"))
        machine = self.stepfunction_backend.describe_state_machine(row.machine)
        answer = {"stateMachineArn": row.machine, "name": machine.name, "roleArn": machine.roleArn}
        return ActionResult({**answer, "definition": row.definition, "updateDate": row.started})

    def start_sync_execution(self) -> Any:
        execution = self.stepfunction_backend.start_sync_execution(
            self._get_param("stateMachineArn"), self._get_param("name"), self._get_param("input")
        )
        run_ms = (execution.stop_date - execution.start_date).total_seconds() * 1000
        billing = {
            "billedMemoryUsedInMB": EXPRESS_STEP_MB,
            "billedDurationInMilliseconds": max(1, math.ceil(run_ms / EXPRESS_STEP_MS)) * EXPRESS_STEP_MS,
        }
        return ActionResult({**execution.to_start_sync_execution_output(), "billingDetails": billing})

    def get_execution_history(self) -> Any:
        row = self.stepfunction_backend.read(self._get_param("executionArn"))
        size, first = self._read_page()
        newest = bool(self._get_param("reverseOrder"))
        journal = self.stepfunction_backend.context.journal
        events = journal.read_events(row.arn, first, size + 1, newest=newest)
        if self._get_param("includeExecutionData") is False:
            events = [_without_data(event) for event in events]
        return _page("events", events, first, size)

    def _read_page(self) -> tuple[int, int]:
        """Read maxResults, and nextToken, which is an offset here."""
        size = min(int(self._get_param("maxResults") or PAGE), LARGEST_PAGE)
        return size, int(self._get_param("nextToken") or 0)


def _page(name: str, found: list[Any], first: int, size: int) -> Any:
    """Build one page; `found` holds one more than a page where there is a next one."""
    page: dict[str, Any] = {name: found[:size]}
    if len(found) > size:
        page["nextToken"] = str(first + size)
    return ActionResult(page)


def _list_item(row: ExecutionRow) -> dict[str, Any]:
    return {
        "executionArn": row.arn,
        "stateMachineArn": row.machine,
        "name": row.name,
        "status": row.status,
        "startDate": row.started,
        "stopDate": row.stopped,
        "redriveCount": row.redrives,
        "redriveDate": row.redriven,
    }


def _drop_absent(details: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if value is not None}


def _without_data(event: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {k: v for k, v in value.items() if k not in DATA} if isinstance(value, dict) else value
        for key, value in event.items()
    }


def create_app(service: str) -> Any:
    """Build moto's application for one service; Step Functions gets the responses above."""
    app = create_backend_app(service)
    if service == "stepfunctions":
        ours: Callable[..., Any] = convert_to_flask_response(Response.dispatch)
        for name in app.view_functions:
            if name.endswith("dispatch"):
                app.view_functions[name] = ours
    return app
