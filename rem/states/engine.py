"""Step Functions on the laptop: moto's ASL interpreter and what it lacks. All contact with it is here.

moto 5.2.5 (pinned) as it is: names are not checked, idempotency has a race, histories are not paged,
abandoned branches go on writing events after the end, StopExecution in a Map ends FAILED, StartSyncExecution
and RedriveExecution are missing, nothing survives the process, every execution stays in memory, a task call
makes a boto3 client. Each override below says which of these it mends; tests/rem/states holds each seam.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import re
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import create_backend_app
from moto.stepfunctions.exceptions import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    InvalidExecutionInput,
    InvalidName,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from rem.states.attempts import LocalExecution, LocalSyncExecution, Wiring, invoke_function
from rem.states.journal import RUNNING, ExecutionRow

NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
LARGEST_INPUT_BYTES = 262_144  # AWS's 256 KiB
PAGE = 100  # events per page where maxResults is not given; AWS allows 1,000
LARGEST_PAGE = 1000
EXPRESS_STEP_MB, EXPRESS_STEP_MS = 64, 100  # what Express rounds up to when it bills
DATA = ("input", "inputDetails", "output", "outputDetails", "parameters")


_wiring: Wiring | None = None
_stock_integration = lambda_eval_utils.execute_lambda_function_integration


class ExecutionNotRedrivable(AWSError):  # type: ignore[misc]  # noqa: N818  # AWS's name
    TYPE = "ExecutionNotRedrivable"
    STATUS = 400


class Backend(StepFunctionsParserBackend):  # type: ignore[misc]
    """Executions are in the store; in memory are only those that run."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.running: dict[str, LocalExecution] = {}
        self.starting = threading.Lock()

    @property
    def wiring(self) -> Wiring:
        assert _wiring is not None, "an execution outside of a LocalAws"
        return _wiring

    def read(self, arn: str) -> ExecutionRow:
        row = self.wiring.store.read(arn)
        if row is None:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return row

    def start_execution(
        self,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: Any = None,
    ) -> Any:
        """Checked name and input; the look for a namesake and the start are one step."""
        machine = self.describe_state_machine(state_machine_arn)
        name, text = name or str(uuid.uuid4()), execution_input or "{}"
        _check(name, text)
        arn = machine.arn.replace(":stateMachine:", ":execution:") + f":{name}"
        started, definition = datetime.now(UTC), machine.definition
        row = ExecutionRow(
            arn, machine.arn, name, definition, text, started, RUNNING, None, None, None, None, 0, None
        )
        with self.starting:
            if not self.wiring.store.add(row):
                return self._find_namesake(arn, text)
            execution = self._build_execution(machine, row)
            self.running[arn] = execution
            execution.start()
        self.wiring.on_status(row)
        return execution

    def _find_namesake(self, arn: str, text: str) -> LocalExecution:
        """The same start again while it runs is the same execution; anything else is refused."""
        running = self.running.get(arn)
        if running is None or running.execution_input != text:
            raise ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
        return running

    def redrive_execution(self, arn: str) -> datetime:
        """Go on from the state that was entered and not left; what succeeded inside is not repeated."""
        now = datetime.now(UTC)
        with self.starting:
            row = self.read(arn)
            if reason := row.explain_not_redrivable(now):
                raise ExecutionNotRedrivable(reason)
            self.wiring.store.reopen(arn, now)
            self._go_on(self.read(arn), redrive=row.redrives + 1)
        self.wiring.on_status(self.read(arn))
        return now

    def resume(self) -> int:
        """Go on with every execution that ran when the process before this one ended; how many."""
        rows = [row for row in self.wiring.store.read_running() if row.arn not in self.running]
        for row in rows:
            with self.starting:
                self._go_on(row, redrive=0)
        return len(rows)

    def _go_on(self, row: ExecutionRow, redrive: int) -> None:
        execution = self._build_execution(self.describe_state_machine(row.machine), row)
        self.running[row.arn] = execution
        execution.go_on(redrive)

    def start_sync_execution(self, state_machine_arn: str, name: str | None, text: str | None) -> Any:
        """Runs to its end before it answers, and is in no list, as an Express execution on AWS."""
        machine = self.describe_state_machine(state_machine_arn)
        name, text = name or str(uuid.uuid4()), text or "{}"
        _check(name, text)
        arn = f"{machine.arn.replace(':stateMachine:', ':express:')}:{name}:{uuid.uuid4()}"
        details = self._describe(machine, machine.definition, arn, name, text, datetime.now(UTC))
        execution = LocalSyncExecution(self.wiring, **details)
        execution.start()
        return execution

    def _build_execution(self, machine: Any, row: ExecutionRow) -> LocalExecution:
        details = self._describe(machine, row.definition, row.arn, row.name, row.input, row.started)
        return LocalExecution(self.wiring, self._forget, **details)

    def _forget(self, execution: LocalExecution) -> None:
        if self.running.get(execution.exec_arn) is execution:
            del self.running[execution.exec_arn]

    def _describe(
        self, machine: Any, definition: str, arn: str, name: str, text: str, started: datetime
    ) -> dict[str, Any]:
        """What moto wants to know of an execution, which keeps the definition it started with."""
        snapshot = copy.copy(machine)
        snapshot.definition = definition
        return {
            "name": name,
            "sm_type": snapshot.sm_type,
            "role_arn": snapshot.roleArn,
            "exec_arn": arn,
            "account_id": self.account_id,
            "region_name": self.region_name,
            "state_machine": snapshot,
            "start_date": started,
            "cloud_watch_logging_session": None,
            "input_data": text,
            "trace_header": None,
            "activity_store": {},
        }


