"""The same invocation of one function at several memory sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rem.core.errors import SetupError
from rem.executions.statuses import SUCCEEDED
from rem.home.session import Session, open_session
from rem.lambdas.function import Report


def run_trials(
    stage: str, sizes: Sequence[int], sample: Path, settings: Mapping[str, object]
) -> list[Report]:
    """Run the recording once; then its first invocation of this stage again at each size, warm.

    Raises:
        SetupError: the recording fails, or never reaches the stage.
    """
    with open_session(settings) as session:
        upload = session.upload(sample)
        outcome = session.follow(upload, lambda upload, states: None)
        if outcome.status != SUCCEEDED:
            raise SetupError(f"the sample failed with {outcome.error}: {outcome.message}")
        payload = _find_payload(session, upload.execution_arn, stage)
        return [_try_size(session, stage, payload, size) for size in sizes]


def _find_payload(session: Session, execution_arn: str, stage: str) -> dict[str, Any]:
    pages = session.aws.client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution_arn):
        for event in page["events"]:
            if event["type"] == "TaskScheduled":
                parameters = json.loads(event["taskScheduledEventDetails"]["parameters"])
                if parameters["FunctionName"].rsplit(":", 1)[-1] == stage:
                    payload: dict[str, Any] = parameters["Payload"]
                    return payload
    raise SetupError(f"the sample never reached {stage}: is there speech in it?")


def _try_size(session: Session, stage: str, payload: dict[str, Any], memory_mb: int) -> Report:
    """Invoke twice, because the first call loads the models; report the second."""
    pool = session.aws.pool
    pool.add(replace(pool.functions[stage], memory_mb=memory_mb))
    _invoke(session, stage, payload)
    return _invoke(session, stage, payload)


def _invoke(session: Session, stage: str, payload: dict[str, Any]) -> Report:
    _remove_result(session, stage, payload.get("recording", payload))
    answer = session.aws.pool.invoke(stage, json.dumps(payload).encode())
    if answer.function_error or answer.report is None:
        raise SetupError(f"{stage} failed: {answer.payload.decode()[:300]}")
    return answer.report


def _remove_result(session: Session, stage: str, recording: Mapping[str, Any]) -> None:
    """Remove the stage's stored result: it would be the answer."""
    s3, bucket = session.aws.client("s3"), session.stack.bucket
    prefix = f"artifacts/{recording['recordingId']}/{stage}/"
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
        s3.delete_object(Bucket=bucket, Key=item["Key"])
