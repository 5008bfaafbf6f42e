"""S3 to SQS to function, and one local AWS after another."""

import json
import time

import pytest

from rem.localaws import LocalAws
from tests.rem.localaws.conftest import function

pytestmark = pytest.mark.slow


def wait_for_lines(path, count, limit_s=15):
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count:
            return [json.loads(json.loads(line)) for line in lines]
        time.sleep(0.05)
    raise AssertionError(f"{path} has fewer than {count} lines")


def test_upload_becomes_an_event_for_the_function(aws, collected):
    s3, sqs = aws.client("s3"), aws.client("sqs")
    url = sqs.create_queue(QueueName="uploads")["QueueUrl"]
    s3.create_bucket(Bucket="events")
    aws.map_queue(url, "collect")
    rule = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:uploads", "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="events", NotificationConfiguration={"QueueConfigurations": [rule]}
    )
    s3.put_object(Bucket="events", Key="raw/ä b.wav", Body=b"x")
    bodies = wait_for_lines(collected, 2)
    assert {"s3:TestEvent"} <= {body.get("Event") for body in bodies}
    record = next(body for body in bodies if "Records" in body)["Records"][0]
    assert record["s3"]["bucket"]["name"] == "events"


def test_only_failed_messages_come_back(aws, collected):
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="batch", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    entries = [
        {"Id": str(i), "MessageBody": json.dumps({"n": text})} for i, text in enumerate(["ok", "poison"])
    ]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    aws.map_queue(url, "collect")
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        if [counts[name] for name in names] == ["0", "1"]:
            return
        time.sleep(0.1)
    raise AssertionError(counts)


def test_nothing_is_left_for_the_next_one(aws):
    """Last in this file: it resets moto, which the shared instance lives in."""
    with LocalAws([function("echo")], max_sandboxes=1) as other:
        other.client("s3").create_bucket(Bucket="first")
    with LocalAws([function("echo")], max_sandboxes=1) as other:
        assert other.client("s3").list_buckets()["Buckets"] == []
        assert other.client("stepfunctions").list_state_machines()["stateMachines"] == []