def _check(name: str, text: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidName(f"Invalid Name: '{name}'")
    if len(text.encode()) > LARGEST_INPUT_BYTES:
        raise InvalidExecutionInput(f"The input is larger than {LARGEST_INPUT_BYTES} bytes")
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from error


BACKENDS = BackendDict(Backend, "stepfunctions")


class Response(StepFunctionResponse):  # type: ignore[misc]
    """Executions are described from the store, whether they run or ended."""

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
            "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
            "redriveStatusReason": reason,
        }
        return ActionResult(_drop_absent(details))

    def list_executions(self) -> Any:
        backend, machine = self.stepfunction_backend, self._get_param("stateMachineArn")
        backend.describe_state_machine(machine)  # raises where there is none
        size, first = self._read_page()
        rows = backend.wiring.store.read_newest(machine, self._get_param("statusFilter"), first, size + 1)
        return _page("executions", [_drop_absent(_list_item(row)) for row in rows], first, size)

    def stop_execution(self) -> Any:
        row = self.stepfunction_backend.read(self._get_param("executionArn"))
        if execution := self.stepfunction_backend.running.get(row.arn):
            execution.abort(self._get_param("error"), self._get_param("cause"))
        stopped = self.stepfunction_backend.read(row.arn).stopped
        return ActionResult({"stopDate": stopped or datetime.now(UTC)})

    def redrive_execution(self) -> Any:
        redriven = self.stepfunction_backend.redrive_execution(self._get_param("executionArn"))
        return ActionResult({"redriveDate": redriven})

    def describe_state_machine_for_execution(self) -> Any:
        """The definition that the execution started with."""
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
        store = self.stepfunction_backend.wiring.store
        events = store.read_events(row.arn, first, size + 1, newest=newest)
        if self._get_param("includeExecutionData") is False:
            events = [_without_data(event) for event in events]
        return _page("events", events, first, size)

    def _read_page(self) -> tuple[int, int]:
        """maxResults and nextToken, which is an offset."""
        size = min(int(self._get_param("maxResults") or PAGE), LARGEST_PAGE)
        return size, int(self._get_param("nextToken") or 0)


def _page(name: str, found: list[Any], first: int, size: int) -> Any:
    """Args: found holds one more than a page where there is a next one."""
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
    """moto's application for one service, with our Step Functions in place of its own."""
    app = create_backend_app(service)
    if service == "stepfunctions":
        ours: Callable[..., Any] = convert_to_flask_response(Response.dispatch)
        for name in app.view_functions:
            if name.endswith("dispatch"):
                app.view_functions[name] = ours
    return app


def install(wiring: Wiring) -> None:
    """Let the engine use this store and runtime, and forget every execution of an earlier one."""
    global _wiring  # noqa: PLW0603  # the engine's tasks know no instance
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    logging.getLogger("moto").setLevel(logging.CRITICAL)  # the engine logs whole states, and harmless aborts
    lambda_eval_utils.execute_lambda_function_integration = invoke_function
    BACKENDS.reset()
    _wiring = wiring


def uninstall(wiring: Wiring) -> None:
    """End what still runs: a waiting execution would wake up in the middle of the next LocalAws.

    The store is closed by then: executions that run stay RUNNING in it, and go on at the next start.
    """
    global _wiring  # noqa: PLW0603
    if _wiring is not wiring:  # a later LocalAws has taken over
        return
    for execution in find_running():
        execution.abort("LocalAws.Closed", "The local AWS was shut down.")
    _wiring = None
    lambda_eval_utils.execute_lambda_function_integration = _stock_integration


def find_running() -> list[LocalExecution]:
    backends = [backend for account in BACKENDS.values() for backend in account.values()]
    return [execution for backend in backends for execution in list(backend.running.values())]


def resume() -> int:
    """Go on with what an earlier process left running; how many executions."""
    return sum(backend.resume() for account in BACKENDS.values() for backend in account.values())
