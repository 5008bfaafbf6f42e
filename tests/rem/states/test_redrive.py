"""Redrive: an execution goes on where it broke, and what succeeded is not done again."""

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from rem.executions.statuses import UNSUCCESSFUL
from rem.states.journal import REDRIVE_PERIOD, ExecutionRow
from tests.rem.states import test_engine as engine
from tests.rem.states.test_engine import create, run, task, wait

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sfn(aws):
    return aws.client("stepfunctions")


@pytest.fixture
def calls(tmp_path):
    return Calls(tmp_path)


class Calls:
    """What the `count` handler was asked, by a word in its event; a word may be made to fail."""

    def __init__(self, folder):
        self.folder = folder

    def fail(self, word, yes=True):
        (self.folder / f"{word}.fail").touch() if yes else (self.folder / f"{word}.fail").unlink()

    def read(self):
        return Counter(path.name.split(".")[0] for path in self.folder.glob("*.call-*"))


def each(word):
    """A counting task that gets a word of its own beside the folder."""
    task_ = task("count")
    task_["Parameters"]["Payload"] = {"folder.$": "$.folder", "word.$": f"States.Format('{word}')"}
    del task_["Parameters"]["Payload.$"], task_["OutputPath"]
    return {**task_, "ResultPath": None}


def items(name, prefix):
    item = task("count")
    item["Parameters"]["Payload"] = {
        "folder.$": "$.folder",
        "word.$": f"States.Format('{prefix}{{}}', $.item)",
    }
    del item["Parameters"]["Payload.$"]
    return {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"folder.$": "$.folder", "item.$": "$$.Map.Item.Value"},
        "MaxConcurrency": 2,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": f"{name}Item",
            "States": {f"{name}Item": item},
        },
        "End": True,
    }


MACHINE = {
    "First": {**each("first"), "End": False, "Next": "Both"},
    "Both": {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Left", "States": {"Left": items("Left", "left")}},
            {"StartAt": "Right", "States": {"Right": items("Right", "right")}},
        ],
        "ResultPath": "$.both",
        "Next": "Last",
    },
    "Last": each("last"),
}
del MACHINE["First"]["End"]


def start(sfn, calls):
    event = {"folder": str(calls.folder), "items": [1, 2, 3]}
    machine = create(sfn, MACHINE, start="First")
    arn = sfn.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
    return arn, wait(sfn, arn)


def history(sfn, arn):
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]


def find_finished(sfn, arn):
    """The words whose task has succeeded; a call that was under way at the end was aborted, as on AWS."""
    outputs = [event.get("taskSucceededEventDetails", {}).get("output") for event in history(sfn, arn)]
    return {json.loads(output)["Payload"] for output in outputs if output}


def test_only_what_failed_runs_again_under_the_same_arn(sfn, calls):
    calls.fail("left2")
    arn, execution = start(sfn, calls)
    assert execution["status"] == "FAILED"
    assert execution["redriveStatus"] == "REDRIVABLE"
    finished = find_finished(sfn, arn)
    assert "first" in finished
    before = calls.read()
    calls.fail("left2", False)
    calls.fail("last")
    assert sfn.redrive_execution(executionArn=arn)["redriveDate"]
    again = wait(sfn, arn)
    assert (again["status"], again["redriveCount"]) == ("FAILED", 1)
    done = calls.read()
    assert done["left2"] == before["left2"] + 1
    assert {word: done[word] for word in finished} == dict.fromkeys(finished, 1)
    calls.fail("last", False)
    sfn.redrive_execution(executionArn=arn)
    end = wait(sfn, arn)
    assert (end["status"], end["redriveCount"]) == ("SUCCEEDED", 2)
    assert end["redriveStatus"] == "NOT_REDRIVABLE"
    assert "SUCCEEDED" in end["redriveStatusReason"]
    assert "error" not in end
    final = calls.read()
    assert {word: final[word] for word in done if word != "last"} == {
        word: done[word] for word in done if word != "last"
    }
    assert json.loads(end["output"])["both"] == [
        [f"{side}{n}" for n in (1, 2, 3)] for side in ("left", "right")
    ]


