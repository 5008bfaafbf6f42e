"""From S3 to SQS to a function."""

import json

import pytest

from tests.rem.conftest import wait_until

pytestmark = pytest.mark.slow


def wait_for_lines(path, count):
    def read():
        return path.read_text().splitlines(keepends=True) if path.exists() else []

    wait_until(lambda: len([line for line in read() if line.endswith("\n")]) >= count)
    return [json.loads(json.loads(line)) for line in read()]


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
    url = sqs.create_queue(QueueName="batch", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    entries = [
        {"Id": str(i), "MessageBody": json.dumps({"n": text})} for i, text in enumerate(["ok", "poison"])
    ]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    aws.map_queue(url, "collect")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def count():
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return [found[name] for name in names]

    wait_until(lambda: count() == ["0", "1"])


def test_message_attributes_have_lambdas_shape(aws, collected):
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="attributes")["QueueUrl"]
    attribute = {"DataType": "String", "StringValue": "b"}
    sqs.send_message(QueueUrl=url, MessageBody='{"attributes": true}', MessageAttributes={"a": attribute})
    aws.map_queue(url, "attributes")
    path = collected.with_name("attributes")
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
    shape = {"stringValue": "b", "dataType": "String", "stringListValues": [], "binaryListValues": []}
    assert json.loads(path.read_text()) == {"a": shape}
