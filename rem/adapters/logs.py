"""The log lines of one invocation: from the log folder on this machine, from CloudWatch Logs on AWS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

MOST_LINES = 200
MAX_MEMORY = re.compile(r"Max Memory Used: (\d+) MB")
LIFE_LINE = re.compile(r"(START|END|REPORT) RequestId: ")
TAIL_BYTES = 16 * 2**20  # a log file is searched back so far


class Logs(Protocol):
    def read(self, function: str, request_id: str) -> list[str]:
        """Lines of one invocation, START to REPORT; none where the log is gone or may not be read."""


def find_max_memory_mb(lines: list[str]) -> int | None:
    """The peak that the REPORT line tells."""
    found = [match for line in lines if (match := MAX_MEMORY.search(line))]
    return int(found[-1][1]) if found else None


class LogFiles:
    """FUNCTION.log files as the local Lambda writes them.

    Sandboxes of one function share a file: what a neighbour said at the same time stands between.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, function: str, request_id: str) -> list[str]:
        path = self._folder / f"{function.rsplit(':', 1)[-1]}.log"
        if not request_id or not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return list(_cut(text.replace("\r", "\n").splitlines(), request_id))[-MOST_LINES:]


def _cut(lines: list[str], request_id: str) -> Iterator[str]:
    inside = False
    for line in lines:
        if line.startswith(f"START RequestId: {request_id}"):
            inside = True
        if inside and (request_id in line or not LIFE_LINE.match(line)):
            yield line
        if line.startswith(f"REPORT RequestId: {request_id}"):
            return


class CloudWatchLogs:
    """A log stream is one sandbox, and a sandbox has one invocation at a time."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, function: str, request_id: str) -> list[str]:
        from botocore.exceptions import ClientError

        if not request_id:
            return []
        group = f"/aws/lambda/{function.rsplit(':function:', 1)[-1].split(':', maxsplit=1)[0]}"
        try:
            return self._read_between_marks(group, request_id)
        except ClientError as error:
            return [f"(the log {group} cannot be read: {error.response['Error']['Message']})"]

    def _read_between_marks(self, group: str, request_id: str) -> list[str]:
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
