"""The executions of one state machine, through Step Functions' own API: the same on AWS and on the laptop."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from heapq import merge
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rem.adapters.clients import raise_if_busy, sfn_client
from rem.core.errors import InputError
from rem.executions.execution import Execution
from rem.executions.history import Failure, HistoryEvent, StateVisit, find_failure, read_visits
from rem.executions.statuses import UNSUCCESSFUL

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

PAGE = 1000  # events; Step Functions' most
NEWEST_PAGE = 100  # a reader from the end stops at the failure, which is near


class Executions:
    """rem.ports.Executions on one state machine, and what a person does with executions."""

    def __init__(self, machine_arn: str, client: SFNClient | None = None) -> None:
        self._machine_arn = machine_arn
        self._client = client or sfn_client()

    def start(self, name: str, event: Mapping[str, Any]) -> bool:
        """Start an execution under its own name; False where it exists already, which is success."""
        text = json.dumps(event, sort_keys=True)
        try:
            self._client.start_execution(stateMachineArn=self._machine_arn, name=name, input=text)
        except self._client.exceptions.ExecutionAlreadyExists:
            return False
        except ClientError as error:
            raise_if_busy(error, f"starting {name}")
            raise
        return True

    def find(self, name: str) -> Execution | None:
        """Ask for the execution of this name or ARN; None where there is none."""
        prefix = self._machine_arn.replace(":stateMachine:", ":execution:")
        arn = name if ":" in name else f"{prefix}:{name}"
        try:
            return Execution.from_answer(self._client.describe_execution(executionArn=arn))
        except (self._client.exceptions.ExecutionDoesNotExist, self._client.exceptions.InvalidArn):
            return None
        except ClientError as error:
            raise_if_busy(error, f"describing {name}")
            raise

    def list_newest(self, limit: int, *, only_failed: bool = False) -> list[Execution]:
        """List executions, the newest first; with `only_failed`, those that ended without success."""
        if not only_failed:
            return list(itertools.islice(self._list(), limit))
        by_status = [self._list(statusFilter=status) for status in UNSUCCESSFUL]
        newest = merge(*by_status, key=lambda execution: execution.started_at, reverse=True)
        return list(itertools.islice(newest, limit))

    def _list(self, **options: Any) -> Iterator[Execution]:
        pages = self._client.get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=self._machine_arn, **options):
            yield from map(Execution.from_answer, page["executions"])

    def read_history(
        self, arn: str, *, newest_first: bool = False, with_data: bool = False
    ) -> Iterator[HistoryEvent]:
        """Read the events of an execution page by page, as far as the caller goes."""
        pages = self._client.get_paginator("get_execution_history").paginate(
            executionArn=arn,
            reverseOrder=newest_first,
            includeExecutionData=with_data,
            PaginationConfig={"PageSize": NEWEST_PAGE if newest_first else PAGE},
        )
        for page in pages:
            yield from (dict(event) for event in page["events"])

    def read_visits(self, arn: str) -> list[StateVisit]:
        """Read every visit of a state, with its attempts and what went in and out."""
        return read_visits(self.read_history(arn, with_data=True))

    def explain(self, execution: Execution) -> Failure | None:
        """Find out why an execution ended without success; None where it did not."""
        if not execution.is_unsuccessful:
            return None
        return find_failure(execution.status, self.read_history(execution.arn, newest_first=True))

    def redrive(self, execution: Execution) -> None:
        """Continue an execution in the state in which it failed.

        Raises:
            InputError: Step Functions does not redrive it; the message says why.
        """
        try:
            self._client.redrive_execution(executionArn=execution.arn)
        except (
            self._client.exceptions.ExecutionNotRedrivable,
            self._client.exceptions.ExecutionLimitExceeded,
        ) as error:
            reason = execution.redrive_reason or error.response["Error"]["Message"]
            raise InputError(f"{execution.name} cannot be redriven: {reason}") from error

    def stop(self, execution: Execution, cause: str) -> None:
        """Stop an execution; its status becomes ABORTED, with the cause."""
        self._client.stop_execution(executionArn=execution.arn, error="Stopped", cause=cause)
