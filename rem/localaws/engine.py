"""Step Functions on the laptop: moto's ASL interpreter and what it lacks. All contact with it is here.

moto 5.2.5 (pinned) as it is: names are not checked, idempotency has a race, histories are not paged,
abandoned branches go on writing events after the end, StopExecution in a Map ends FAILED, an execution is
SUCCEEDED for a moment before it has its output, StartSyncExecution is missing, a task call makes a boto3
client. Each override below says which of these it mends; tests/rem/localaws holds each seam.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import re
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import create_backend_app
from moto.stepfunctions.exceptions import InvalidExecutionInput, InvalidName
from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext, EventManager
from moto.stepfunctions.parser.backend.execution import (
    BaseExecutionWorkerCommunication,
    Execution,
    SyncExecution,
)
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker, SyncExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.parser.utils import TMP_THREADS
from moto.stepfunctions.responses import StepFunctionResponse

from rem.localaws.runtime import REFUSALS, LambdaRuntime

NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
LARGEST_INPUT_BYTES = 262_144  # AWS's 256 KiB
PAGE = 100  # events per page where maxResults is not given; AWS allows 1,000
LARGEST_PAGE = 1000
EXPRESS_STEP_MB, EXPRESS_STEP_MS = 64, 100  # what Express rounds up to when it bills
ENDS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
TERMINAL = (
    ExecutionStatus.SUCCEEDED,
    ExecutionStatus.FAILED,
    ExecutionStatus.ABORTED,
    ExecutionStatus.TIMED_OUT,
)
DATA = ("input", "inputDetails", "output", "outputDetails", "parameters")

ABORT_WAIT_S = 10.0  # a worker that has no environment by then failed to parse its definition

_runtime: LambdaRuntime | None = None
_stock_integration = lambda_eval_utils.execute_lambda_function_integration


def invoke_function(env: Any, parameters: dict[str, Any], region: str, state_credentials: Any) -> None:
    """The one patched function: a lambda:invoke task calls the runtime directly, without HTTP and boto3.

    Raises:
        ClientError: unknown function or throttled; the engine names it Lambda.<code>, as on AWS.
    """
    runtime: LambdaRuntime = env.event_manager.runtime
    name = parameters["FunctionName"].rsplit(":function:", 1)[-1].split(":")[0]
    answer = runtime.invoke(name, parameters.get("Payload") or b"{}")
    if answer.status in REFUSALS:
        metadata = {"HTTPStatusCode": answer.status, "RequestId": str(uuid.uuid4())}
        refusal: Any = {
            "Error": {"Code": REFUSALS[answer.status], "Message": answer.payload.decode()},
            "ResponseMetadata": metadata,
        }
        raise ClientError(refusal, "Invoke")
    if answer.function_error:
        raise lambda_eval_utils.LambdaFunctionErrorException(answer.function_error, answer.payload.decode())
    payload = json.loads(answer.payload)
    env.stack.append({"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": payload})


class Events(EventManager):  # type: ignore[misc]
    """A history that ends with its terminal event: what abandoned branches say later is dropped, as on AWS.

    All frames of an execution share it, so it also carries the runtime that the execution started with: one
    that outlives its LocalAws must not call the functions of the next.
    """

    def __init__(self, runtime: LambdaRuntime) -> None:
        super().__init__()
        self.runtime = runtime
        self._ending, self._ended = threading.Lock(), False

    def add_event(self, context: Any, event_type: Any, *args: Any, **kwargs: Any) -> int:
        with self._ending:
            if self._ended:
                return int(context.source_event_id)
            self._ended = getattr(event_type, "value", event_type) in ENDS
            return int(super().add_event(context, event_type, *args, **kwargs))


class _WithEvents:
    """What the asynchronous and the synchronous worker share."""

    def _get_evaluation_environment(self) -> Any:
        env = super()._get_evaluation_environment()  # type: ignore[misc]  # moto's worker comes next
        assert _runtime is not None, "an execution started outside of a LocalAws"
        env.event_manager = Events(_runtime)
        return env


class Worker(_WithEvents, ExecutionWorker):  # type: ignore[misc]
    pass


class SyncWorker(_WithEvents, SyncExecutionWorker):  # type: ignore[misc]
    pass


class Communication(BaseExecutionWorkerCommunication):  # type: ignore[misc]
    execution: Any

    def terminated(self) -> None:
        """An aborted execution stays ABORTED when its last Lambda comes back."""
        with self.execution.ending:
            if self.execution.exec_status != ExecutionStatus.ABORTED:
                super().terminated()


class LocalSyncExecution(SyncExecution):  # type: ignore[misc]
    def _get_start_execution_worker(self) -> SyncWorker:
        worker: SyncWorker = super()._get_start_execution_worker()
        worker.__class__ = SyncWorker
        return worker


class LocalExecution(Execution):  # type: ignore[misc]
    """Status, stopDate and output change together, under `ending`."""

    exec_status: Any
    stop_date: datetime | None

    def __init__(self, **details: Any) -> None:
        super().__init__(**details)
        self.ending = threading.Lock()

    def _get_start_execution_worker_comm(self) -> Communication:
        return Communication(self)

    def _get_start_execution_worker(self) -> Worker:
        worker: Worker = super()._get_start_execution_worker()
        worker.__class__ = Worker
        return worker

    def abort(self, error: str | None, cause: str | None) -> None:
        """End now as ABORTED; the Lambdas that run go on by themselves, as on AWS."""
        with self.ending:
            if self.exec_status != ExecutionStatus.RUNNING:
                return
            self.exec_status, self.stop_date = ExecutionStatus.ABORTED, datetime.now(UTC)
            self.error, self.cause = error, cause
        deadline_s = time.monotonic() + ABORT_WAIT_S
        while (env := self.exec_worker.env) is None:  # started a moment ago, its thread has not run yet
            if time.monotonic() > deadline_s:
                return
            time.sleep(0.005)
        details = {name: text for name, text in (("error", error), ("cause", cause)) if text}
        env.event_manager.add_event(
            EventHistoryContext(0),
            HistoryEventType.ExecutionAborted,
            {"executionAbortedEventDetails": details},
        )
        env.set_stop(stop_date=self.stop_date, cause=cause, error=error)


class Backend(StepFunctionsParserBackend):  # type: ignore[misc]
    starting = threading.Lock()

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
        with self.starting:
            running = machine._handle_name_input_idempotency(name, text)
            if running is not None:
                return running
            arn = machine.arn.replace(":stateMachine:", ":execution:") + f":{name}"
            execution = self._build_execution(LocalExecution, machine, arn, name, text)
            machine.executions.append(execution)
            execution.start()
        return execution

    def start_sync_execution(self, state_machine_arn: str, name: str | None, text: str | None) -> Any:
        """Runs to its end before it answers, and is in no list, as an Express execution on AWS."""
        machine = self.describe_state_machine(state_machine_arn)
        name, text = name or str(uuid.uuid4()), text or "{}"
        _check(name, text)
        arn = f"{machine.arn.replace(':stateMachine:', ':express:')}:{name}:{uuid.uuid4()}"
        execution = self._build_execution(LocalSyncExecution, machine, arn, name, text)
        execution.start()
        return execution

    def _build_execution(self, kind: type[Any], machine: Any, arn: str, name: str, text: str) -> Any:
        shared = {id(machine.executions): [], id(machine.backend): machine.backend}
        snapshot = copy.deepcopy(machine, shared)  # an execution keeps the definition it started with
        return kind(
            name=name,
            sm_type=snapshot.sm_type,
            role_arn=snapshot.roleArn,
            exec_arn=arn,
            account_id=self.account_id,
            region_name=self.region_name,
            state_machine=snapshot,
            start_date=datetime.now(UTC),
            cloud_watch_logging_session=None,
            input_data=text,
            trace_header=None,
            activity_store={},
        )


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
    @property
    def stepfunction_backend(self) -> Any:
        return BACKENDS[self.current_account][self.region]

    def describe_execution(self) -> Any:
        """TIMED_OUT has a stopDate as well; SUCCEEDED never lacks its output."""
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        with execution.ending:
            result = super().describe_execution()
        if execution.exec_status in TERMINAL and execution.stop_date:
            result._result["stopDate"] = execution.stop_date
        return result

    def stop_execution(self) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        execution.abort(self._get_param("error"), self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date or datetime.now(UTC)})

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
        """maxResults, nextToken (an offset), reverseOrder and includeExecutionData."""
        events = self.stepfunction_backend.get_execution_history(self._get_param("executionArn"))["events"]
        if self._get_param("includeExecutionData") is False:
            events = [_without_data(event) for event in events]
        if self._get_param("reverseOrder"):
            events = events[::-1]
        size = min(int(self._get_param("maxResults") or PAGE), LARGEST_PAGE)
        first = int(self._get_param("nextToken") or 0)
        page = {"events": events[first : first + size]}
        if first + size < len(events):
            page["nextToken"] = str(first + size)
        return ActionResult(page)


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


def install(runtime: LambdaRuntime) -> None:
    """Let the engine's tasks call this runtime, and forget every execution of an earlier one."""
    global _runtime  # noqa: PLW0603  # the engine's tasks know no instance
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    logging.getLogger("moto").setLevel(logging.CRITICAL)  # the engine logs whole states, and harmless aborts
    lambda_eval_utils.execute_lambda_function_integration = invoke_function
    BACKENDS.reset()
    _runtime = runtime


def uninstall(runtime: LambdaRuntime) -> None:
    """End what still runs: a waiting execution would wake up in the middle of the next LocalAws."""
    global _runtime  # noqa: PLW0603
    if _runtime is not runtime:  # a later LocalAws has taken over
        return
    for execution in _find_running():
        execution.abort("LocalAws.Closed", "The local AWS was shut down.")
    _runtime = None
    lambda_eval_utils.execute_lambda_function_integration = _stock_integration
    TMP_THREADS.clear()  # moto keeps every thread it ever started


def _find_running() -> list[LocalExecution]:
    backends = [backend for account in BACKENDS.values() for backend in account.values()]
    machines = [machine for backend in backends for machine in backend.state_machines]
    executions = [execution for machine in machines for execution in machine.executions]
    return [execution for execution in executions if execution.exec_status == ExecutionStatus.RUNNING]
