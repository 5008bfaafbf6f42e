"""A deployed function at other memory sizes: a published version for each, on what an execution sent it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rem.adapters.step_functions import Executions
from rem.core.errors import SetupError
from rem.costs.sizes import Trial, parse_reports
from rem.executions.statuses import SUCCEEDED
from rem.ports import Store

LONGEST_S = 910  # a function's 15 minutes, and the way back
ONCE = {"read_timeout": LONGEST_S, "retries": {"max_attempts": 0}}  # a repeated call would measure two


class LambdaSizes:
    """Tries of a deployed function at other sizes.

    Its own traffic keeps the size that the function has, but for the seconds in which versions are made.

    Args:
        client: A boto3 Lambda client that waits LONGEST_S and never repeats a call (ONCE).
    """

    def __init__(self, client: Any, store: Store, executions: Executions) -> None:
        self._client, self._store, self._executions = client, store, executions

    def try_sizes(self, stage: str, execution: str, sizes: Sequence[int]) -> list[Trial]:
        """Invoke each size twice, and report the second: the first loads the models.

        Args:
            execution: Name of the execution whose call is repeated; empty for the newest that succeeded.

        Raises:
            SetupError: there is no such execution, it never reached the stage, or an invocation fails.
        """
        function, payload = self._find_call(stage, execution)
        stand_in = f"tune-{stage}"  # the recording whose artifacts are written, and removed in between
        payload["recording"]["recordingId"] = stand_in
        versions = self._publish(function, sizes)
        try:
            return [self._try(function, version, payload, stand_in) for version in versions]
        finally:
            self._remove_artifacts(stand_in)
            for version in versions:
                self._client.delete_function(FunctionName=function, Qualifier=version)

    def _find_call(self, stage: str, execution: str) -> tuple[str, dict[str, Any]]:
        """Find the function that the execution called for the stage, and what it sent."""
        for event in self._executions.read_history(self._find_execution(execution), with_data=True):
            if event["type"] == "TaskScheduled":
                call = json.loads(event["taskScheduledEventDetails"]["parameters"])
                function, payload = call.get("FunctionName", ""), call.get("Payload", {})
                if function.endswith(f"-{stage}"):
                    if "recording" not in payload:  # it would write into the recording's own record
                        raise SetupError(f"{stage} cannot be tuned on AWS: it loads no model")
                    return function, payload
        raise SetupError(f"the execution never reached {stage}: is there speech in the recording?")

    def _find_execution(self, name: str) -> str:
        if name:
            found = self._executions.find(name)
            if found is None:
                raise SetupError(f"there is no execution {name}: `rem executions` lists them")
            return found.arn
        for execution in self._executions.list_newest(100):
            if execution.status == SUCCEEDED:
                return execution.arn
        raise SetupError("no execution has succeeded yet: run a recording first")

    def _publish(self, function: str, sizes: Sequence[int]) -> list[str]:
        """Publish a version for each size, then give the function its own size back."""
        own_mb = self._client.get_function_configuration(FunctionName=function)["MemorySize"]
        versions: list[str] = []
        try:
            for size in sizes:
                self._resize(function, size)
                versions.append(self._client.publish_version(FunctionName=function)["Version"])
        finally:
            self._resize(function, own_mb)
        return versions

    def _resize(self, function: str, memory_mb: int) -> None:
        self._client.update_function_configuration(FunctionName=function, MemorySize=memory_mb)
        self._client.get_waiter("function_updated_v2").wait(FunctionName=function)

    def _try(self, function: str, version: str, payload: Mapping[str, Any], stand_in: str) -> Trial:
        waiter = self._client.get_waiter("published_version_active")
        waiter.wait(FunctionName=function, Qualifier=version)
        self._invoke(function, version, payload)
        self._remove_artifacts(stand_in)
        return self._invoke(function, version, payload)

    def _invoke(self, function: str, version: str, payload: Mapping[str, Any]) -> Trial:
        answer = self._client.invoke(
            FunctionName=f"{function}:{version}", LogType="Tail", Payload=json.dumps(payload)
        )
        if "FunctionError" in answer:
            raise SetupError(f"version {version} failed: {answer['Payload'].read().decode()[:300]}")
        lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
        [report] = parse_reports(lines)
        return Trial(report.memory_mb, report.seconds, None, report.peak_mb)

    def _remove_artifacts(self, stand_in: str) -> None:
        """A stage returns at once where its artifact exists: what was measured must not be there again."""
        self._store.delete(self._store.find_versions(f"artifacts/{stand_in}/"))
