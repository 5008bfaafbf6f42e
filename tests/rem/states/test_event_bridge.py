"""EventBridge on the laptop: every change is told, in order, until it was heard; schedules tick."""

import json
import time

import pytest

from rem.executions.changes import Change
from rem.states.local_aws import LocalAws
from tests.rem.conftest import function, wait_until
from tests.rem.states.test_engine import ROLE, task, wait

pytestmark = pytest.mark.slow


def start(aws, states, event):
    sfn = aws.client("stepfunctions")
    definition = json.dumps({"StartAt": "Do", "States": states})
    machine = sfn.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]
    return sfn, sfn.start_execution(stateMachineArn=machine, name="one", input=json.dumps(event))[
        "executionArn"
    ]


def read(heard):
    return [json.loads(line) for line in heard.read_text().splitlines()] if heard.exists() else []


def test_a_function_is_told_of_start_end_and_redrive(tmp_path):
    heard = tmp_path / "heard"
    functions = [function("fail_until"), function("hear", environment={"HEARD": str(heard)})]
    recording = {
        "recordingId": "r",
        "userId": "me",
        "deviceId": "d",
        "startedAt": "t",
        "bucket": "b",
        "key": "k",
    }
    with LocalAws(functions) as aws:
        aws.map_status("hear")
        event = {"file": str(tmp_path / "calls"), "times": 2, **recording}
        sfn, arn = start(aws, {"Do": task("fail_until")}, event)
        assert wait(sfn, arn)["status"] == "FAILED"
        sfn.redrive_execution(executionArn=arn)
        assert wait(sfn, arn)["status"] == "SUCCEEDED"
        wait_until(lambda: len(read(heard)) == 4)
    changes = [Change.from_event(event) for event in read(heard)]
    assert [change.status for change in changes] == ["RUNNING", "FAILED", "RUNNING", "SUCCEEDED"]
    assert [change.order for change in changes] == [0, 1, 2, 3]
    assert [change.is_redrivable for change in changes] == [False, True, False, False]
    assert {change.recording.recording_id for change in changes} == {"r"}


def test_what_was_not_heard_is_told_after_the_next_start(tmp_path):
    heard, data = tmp_path / "heard", tmp_path / "data"
    with LocalAws([function("echo")], data_dir=data) as aws:
        sfn, arn = start(aws, {"Do": task("echo")}, {})
        wait(sfn, arn)
    with LocalAws([function("hear", environment={"HEARD": str(heard)})], data_dir=data) as aws:
        aws.map_status("hear")
        wait_until(lambda: not aws._journal.read_undelivered())
        assert len(read(heard)) == 1
    with LocalAws([function("hear", environment={"HEARD": str(heard)})], data_dir=data) as aws:
        aws.map_status("hear")
        time.sleep(0.5)  # for an event that must not come
    assert [event["detail"]["status"] for event in read(heard)] == ["SUCCEEDED"]


def test_a_schedule_invokes_again_and_again(tmp_path):
    heard = tmp_path / "heard"
    with LocalAws([function("hear", environment={"HEARD": str(heard)})]) as aws:
        aws.map_schedule("hear", 0.2)
        wait_until(lambda: len(read(heard)) >= 3)
    assert read(heard)[0]["detail-type"] == "Scheduled Event"


def test_messages_wait_in_the_queue_while_enough_executions_run(tmp_path, hold):
    heard = tmp_path / "heard"
    functions = [function("hold"), function("hear", environment={"HEARD": str(heard)})]
    with LocalAws(functions) as aws:
        sqs = aws.client("sqs")
        queue_url = sqs.create_queue(QueueName="q")["QueueUrl"]
        sfn, arn = start(aws, {"Do": task("hold")}, hold.event)
        aws.map_queue(queue_url, "hear", max_executions=1)
        sqs.send_message(QueueUrl=queue_url, MessageBody="wait")
        time.sleep(1.0)  # longer than a poll takes
        assert read(heard) == []
        hold.release()
        wait(sfn, arn)
        wait_until(lambda: len(read(heard)) == 1)
