"""Step Functions on this machine: moto's ASL interpreter and what it lacks.

moto 5.2.5 (pinned) does not check names, has a race in its idempotency and does not page histories. Abandoned
branches go on writing events after the end, and StopExecution in a Map ends FAILED. StartSyncExecution and
RedriveExecution are missing. Nothing survives the process, every execution stays in memory, and each task
call makes a boto3 client. The overrides here, in attempts.py, events.py and responses.py close these gaps;
tests/rem/states has a test per seam.
"""

from __future__ import annotations

import copy
import json
import logging
import re
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.exceptions import AWSError
from moto.stepfunctions.exceptions import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    InvalidExecutionInput,
    InvalidName,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from rem.executions.statuses import RUNNING
from rem.states.attempts import LocalExecution, LocalSyncExecution, invoke_function
from rem.states.context import EngineContext
from rem.states.journal import ExecutionRow

NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
LARGEST_INPUT_BYTES = 262_144  # AWS's 256 KiB


_context: EngineContext | None = None
_stock_integration = lambda_eval_utils.execute_lambda_function_integration


class ExecutionNotRedrivable(AWSError):  # type: ignore[misc]  # noqa: N818  # AWS's name
    TYPE = "ExecutionNotRedrivable"
    STATUS = 400


class Backend(StepFunctionsParserBackend):  # type: ignore[misc]
    """State machines and their executions, of which only those that run are in memory."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.running: dict[str, LocalExecution] = {}
        self.starting = threading.Lock()

    @property
    def context(self) -> EngineContext:
        assert _context is not None, "an execution outside of a LocalAws"
        return _context

    def read(self, arn: str) -> ExecutionRow:
        row = self.context.journal.read(arn)
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
        """Check name and input, then start; the look for a namesake and the start are one step."""
        machine = self.describe_state_machine(state_machine_arn)
        name, text = name or str(uuid.uuid4()), execution_input or "{}"
        _check(name, text)
        arn = machine.arn.replace(":stateMachine:", ":execution:") + f":{name}"
        started, definition = datetime.now(UTC), machine.definition
        row = ExecutionRow(
            arn, machine.arn, name, definition, text, started, RUNNING, None, None, None, None, 0, None
        )
        with self.starting:
            if not self.context.journal.add(row):
                return self._find_namesake(arn, text)
            execution = self._build_execution(machine, row)
            self.running[arn] = execution
            execution.start()
        self.context.on_status(row)
        return execution

    def _find_namesake(self, arn: str, text: str) -> LocalExecution:
        """Return the running execution that was started with this input; refuse any other namesake."""
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
            self.context.journal.reopen(arn, now)
            self._continue(self.read(arn), redrive=row.redrives + 1)
        self.context.on_status(self.read(arn))
        return now

    def resume(self) -> int:
        """Go on with every execution that ran when the process before this one ended; return how many."""
        rows = [row for row in self.context.journal.read_running() if row.arn not in self.running]
        for row in rows:
            with self.starting:
                self._continue(row, redrive=0)
        return len(rows)

    def _continue(self, row: ExecutionRow, redrive: int) -> None:
        execution = self._build_execution(self.describe_state_machine(row.machine), row)
        self.running[row.arn] = execution
        execution.continue_earlier(redrive)

    def start_sync_execution(self, state_machine_arn: str, name: str | None, text: str | None) -> Any:
        """Run an execution to its end; it is in no list, as an Express execution on AWS."""
        machine = self.describe_state_machine(state_machine_arn)
        name, text = name or str(uuid.uuid4()), text or "{}"
        _check(name, text)
        arn = f"{machine.arn.replace(':stateMachine:', ':express:')}:{name}:{uuid.uuid4()}"
        details = self._describe(machine, machine.definition, arn, name, text, datetime.now(UTC))
        execution = LocalSyncExecution(self.context, **details)
        execution.start()
        return execution

    def _build_execution(self, machine: Any, row: ExecutionRow) -> LocalExecution:
        details = self._describe(machine, row.definition, row.arn, row.name, row.input, row.started)
        return LocalExecution(self.context, self._forget, **details)

    def _forget(self, execution: LocalExecution) -> None:
        if self.running.get(execution.exec_arn) is execution:
            del self.running[execution.exec_arn]

    def _describe(
        self, machine: Any, definition: str, arn: str, name: str, text: str, started: datetime
    ) -> dict[str, Any]:
        """Build moto's arguments for an execution, which keeps the definition that it started with."""
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


def install(context: EngineContext) -> None:
    """Let the engine use this journal and pool, and forget every execution of an earlier LocalAws."""
    global _context  # noqa: PLW0603  # the engine's tasks know no instance
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    logging.getLogger("moto").setLevel(logging.CRITICAL)  # the engine logs whole states, and harmless aborts
    lambda_eval_utils.execute_lambda_function_integration = invoke_function
    BACKENDS.reset()
    _context = context


def uninstall(context: EngineContext) -> None:
    """End what still runs: a waiting execution would wake up in the middle of the next LocalAws.

    Its journal is closed by then: executions that run stay RUNNING there, and go on at the next start.
    """
    global _context  # noqa: PLW0603
    if _context is not context:  # a later LocalAws has taken over
        return
    for execution in find_running():
        execution.abort("LocalAws.Closed", "The local AWS was shut down.")
    _context = None
    lambda_eval_utils.execute_lambda_function_integration = _stock_integration


def find_running() -> list[LocalExecution]:
    """Find the executions that run now."""
    backends = [backend for account in BACKENDS.values() for backend in account.values()]
    return [execution for backend in backends for execution in list(backend.running.values())]


def resume() -> int:
    """Go on with the executions that an earlier process left running; return how many."""
    return sum(backend.resume() for account in BACKENDS.values() for backend in account.values())
