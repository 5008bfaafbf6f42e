"""Messages to SQS queues and notices to SNS topics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rem.adapters.clients import sns_client, sqs_client

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def send_message(queue_url: str, body: Mapping[str, Any], client: SQSClient | None = None) -> None:
    (client or sqs_client()).send_message(QueueUrl=queue_url, MessageBody=json.dumps(body, sort_keys=True))


def publish_notice(topic_arn: str, subject: str, text: str, client: Any = None) -> None:
    """Tell the subscribers of a topic. SNS takes at most 100 characters of one line as subject."""
    (client or sns_client()).publish(TopicArn=topic_arn, Subject=subject[:100], Message=text)
