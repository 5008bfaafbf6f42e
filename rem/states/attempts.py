"""One attempt to run an execution on moto's engine: from its start, or on from where an earlier one ended."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import (
    BaseExecutionWorkerCommunication,
    Execution,
    SyncExecution,
)
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker, SyncExecutionWorker

from rem.lambdas.pool import REFUSALS, SandboxPool
from rem.states.context import EngineContext
from rem.states.events import HistoryEvents

LOOK_S = 0.005  # between two looks whether an execution's thread has begun


def invoke_function(env: Any, parameters: dict[str, Any], region: str, state_credentials: Any) -> None:
    """Call the pool for a lambda:invoke task, without HTTP and boto3: the one patched function of the engine.

    A task that an earlier attempt finished gives the output that the history has.

    Raises:
        ClientError: unknown function or throttled; the engine names it Lambda.<code>, as on AWS.
    """
    events: HistoryEvents = env.event_manager
    output = events.earlier.find_output(env.event_history_context.source_event_id)
    if output is None:
        name = parameters["FunctionName"].rsplit(":function:", 1)[-1].split(":")[0]
        body = _invoke(events.pool, name, parameters.get("Payload") or b"{}")
        output = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": json.loads(body)}
    env.stack.append(output)


def _invoke(pool: SandboxPool, name: str, payload: bytes) -> str:
    answer = pool.invoke(name, payload)
    if answer.status in REFUSALS:
        metadata = {"HTTPStatusCode": answer.status, "RequestId": str(uuid.uuid4())}
        refusal: Any = {
            "Error": {"Code": REFUSALS[answer.status], "Message": answer.payload.decode()},
            "ResponseMetadata": metadata,
        }
        raise ClientError(refusal, "Invoke")
    if answer.function_error:
        raise lambda_eval_utils.LambdaFunctionErrorException(answer.function_error, answer.payload.decode())
    return answer.payload.decode()


class _HistoryMixin:
    """The history that the asynchronous and the synchronous worker share."""

    _evaluation_details: Any
    context: EngineContext
    is_kept = True

    def _get_evaluation_environment(self) -> Any:
        env = super()._get_evaluation_environment()  # type: ignore[misc]  # moto's worker comes next
        arn = self._evaluation_details.execution_details.arn
        journal = self.context.journal if self.is_kept else None
        env.event_manager = HistoryEvents(arn, journal, self.context.pool)
        return env


class Worker(_HistoryMixin, ExecutionWorker):  # type: ignore[misc]
    """A worker that starts an execution, or goes on from the state that earlier attempts did not leave."""

    def __init__(self, context: EngineContext, *details: Any) -> None:
        super().__init__(*details)
        self.context = context
        self.earlier: Sequence[dict[str, Any]] = ()
        self.redrive = 0  # the number of the redrive, 0 for a restart
        self.ended = threading.Event()

    def start(self) -> None:
        """Start the thread, but keep it out of moto's list of all threads there ever were."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._execution_logic()
        finally:
            self.ended.set()

    def _execution_logic(self) -> None:
        entered = self._find_unfinished()
        if entered is None:
            super()._execution_logic()
            return
        details = entered["stateEnteredEventDetails"]
        program = self._get_evaluation_entrypoint()
        program.start_at.start_at_name = details["name"]
        env = self._get_evaluation_environment()
        env.event_manager.continue_from(self.earlier)
        env.states.reset(input_value=json.loads(details["input"]))
        if self.redrive:
            env.event_manager.add_event(
                EventHistoryContext(self.earlier[-1]["id"]),
                HistoryEventType.ExecutionRedriven,
                {"executionRedrivenEventDetails": {"redriveCount": self.redrive}},
            )
        env.event_history_context.source_event_id = entered["previousEventId"]
        self.env = env
        program.eval(env)
        self._execution_communication.terminated()

    def _find_unfinished(self) -> dict[str, Any] | None:
        """Find the last entry into a state of the top level, where a redrive on AWS goes on too."""
        top = json.loads(self._evaluation_details.state_machine_details.definition)["States"]
        entries = (event for event in reversed(self.earlier) if event["type"].endswith("StateEntered"))
        return next((event for event in entries if event["stateEnteredEventDetails"]["name"] in top), None)


