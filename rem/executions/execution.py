"""One execution as Step Functions describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rem.executions.statuses import PENDING_REDRIVE, REDRIVABLE, RUNNING, UNSUCCESSFUL


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution at the moment when it was asked for.

    Attributes:
        redrive_reason: Step Functions' sentence on why it cannot be redriven; empty where it can.
        input: JSON text; empty where the execution comes from a list, which carries no input.
    """

    arn: str
    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None = None
    redrive_count: int = 0
    is_redrivable: bool = False
    redrive_reason: str = ""
    input: str = ""

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Execution:
        """Read an element of ListExecutions or the answer of DescribeExecution."""
        return cls(
            arn=answer["executionArn"],
            name=answer["name"],
            status=answer["status"],
            started_at=answer["startDate"],
            stopped_at=answer.get("stopDate"),
            redrive_count=int(answer.get("redriveCount") or 0),
            is_redrivable=is_redrivable(answer),
            redrive_reason=answer.get("redriveStatusReason") or "",
            input=answer.get("input") or "",
        )

    @property
    def is_running(self) -> bool:
        return self.status in (RUNNING, PENDING_REDRIVE)

    @property
    def is_unsuccessful(self) -> bool:
        return self.status in UNSUCCESSFUL

    @property
    def seconds(self) -> float:
        """Measure from start to end, or until now, including the wait for a redrive, as AWS does."""
        return ((self.stopped_at or datetime.now(UTC)) - self.started_at).total_seconds()

    @property
    def recording_id(self) -> str:
        """Read the recording that the input names; empty where it names none."""
        document = json.loads(self.input or "{}")
        return str(document.get("recordingId", "")) if isinstance(document, dict) else ""


def is_redrivable(source: Mapping[str, Any]) -> bool:
    """Tell from an answer or an event whether Step Functions would redrive the execution."""
    return source["status"] in UNSUCCESSFUL and source.get("redriveStatus", REDRIVABLE) == REDRIVABLE
