"""Changes of a record by news about its execution, which may come late, twice or never."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rem.core.errors import InputError
from rem.core.recordings import Recording
from rem.core.records import FailureReport, Record, Status
from rem.executions.execution import Execution, is_redrivable
from rem.executions.statuses import PENDING_REDRIVE, RUNNING, SUCCEEDED, UNSUCCESSFUL, order_status


@dataclass(frozen=True, slots=True)
class Change:
    """An execution's status at some moment, from an event or from DescribeExecution.

    Attributes:
        started_at: ISO 8601 in UTC with milliseconds, so that text order is time order.
        is_current: True where the status was asked for just now; a message may have been on its way for long.
    """

    execution_arn: str
    status: str
    started_at: str
    redrive_count: int
    is_redrivable: bool
    recording: Recording
    is_current: bool = False

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Change:
        """Read EventBridge's "Step Functions Execution Status Change".

        Raises:
            InputError: no such event, or an execution whose input is no recording.
        """
        detail = event.get("detail")
        if event.get("source") != "aws.states" or not isinstance(detail, Mapping):
            raise InputError("the event is no status change of a Step Functions execution")
        execution = Execution(
            arn=detail["executionArn"],
            name=detail["executionArn"].rsplit(":", 1)[-1],
            status=detail["status"],
            started_at=datetime.fromtimestamp(detail["startDate"] / 1000, UTC),
            redrive_count=int(detail.get("redriveCount") or 0),
            is_redrivable=is_redrivable(detail),
            input=detail.get("input") or "",
        )
        return replace(cls.from_execution(execution), is_current=False)

    @classmethod
    def from_execution(cls, execution: Execution) -> Change:
        """Take the execution's present status for news.

        Raises:
            InputError: the execution's input is no recording.
        """
        try:
            document = json.loads(execution.input or "{}")
        except json.JSONDecodeError as error:
            raise InputError(f"the input of {execution.arn} is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise InputError(f"the input of {execution.arn} names no recording")
        return cls(
            execution_arn=execution.arn,
            status=RUNNING if execution.status == PENDING_REDRIVE else execution.status,
            started_at=execution.started_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            redrive_count=execution.redrive_count,
            is_redrivable=execution.is_redrivable,
            recording=Recording.from_event(document),
            is_current=True,
        )

    @property
    def order(self) -> int:
        """Number the status along the execution's life: running, ended, running again, ended again."""
        return order_status(self.redrive_count, self.status)


def apply_change(record: Record | None, change: Change, error: FailureReport | None) -> Record | None:
    """Bring a record in line with its execution; None where the record knows better.

    A COMPLETE recording stays so. Of one execution only later news counts, of two executions the one that
    started later. A status that was asked for just now also counts where it repeats the last news but the
    record says otherwise: then a Lambda that outlived its execution has moved the record since.

    Args:
        record: None where the recording has none.
        error: The report of an execution that ended unsuccessfully, else None.
    """
    status = _choose_status(record, change)
    known = record or Record.begin(change.recording, status)
    is_final = known.is_deleted or (record is not None and known.status is Status.COMPLETE)
    if is_final or not _is_news(known, change, status):
        return None
    return replace(
        known,
        status=status,
        status_rank=max(status.rank, known.status_rank),
        error=error if status is Status.ERROR else None,
        execution_arn=change.execution_arn,
        execution_started_at=change.started_at,
        execution_order=change.order,
    )


def _choose_status(record: Record | None, change: Change) -> Status:
    """Choose the status. A transcript that was readable before a failure is so again while a redrive runs."""
    if change.status in UNSUCCESSFUL:
        return Status.ERROR
    if change.status == SUCCEEDED:
        return Status.COMPLETE
    if record is not None and record.status is not Status.ERROR:
        return record.status
    was_readable = record is not None and record.status_rank >= Status.TRANSCRIBED.rank
    return Status.TRANSCRIBED if was_readable else Status.TRANSCRIBING


def _is_news(known: Record, change: Change, status: Status) -> bool:
    if known.execution_arn is None or known.execution_order is None:
        return True
    if known.execution_arn != change.execution_arn:
        return (known.execution_started_at or "") <= change.started_at
    if change.order == known.execution_order:
        return change.is_current and known.status != status
    return change.order > known.execution_order