def test_history_tells_of_redrives_and_repeats_nothing_that_succeeded(sfn, calls):
    calls.fail("last")
    arn, _ = start(sfn, calls)
    calls.fail("last", False)
    sfn.redrive_execution(executionArn=arn)
    wait(sfn, arn)
    events = history(sfn, arn)
    kinds = Counter(event["type"] for event in events)
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert (kinds["ExecutionFailed"], kinds["ExecutionRedriven"], kinds["ExecutionSucceeded"]) == (1, 1, 1)
    assert kinds["TaskSucceeded"] == 8
    assert kinds["ParallelStateEntered"] == 1
    entered = [e["stateEnteredEventDetails"]["name"] for e in events if e["type"] == "TaskStateEntered"]
    assert Counter(entered)["Last"] == 1
    [redriven] = [event for event in events if event["type"] == "ExecutionRedriven"]
    assert redriven["executionRedrivenEventDetails"]["redriveCount"] == 1


def test_redrive_inside_a_map_keeps_the_histories_of_finished_iterations(sfn, calls):
    calls.fail("right3")
    arn, _ = start(sfn, calls)
    finished = Counter(e["type"] for e in history(sfn, arn))["TaskSucceeded"]
    calls.fail("right3", False)
    sfn.redrive_execution(executionArn=arn)
    assert wait(sfn, arn)["status"] == "SUCCEEDED"
    kinds = Counter(event["type"] for event in history(sfn, arn))
    assert kinds["TaskSucceeded"] == 8
    assert finished < 8
    assert kinds["MapIterationSucceeded"] == 6
    assert kinds["TaskFailed"] == 1


def test_what_runs_or_succeeded_cannot_be_redriven(sfn, hold):
    execution = run(sfn, {"Do": {"Type": "Pass", "End": True}})
    with pytest.raises(sfn.exceptions.ExecutionNotRedrivable, match="SUCCEEDED"):
        sfn.redrive_execution(executionArn=execution["executionArn"])
    arn = engine.start(sfn, create(sfn, {"Do": task("hold")}), hold.event)
    with pytest.raises(sfn.exceptions.ExecutionNotRedrivable, match="RUNNING"):
        sfn.redrive_execution(executionArn=arn)
    with pytest.raises(sfn.exceptions.ExecutionDoesNotExist):
        sfn.redrive_execution(executionArn=arn + "x")
    hold.release()
    wait(sfn, arn)


@pytest.mark.parametrize("status", UNSUCCESSFUL)
def test_an_execution_can_be_redriven_for_fourteen_days(status):
    now = datetime.now(UTC)
    row = ExecutionRow("a", "m", "n", "{}", "{}", now, status, now, None, None, None, 0, None)
    assert row.explain_not_redrivable(now + REDRIVE_PERIOD) is None
    assert "14 days" in row.explain_not_redrivable(now + REDRIVE_PERIOD + timedelta(seconds=1))


def test_aborted_executions_are_redriven_too(sfn, hold):
    arn = engine.start(sfn, create(sfn, {"Do": task("hold")}), hold.event)
    sfn.stop_execution(executionArn=arn, error="Enough", cause="by hand")
    assert wait(sfn, arn)["status"] == "ABORTED"
    sfn.redrive_execution(executionArn=arn)
    hold.release()
    execution = wait(sfn, arn)
    assert (execution["status"], execution["redriveCount"]) == ("SUCCEEDED", 1)


def test_timed_out_executions_are_redriven_too(sfn, hold):
    arn = engine.start(sfn, create(sfn, {"Do": task("hold")}, TimeoutSeconds=1), hold.event)
    assert wait(sfn, arn)["status"] == "TIMED_OUT"
    sfn.redrive_execution(executionArn=arn)
    execution = wait(sfn, arn)
    assert (execution["status"], execution["redriveCount"]) == ("TIMED_OUT", 1)


def test_executions_are_listed_newest_first_by_status_and_page(sfn):
    machine = create(sfn, {"Do": task("fail_if")})
    arns = []
    for number in range(5):
        event = json.dumps({"fail": number % 2 == 1})
        arns.append(sfn.start_execution(stateMachineArn=machine, input=event)["executionArn"])
        wait(sfn, arns[-1])
        time.sleep(0.01)
    pages = list(
        sfn.get_paginator("list_executions").paginate(
            stateMachineArn=machine, PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["executions"]) for page in pages] == [2, 2, 1]
    assert [e["executionArn"] for page in pages for e in page["executions"]] == arns[::-1]
    failed = sfn.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"]
    assert [e["executionArn"] for e in failed] == [arns[3], arns[1]]
