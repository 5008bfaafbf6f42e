"""A session of `rem run`: start the local AWS, upload recordings, follow their executions."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rem.core.errors import InputError, parse_cause
from rem.core.places import DOCUMENT_FORMATS, execution_name, transcript_key
from rem.core.recordings import STARTED_AT, Recording, raw_key
from rem.definition import load_stages
from rem.executions.history import StateProgress, read_states
from rem.executions.statuses import RUNNING, SUCCEEDED
from rem.home.resources import Stack, build_functions, create_stack, default_log_dir
from rem.lambdas.pool import PoolOptions
from rem.library.media import build_recording_id, hash_file
from rem.library.recorded import find_start
from rem.states.local_aws import LocalAws

USER, DEVICE = "me", "cli"
POLL_S = 0.2
NEWEST = 20  # events that are read at a look, as long as there are new ones
LOST_S = 300.0  # an upload that started no execution by then is lost, which is a bug
# Diarize first, its import is the longest wait; then pipeline order, with the other long import last.
WARM_ORDER = ("diarize", "start", "prepare", "transcribe", "assemble", "enrich", "publish", "cluster")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is in S3, and the execution that it starts."""

    path: Path
    recording: Recording
    execution_arn: str


@dataclass
class Outcome:
    """The end of a file's execution.

    Attributes:
        status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED, as Step Functions says it.
        error: The error's name; `message` is the sentence for a person.
        documents: Content by format (json, srt, vtt, txt, md) where it succeeded; `files` is where it lies.
    """

    path: Path
    status: str
    recording_id: str = ""
    execution_arn: str = ""
    error: str = ""
    message: str = ""
    states: Mapping[str, StateProgress] = field(default_factory=dict)
    documents: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    wall_s: float = 0.0

    @property
    def is_bad_input(self) -> bool:
        return self.error == InputError.__name__


Watcher = Callable[[Upload, Mapping[str, StateProgress]], None]


class Session:
    """A client of the local stack: it uploads files and follows their executions."""

    def __init__(self, aws: LocalAws, stack: Stack) -> None:
        self.aws, self.stack = aws, stack
        self._s3, self._sfn = aws.client("s3"), aws.client("stepfunctions")

    def upload(self, path: Path, started_at: datetime | None = None) -> Upload:
        """Put a file where a device's upload would lie. S3's event does the rest.

        Args:
            started_at: When the recording began, with its zone; None for what the file says.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            digest = hash_file(path)
            started_at = (started_at or find_start(path).moment).astimezone(UTC)
            recording_id = build_recording_id(path, digest)
            extension = re.sub(r"[^A-Za-z0-9]", "", path.suffix) or "bin"
            key = raw_key(USER, DEVICE, started_at, recording_id, extension)
            metadata = {STARTED_AT: started_at.isoformat(timespec="seconds")}
            self._s3.upload_file(str(path), self.stack.bucket, key, ExtraArgs={"Metadata": metadata})
        except OSError as error:
            raise InputError(f"the file cannot be read: {error.strerror}") from error
        etag = self._s3.head_object(Bucket=self.stack.bucket, Key=key)["ETag"].strip('"')
        recording = Recording.from_raw_key(self.stack.bucket, key)
        name = execution_name(recording_id, key, etag)
        arn = self.stack.machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"
        return Upload(path, recording, arn)

    def follow(self, upload: Upload, watch: Watcher) -> Outcome:
        """Wait until the execution has ended; tell the watcher about its states on the way."""
        started_s = time.monotonic()
        self._wait_for_start(upload)
        history: list[dict[str, Any]] = []
        while True:
            execution = self._sfn.describe_execution(executionArn=upload.execution_arn)
            history += self._read_new(upload.execution_arn, history[-1]["id"] if history else 0)
            states = read_states(history)
            watch(upload, states)
            if execution["status"] != RUNNING:
                break
            time.sleep(POLL_S)
        error, message = execution.get("error", ""), parse_cause(execution.get("cause", ""))
        succeeded = execution["status"] == SUCCEEDED
        return Outcome(
            path=upload.path,
            status=execution["status"],
            recording_id=upload.recording.recording_id,
            execution_arn=upload.execution_arn,
            error=error,
            message=message,
            states=states,
            documents=dict(self._download(upload.recording)) if succeeded else {},
            wall_s=time.monotonic() - started_s,
        )

    def _read_new(self, execution_arn: str, last_id: int) -> list[dict[str, Any]]:
        """Read the events after that one, oldest first: a long history is not read again at every look."""
        pages = self._sfn.get_paginator("get_execution_history").paginate(
            executionArn=execution_arn,
            includeExecutionData=False,
            reverseOrder=True,
            PaginationConfig={"PageSize": NEWEST},
        )
        newest_first = (event for page in pages for event in page["events"])
        return list(itertools.takewhile(lambda event: event["id"] > last_id, newest_first))[::-1]

    def _wait_for_start(self, upload: Upload) -> None:
        deadline_s = time.monotonic() + LOST_S
        while time.monotonic() < deadline_s:
            try:
                self._sfn.describe_execution(executionArn=upload.execution_arn)
            except self._sfn.exceptions.ExecutionDoesNotExist:
                time.sleep(POLL_S / 3)
            else:
                return
        raise TimeoutError(f"the upload of {upload.path} started no execution within {LOST_S:.0f} s")

    def _download(self, recording: Recording) -> Iterator[tuple[str, bytes]]:
        for extension in DOCUMENT_FORMATS:
            key = transcript_key(recording.user_id, recording.device_id, recording.recording_id, extension)
            yield extension, self._s3.get_object(Bucket=self.stack.bucket, Key=key)["Body"].read()


@contextmanager
def open_session(
    overrides: Mapping[str, object], on_log: Callable[[str, str], None] | None = None
) -> Iterator[Session]:
    """Start the local AWS with all functions warm, and end it with everything it started.

    Args:
        overrides: Settings by name (stages.yaml), e.g. {"language": "en"}.
        on_log: Called with (function, line) for each line a function logs.
    """
    stages = load_stages()
    functions = build_functions(stages, overrides)
    running = max(2, os.cpu_count() or 1)
    with LocalAws(
        functions,
        PoolOptions(
            max_sandboxes=len(functions) + running,
            max_running=running,
            log_dir=default_log_dir(),
            on_log=on_log,
        ),
    ) as aws:
        aws.pool.prewarm(WARM_ORDER)
        yield Session(aws, create_stack(aws, stages, at_once=running))