class SyncWorker(_HistoryMixin, SyncExecutionWorker):  # type: ignore[misc]
    is_kept = False


class Communication(BaseExecutionWorkerCommunication):  # type: ignore[misc]
    execution: Any

    def terminated(self) -> None:
        """End the execution, unless it was aborted: it stays ABORTED when its last Lambda comes back."""
        with self.execution.ending:
            if self.execution.exec_status != ExecutionStatus.RUNNING:
                return
            super().terminated()
        self.execution.report_end()


class LocalSyncExecution(SyncExecution):  # type: ignore[misc]
    """An Express execution: nothing of it is kept."""

    def __init__(self, context: EngineContext, **details: Any) -> None:
        super().__init__(**details)
        self._context = context

    def _get_start_execution_worker(self) -> SyncWorker:
        worker: SyncWorker = super()._get_start_execution_worker()
        worker.__class__ = SyncWorker
        worker.context = self._context
        return worker


class LocalExecution(Execution):  # type: ignore[misc]
    """One attempt to run an execution: a redrive is another object with the same ARN."""

    exec_status: Any
    stop_date: datetime | None

    def __init__(
        self, context: EngineContext, on_end: Callable[[LocalExecution], None], **details: Any
    ) -> None:
        super().__init__(**details)
        self.ending = threading.Lock()
        self._context, self._on_end = context, on_end

    def _get_start_execution_worker_comm(self) -> Communication:
        return Communication(self)

    def _get_start_execution_worker(self) -> Worker:
        stock = super()._get_start_execution_worker()
        return Worker(
            self._context,
            stock._evaluation_details,
            stock._execution_communication,
            None,
            stock._activity_store,
        )

    def continue_earlier(self, redrive: int) -> None:
        """Start where the earlier attempts ended.

        Args:
            redrive: The number of the redrive, 0 after a restart.
        """
        self.exec_worker = self._get_start_execution_worker()
        self.exec_worker.earlier = self._context.journal.read_events(self.exec_arn)
        self.exec_worker.redrive = redrive
        self.exec_status = ExecutionStatus.RUNNING
        self.exec_worker.start()

    def report_end(self) -> None:
        """Write the end into the journal, then notify the listener."""
        assert self.stop_date is not None
        output = (
            None
            if self.exec_status != ExecutionStatus.SUCCEEDED
            else to_json_str(self.output, separators=(",", ":"))
        )
        journal = self._context.journal
        journal.end(self.exec_arn, self.status, self.stop_date, output, self.error, self.cause)
        self._on_end(self)
        if row := journal.read(self.exec_arn):
            self._context.on_status(row)

    def abort(self, error: str | None, cause: str | None) -> None:
        """End now as ABORTED; the Lambdas that run go on by themselves, as on AWS."""
        with self.ending:
            if self.exec_status != ExecutionStatus.RUNNING:
                return
            self.exec_status, self.stop_date = ExecutionStatus.ABORTED, datetime.now(UTC)
            self.error, self.cause = error, cause
        env = self._wait_for_environment()
        if env is not None:
            details = {name: text for name, text in (("error", error), ("cause", cause)) if text}
            env.event_manager.add_event(
                EventHistoryContext(0),
                HistoryEventType.ExecutionAborted,
                {"executionAbortedEventDetails": details},
            )
            env.set_stop(stop_date=self.stop_date, cause=cause, error=error)
        self.report_end()

    def _wait_for_environment(self) -> Any:
        """Wait until the execution's thread has begun; return None where its definition did not parse."""
        while self.exec_worker.env is None and not self.exec_worker.ended.is_set():
            time.sleep(LOOK_S)
        return self.exec_worker.env
