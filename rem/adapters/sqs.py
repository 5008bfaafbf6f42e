"""The queue of uploads on SQS, and its dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rem.adapters.clients import sqs_client

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BATCH = 10  # messages in one answer, SQS's most
MOST_LISTED = 200
HIDDEN_S = 30  # messages are hidden from other readers while they are listed
# How servers other than AWS say that they cannot move messages by themselves.
NO_MOVE_TASK = (
    "InternalFailure",
    "InternalError",
    "InvalidAction",
    "NotImplemented",
    "UnsupportedOperation",
    "500",
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was received as often as the queue allows, and never deleted."""

    message_id: str
    sent_at: datetime
    body: str


class UploadQueue:
    """The queue whose messages start executions. Its dead-letter queue has the same URL and `-dlq`."""

    def __init__(self, url: str, client: SQSClient | None = None) -> None:
        self._url, self._dead_url = url, f"{url}-dlq"
        self._client = client or sqs_client()

    def send(self, body: Mapping[str, Any]) -> None:
        """Put a message on the queue."""
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(body, sort_keys=True))

    def list_dead_letters(self) -> list[DeadLetter]:
        """List the dead letters, at most MOST_LISTED, and leave them where they are."""
        found: list[MessageTypeDef] = []
        while len(found) < MOST_LISTED and (messages := self._receive_dead_letters()):
            found += messages
        for message in found:
            self._client.change_message_visibility(
                QueueUrl=self._dead_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
        return [_to_letter(message) for message in found]

    def redrive_dead_letters(self) -> int:
        """Put every dead letter on the queue again, and count them.

        SQS has a task of its own for it; where the server lacks it, each is moved by itself.
        """
        names: Any = ["QueueArn", "ApproximateNumberOfMessages"]
        about = self._client.get_queue_attributes(QueueUrl=self._dead_url, AttributeNames=names)["Attributes"]
        waiting = int(about["ApproximateNumberOfMessages"])
        if not waiting:
            return 0
        try:
            self._client.start_message_move_task(SourceArn=about["QueueArn"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in NO_MOVE_TASK:
                raise
            return self._move_one_by_one()
        return waiting

    def _move_one_by_one(self) -> int:
        """Send each message before deleting it: a crash repeats a message, and a repeat starts nothing."""
        moved = 0
        while messages := self._receive_dead_letters():
            for message in messages:
                self._client.send_message(QueueUrl=self._url, MessageBody=message["Body"])
                self._client.delete_message(QueueUrl=self._dead_url, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        return moved

    def _receive_dead_letters(self) -> list[MessageTypeDef]:
        answer = self._client.receive_message(
            QueueUrl=self._dead_url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=1,
            AttributeNames=["All"],
        )
        return answer.get("Messages", [])


def _to_letter(message: MessageTypeDef) -> DeadLetter:
    sent_ms = int(message.get("Attributes", {}).get("SentTimestamp", 0))
    return DeadLetter(message["MessageId"], datetime.fromtimestamp(sent_ms / 1000, UTC), message["Body"])
