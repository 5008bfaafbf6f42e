"""Lambda's event source mapping: messages of an SQS queue invoke a function."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rem.lambdas.function import REGION
from rem.lambdas.pool import SandboxPool

BATCH = 10  # most messages per invocation, Lambda's default
LONG_POLL_S = 1
RETRY_S = 1.0  # between two polls of a queue that cannot be read
ROOM_S = 0.2  # between two looks whether another execution may start
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EventSource:
    """A queue and the function that its messages invoke.

    Attributes:
        max_executions: Messages wait in the queue while so many executions run; None for no limit. On AWS
            every execution has processors of its own; here one that waits for a processor uses up the
            timeouts of its states.
    """

    queue_url: str
    function: str
    max_executions: int | None = None


class QueuePoller:
    """A loop that polls one queue, invokes the function, and deletes what it did not report as failed.

    Args:
        sqs: boto3's client.
        count_running: Returns the number of executions that run now.
    """

    def __init__(
        self, sqs: Any, pool: SandboxPool, source: EventSource, count_running: Callable[[], int]
    ) -> None:
        self._sqs, self._pool, self._source = sqs, pool, source
        self._count_running = count_running
        self._queue_arn = self._read_arn()

    def run(self, stopping: threading.Event) -> None:
        """Poll until `stopping` is set; an error is logged, and the queue is polled again."""
        while not stopping.is_set():
            room = self._find_room()
            if room <= 0:
                stopping.wait(ROOM_S)
                continue
            try:
                if messages := self._receive(room):
                    self._deliver(messages)
            except Exception:
                if not stopping.is_set():
                    log.exception("polling %s", self._source.queue_url)
                stopping.wait(RETRY_S)

    def _read_arn(self) -> str:
        asked = {"QueueUrl": self._source.queue_url, "AttributeNames": ["QueueArn"]}
        return str(self._sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"])

    def _find_room(self) -> int:
        """Count the messages that may be received now."""
        most = self._source.max_executions
        return BATCH if most is None else min(BATCH, most - self._count_running())

    def _receive(self, count: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._source.queue_url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=LONG_POLL_S,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _deliver(self, messages: Sequence[dict[str, Any]]) -> None:
        """Delete what succeeded; the rest comes back after its visibility timeout."""
        event = {"Records": [_to_record(message, self._queue_arn) for message in messages]}
        answer = self._pool.invoke(self._source.function, json.dumps(event).encode())
        if answer.status != 200 or answer.function_error:
            return
        failures = (json.loads(answer.payload) or {}).get("batchItemFailures", [])
        failed = {failure["itemIdentifier"] for failure in failures}
        done = [message for message in messages if message["MessageId"] not in failed]
        if done:
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(done)]
            self._sqs.delete_message_batch(QueueUrl=self._source.queue_url, Entries=entries)


def _to_record(message: dict[str, Any], queue_arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _to_attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _to_attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """Write an attribute as Lambda does: names in lower camel case, bytes in base64."""
    names = {"StringValue": "stringValue", "BinaryValue": "binaryValue", "DataType": "dataType"}
    attribute = {names[name]: content for name, content in value.items() if name in names}
    if "binaryValue" in attribute:
        attribute["binaryValue"] = base64.b64encode(attribute["binaryValue"]).decode()
    return {**attribute, "stringListValues": [], "binaryListValues": []}
