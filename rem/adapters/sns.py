"""Notices to the subscribers of an SNS topic."""

from __future__ import annotations

from typing import Any

from rem.adapters.clients import sns_client

LONGEST_SUBJECT = 100  # characters, SNS's most


def publish_notice(topic_arn: str, subject: str, text: str, client: Any = None) -> None:
    """Send a message to the subscribers of a topic. SNS takes a subject of one line."""
    subject = subject[:LONGEST_SUBJECT]
    (client or sns_client()).publish(TopicArn=topic_arn, Subject=subject, Message=text)
