"""A stage on AWS at several memory sizes: a published version for each, on what a real execution sent it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rem.adapters.step_functions import Executions
from rem.core.errors import SetupError
from rem.costs.sizes import Trial, parse_reports
from rem.executions.statuses import SUCCEEDED

LONGEST_S = 910  # a function's 15 minutes, and the way back


class Versions:
    """Tries a deployed function at other sizes. What takes its traffic keeps its own, but for seconds.

    Args:
        session: A boto3 session.
        client_options: Of its clients, e.g. endpoint_url.
    """

    def __init__(self, session: Any, bucket: str, machine_arn: str, **client_options: Any) -> None:
        from botocore.config import Config

        once = Config(read_timeout=LONGEST_S, retries={"max_attempts": 0})
        self._lambda = session.client("lambda", config=once, **client_options)
        self._s3 = session.client("s3", **client_options)
        self._executions = Executions(machine_arn, session.client("stepfunctions", **client_options))
        self._bucket = bucket

    def try_sizes(self, stage: str, recording: str, sizes: Sequence[int]) -> list[Trial]:
        """Invoke each size twice, and report the second: the first loads the models.

        Args:
            recording: An execution's name; empty for the newest that succeeded.

        Raises:
            SetupError: there is no such execution, it never reached the stage, or an invocation fails.
        """
        function, payload = self._find_call(stage, recording)
        stand_in = f"tune-{stage}"  # results are stored under it, so that none is there already
        payload["recording"]["recordingId"] = stand_in
        versions = self._publish(function, sizes)
        try:
            return [self._try(function, version, payload, stand_in) for version in versions]
        finally:
            self._forget(stand_in)
            for version in versions:
                self._lambda.delete_function(FunctionName=function, Qualifier=version)

    def _find_call(self, stage: str, recording: str) -> tuple[str, dict[str, Any]]:
        for event in self._executions.read_history(self._find_execution(recording), with_data=True):
            if event["type"] == "TaskScheduled":
                call = json.loads(event["taskScheduledEventDetails"]["parameters"])
                function, payload = call.get("FunctionName", ""), call.get("Payload", {})
                if function.endswith(f"-{stage}"):
                    if "recording" not in payload:  # it would write into the recording's own record
                        raise SetupError(f"{stage} is not tuned on AWS: its time is not the models'")
                    return function, payload
        raise SetupError(f"the execution never reached {stage}: is there speech in the recording?")

    def _find_execution(self, name: str) -> str:
        if name:
            found = self._executions.find(name)
            if found is None:
                raise SetupError(f"there is no execution {name}")
            return found.arn
        for execution in self._executions.list_newest(100):
            if execution.status == SUCCEEDED:
                return execution.arn
        raise SetupError("no execution has succeeded yet: run a recording first")

    def _publish(self, function: str, sizes: Sequence[int]) -> list[str]:
        """A version for each size; then the function has its own size again."""
        own_mb = self._lambda.get_function_configuration(FunctionName=function)["MemorySize"]
        versions = []
        try:
            for size in sizes:
                self._resize(function, size)
                versions.append(self._lambda.publish_version(FunctionName=function)["Version"])
        finally:
            self._resize(function, own_mb)
        return versions

    def _resize(self, function: str, memory_mb: int) -> None:
        self._lambda.update_function_configuration(FunctionName=function, MemorySize=memory_mb)
        self._lambda.get_waiter("function_updated_v2").wait(FunctionName=function)

    def _try(self, function: str, version: str, payload: Mapping[str, Any], stand_in: str) -> Trial:
        self._lambda.get_waiter("published_version_active").wait(FunctionName=function, Qualifier=version)
        self._invoke(function, version, payload)
        self._forget(stand_in)
        return self._invoke(function, version, payload)

    def _invoke(self, function: str, version: str, payload: Mapping[str, Any]) -> Trial:
        answer = self._lambda.invoke(
            FunctionName=f"{function}:{version}", LogType="Tail", Payload=json.dumps(payload)
        )
        if "FunctionError" in answer:
            raise SetupError(f"version {version} failed: {answer['Payload'].read().decode()[:300]}")
        lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
        [report] = parse_reports(lines)
        return Trial(report.memory_mb, report.seconds, None, report.peak_mb)

    def _forget(self, stand_in: str) -> None:
        pages = self._s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=f"artifacts/{stand_in}/"):
            for item in page.get("Contents", ()):
                self._s3.delete_object(Bucket=self._bucket, Key=item["Key"])
