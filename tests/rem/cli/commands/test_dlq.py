"""A message that the starter cannot use: from the queue to the dead-letter queue and back."""

import json

import pytest

from rem.definition import load_resources, load_stages
from rem.home.resources import build_functions, create_stack
from rem.lambdas.pool import PoolOptions
from rem.states.local_aws import LocalAws
from tests.rem.cli.conftest import RECORDING, Installation
from tests.rem.conftest import wait_until

pytestmark = pytest.mark.slow
POISON, SOUND = '{"hello": 1}', json.dumps(RECORDING)


def count(aws, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return tuple(int(found[name]) for name in names)


@pytest.fixture
def installation_with_queue(tmp_path):
    """The real starter on the real queue. One LocalAws at a time: before the module's shared one."""
    stages = {"start": load_stages()["start"]}
    with LocalAws(build_functions(stages), PoolOptions(log_dir=tmp_path)) as aws:
        yield Installation(aws, tmp_path), create_stack(aws, load_stages(), poll=False)


def test_poison_message_ends_in_the_dead_letter_queue(installation_with_queue):
    """The real starter refuses it as often as the queue allows; its neighbour starts an execution."""
    installation, stack = installation_with_queue
    sqs = installation.aws.client("sqs")
    sqs.set_queue_attributes(QueueUrl=stack.queue_url, Attributes={"VisibilityTimeout": "0"})
    installation.aws.map_queue(stack.queue_url, "start")
    for body in (SOUND, POISON):  # the last refusal of the poison is the end of the test
        sqs.send_message(QueueUrl=stack.queue_url, MessageBody=body)
    wait_until(lambda: count(installation.aws, stack.dead_letter_url)[0] == 1)
    assert count(installation.aws, stack.queue_url) == (0, 0)
    refusals = (installation.folder / "start.log").read_text().count("START RequestId")
    assert refusals >= load_resources().queue.receives_before_dlq
    assert len(installation.rem_json("executions")["executions"]) == 1


def test_messages_are_listed_with_what_they_are_and_why(installation):
    sqs = installation.aws.client("sqs")
    url = sqs.get_queue_url(QueueName="rem-uploads-dlq")["QueueUrl"]
    event = {"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "raw/nonsense"}}}]}
    for body in (POISON, SOUND, "no json", json.dumps(event), '{"Records": [{}]}'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    why = {row["what"]: row["why"] for row in installation.rem_json("dlq", "list")["messages"]}
    assert "it has hello" in why["JSON: " + POISON]
    assert "the message is sound" in why[RECORDING["key"]]
    assert "not JSON" in why["text: no json"]
    assert "is not a raw key" in why["raw/nonsense"]
    assert "no complete S3 event" in why['JSON: {"Records": [{}]}']
    assert count(installation.aws, url)[0] == 5  # listing takes nothing out


def test_messages_are_queued_again(installation):
    sqs = installation.aws.client("sqs")
    url = sqs.get_queue_url(QueueName="rem-uploads")["QueueUrl"]
    code, text = installation.rem("dlq", "redrive")
    assert code == 0
    assert "5 message(s) queued again" in text
    assert "4 of them cannot be understood" in text
    wait_until(lambda: count(installation.aws, url)[0] == 5)
    assert "is empty" in installation.rem("dlq", "list")[1]
    assert "is empty" in installation.rem("dlq", "redrive")[1]
