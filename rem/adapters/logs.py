"""The log lines of functions: from files on this machine, from CloudWatch Logs on AWS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

MOST_LINES = 200  # of one invocation
MAX_MEMORY = re.compile(r"Max Memory Used: (\d+) MB")
LIFE_LINE = re.compile(r"(START|END|REPORT) RequestId: ")
TAIL_BYTES = 16 * 2**20  # the end of a log file in which an invocation is looked for
REPORTS_BYTES = 64 * 2**20  # the end of a log file whose REPORT lines are read


class Logs(Protocol):
    """The logs of an installation's functions."""

    def read(self, function: str, request_id: str) -> list[str]:
        """Lines of one invocation, START to REPORT; none where the log is gone or may not be read."""

    def read_reports(self, stage: str, since: datetime) -> Iterator[str]:
        """REPORT lines of a stage's function, the oldest first."""


def find_max_memory_mb(lines: list[str]) -> int | None:
    """Find the peak in the REPORT line of an invocation."""
    found = [match for line in lines if (match := MAX_MEMORY.search(line))]
    return int(found[-1][1]) if found else None


class LogFiles:
    """FUNCTION.log files as the local Lambda writes them.

    Sandboxes of one function share a file: lines of another invocation that ran at the same time may stand
    between those of the one that is read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, function: str, request_id: str) -> list[str]:
        path = self._folder / f"{function.rsplit(':', 1)[-1]}.log"
        if not request_id:
            return []
        text = _read_end(path, TAIL_BYTES).decode(errors="replace")
        return list(_cut(text.replace("\r", "\n").splitlines(), request_id))[-MOST_LINES:]

    def read_reports(self, stage: str, since: datetime) -> Iterator[str]:
        """Read the newest part of the file. Its lines carry no time, so `since` changes nothing."""
        for line in _read_end(self._folder / f"{stage}.log", REPORTS_BYTES).splitlines():
            if line.startswith(b"REPORT"):
                yield line.decode(errors="replace")


def _read_end(path: Path, size_bytes: int) -> bytes:
    """Read the last part of a file; nothing where there is none."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size_bytes))
        return file.read()


def _cut(lines: list[str], request_id: str) -> Iterator[str]:
    """Leave out everything before and after one invocation, and the life lines of its neighbours."""
    inside = False
    for line in lines:
        if line.startswith(f"START RequestId: {request_id}"):
            inside = True
        if inside and (request_id in line or not LIFE_LINE.match(line)):
            yield line
        if line.startswith(f"REPORT RequestId: {request_id}"):
            return


class CloudWatchLogs:
    """The log groups that Lambda writes. A stream is one sandbox, which has one invocation at a time.

    Args:
        stack: Functions are called STACK-STAGE.
    """

    def __init__(self, stack: str, client: Any) -> None:
        self._stack, self._client = stack, client

    def read(self, function: str, request_id: str) -> list[str]:
        if not request_id:
            return []
        group = f"/aws/lambda/{function.rsplit(':function:', 1)[-1].split(':', maxsplit=1)[0]}"
        try:
            return self._read_between_marks(group, request_id)
        except ClientError as error:
            return [f"(the log {group} cannot be read: {error.response['Error']['Message']})"]

    def _read_between_marks(self, group: str, request_id: str) -> list[str]:
        """Find the invocation's first and last line by its id, then read all between them."""
        pages = self._client.get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=group, filterPattern=f'"{request_id}"')
        marks = [event for page in found for event in page["events"]]
        if not marks:
            return []
        answer = self._client.get_log_events(
            logGroupName=group,
            logStreamName=marks[0]["logStreamName"],
            startTime=marks[0]["timestamp"],
            endTime=marks[-1]["timestamp"] + 1,
            startFromHead=True,
            limit=MOST_LINES,
        )
        return [line for event in answer["events"] for line in event["message"].rstrip().splitlines()]

    def read_reports(self, stage: str, since: datetime) -> Iterator[str]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self._stack}-{stage}",
            filterPattern='"REPORT RequestId:"',
            startTime=int(since.timestamp() * 1000),
        )
        try:
            for page in pages:
                yield from (event["message"] for event in page["events"])
        except self._client.exceptions.ResourceNotFoundException:
            return  # the function has never run
