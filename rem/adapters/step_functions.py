"""Reads, redrives and stops executions through Step Functions' own API, on AWS and on the laptop."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rem.adapters.clients import raise_if_busy, sfn_client
from rem.core.errors import InputError
from rem.executions.changes import REDRIVABLE, RUNNING, UNSUCCESSFUL
from rem.executions.history import Failure, HistoryEvent, StateVisit, find_failure, read_visits

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from rem.ports import Json

PAGE = 1000
HISTORY_PAGE = 200


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution as Step Functions describes it.

    Attributes:
        input: JSON text; empty where it came from a list, which tells no input.
    """

    arn: str
    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None
    redrive_count: int
    is_redrivable: bool
    redrive_reason: str = ""
    input: str = ""

    @classmethod
    def from_answer(cls, answer: Any) -> Execution:
        """Read an element of ListExecutions or the answer of DescribeExecution."""
        status = answer["status"]
        return cls(
            arn=answer["executionArn"],
            name=answer["name"],
            status=status,
            started_at=answer["startDate"],
            stopped_at=answer.get("stopDate"),
            redrive_count=answer.get("redriveCount", 0),
            is_redrivable=status in UNSUCCESSFUL and answer.get("redriveStatus", REDRIVABLE) == REDRIVABLE,
            redrive_reason=answer.get("redriveStatusReason") or "",
            input=answer.get("input", ""),
        )

    @property
    def is_running(self) -> bool:
        return self.status in (RUNNING, "PENDING_REDRIVE")

    @property
    def is_unsuccessful(self) -> bool:
        return self.status in UNSUCCESSFUL

    @property
    def seconds(self) -> float:
        """From start to end, or until now; waiting between an end and a redrive included, as AWS counts."""
        return ((self.stopped_at or datetime.now(UTC)) - self.started_at).total_seconds()

    @property
    def recording_id(self) -> str:
        document = json.loads(self.input or "{}")
        return str(document.get("recordingId", "")) if isinstance(document, dict) else ""


class ExecutionReader:
    """The executions of one state machine.

    Args:
        sfn: A boto3 Step Functions client.
    """

    def __init__(self, sfn: Any, machine_arn: str) -> None:
        self._sfn, self._machine_arn = sfn, machine_arn

    def list_newest(self, limit: int, *, only_failed: bool = False) -> list[Execution]:
        """The newest first; with `only_failed`, those that ended without success."""
        if not only_failed:
            return list(itertools.islice(self._list(), limit))
        by_status = [self._list(statusFilter=status) for status in UNSUCCESSFUL]
        newest = merge(*by_status, key=lambda execution: execution.started_at, reverse=True)
        return list(itertools.islice(newest, limit))

    def _list(self, **options: str) -> Iterator[Execution]:
        pages = self._sfn.get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=self._machine_arn, **options):
            yield from map(Execution.from_answer, page["executions"])

    def find(self, name: str) -> Execution | None:
        """The execution of this name or ARN; None where there is none."""
        arn = name if ":" in name else f"{self._machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            return Execution.from_answer(self._sfn.describe_execution(executionArn=arn))
        except (self._sfn.exceptions.ExecutionDoesNotExist, self._sfn.exceptions.InvalidArn):
            return None

    def read_history(
        self, arn: str, *, newest_first: bool = False, with_data: bool = False
    ) -> Iterator[HistoryEvent]:
        """Read page by page, as far as the caller goes."""
        pages = self._sfn.get_paginator("get_execution_history").paginate(
            executionArn=arn,
            reverseOrder=newest_first,
            includeExecutionData=with_data,
            PaginationConfig={"PageSize": 100 if newest_first else PAGE},
        )
        for page in pages:
            yield from page["events"]

    def read_visits(self, arn: str) -> list[StateVisit]:
        return read_visits(self.read_history(arn, with_data=True))

    def explain(self, execution: Execution) -> Failure | None:
        """Why it ended without success; None where it did not."""
        if not execution.is_unsuccessful:
            return None
        return find_failure(execution.status, self.read_history(execution.arn, newest_first=True))

    def redrive(self, execution: Execution) -> None:
        """Let it go on where it broke.

        Raises:
            InputError: Step Functions does not redrive it; the message says why.
        """
        try:
            self._sfn.redrive_execution(executionArn=execution.arn)
        except (
            self._sfn.exceptions.ExecutionNotRedrivable,
            self._sfn.exceptions.ExecutionLimitExceeded,
        ) as error:
            reason = execution.redrive_reason or error.response["Error"]["Message"]
            raise InputError(f"{execution.name} cannot be redriven: {reason}") from error

    def stop(self, execution: Execution, reason: str) -> None:
        self._sfn.stop_execution(executionArn=execution.arn, error="Stopped", cause=reason)


def start_execution(
    machine_arn: str, name: str, event: Mapping[str, Any], client: SFNClient | None = None
) -> bool:
    """Start an execution under its deterministic name; False where it exists already, which is success."""
    sfn = client or sfn_client()
    try:
        sfn.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(event, sort_keys=True))
    except sfn.exceptions.ExecutionAlreadyExists:
        return False
    except ClientError as error:
        raise_if_busy(error, f"starting {name}")
        raise
    return True


class Executions:
    """rem.ports.Executions on one state machine."""

    def __init__(self, machine_arn: str, client: SFNClient | None = None) -> None:
        self._prefix = machine_arn.replace(":stateMachine:", ":execution:")
        self._client = client or sfn_client()

    def build_arn(self, name: str) -> str:
        return f"{self._prefix}:{name}"

    def describe(self, execution_arn: str) -> Json | None:
        try:
            return dict(self._client.describe_execution(executionArn=execution_arn))
        except self._client.exceptions.ExecutionDoesNotExist:
            return None
        except ClientError as error:
            raise_if_busy(error, f"describing {execution_arn}")
            raise

    def stop(self, execution_arn: str, cause: str) -> None:
        self._client.stop_execution(executionArn=execution_arn, cause=cause)

    def read_newest_events(self, execution_arn: str) -> Iterator[Json]:
        pages = self._client.get_paginator("get_execution_history").paginate(
            executionArn=execution_arn,
            reverseOrder=True,
            includeExecutionData=False,
            PaginationConfig={"PageSize": HISTORY_PAGE},
        )
        for page in pages:
            yield from (dict(event) for event in page["events"])
