"""Each seam with moto's engine, and each gap that we close: the suite to run before moto is upgraded."""

import itertools
import json
import time

import pytest
from botocore.exceptions import ClientError

from tests.rem.conftest import LIMIT_S, wait_until

pytestmark = pytest.mark.slow
ROLE = "arn:aws:iam::123456789012:role/x"
NUMBERS = itertools.count()


def task(name, **more):
    parameters = {"FunctionName": f"arn:aws:lambda:us-east-1:123456789012:function:{name}", "Payload.$": "$"}
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}
    return {**state, "OutputPath": "$.Payload", "End": True, **more}


def create(sfn, states, start="Do", **more):
    definition = json.dumps({"StartAt": start, "States": states, **more})
    name = f"machine-{next(NUMBERS)}"
    return sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]


def wait(sfn, arn, limit_s=LIMIT_S, pause_s=0.05):
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        execution = sfn.describe_execution(executionArn=arn)
        if execution["status"] != "RUNNING":
            return execution
        time.sleep(pause_s)
    raise AssertionError(f"still running after {limit_s} s")


def start(sfn, machine, event=None, **more):
    return sfn.start_execution(stateMachineArn=machine, input=json.dumps(event or {}), **more)["executionArn"]


def run(sfn, states, event=None, **more):
    return wait(sfn, start(sfn, create(sfn, states, **more), event))


@pytest.fixture(scope="module")
def sfn(aws):
    return aws.client("stepfunctions")


def test_task_runs_the_function_with_the_payload(sfn):
    execution = run(sfn, {"Do": task("echo")}, {"a": 1})
    assert execution["status"] == "SUCCEEDED"
    assert json.loads(execution["output"])["event"] == {"a": 1}


def test_error_is_retried_by_its_flat_name(sfn, tmp_path):
    retry = [{"ErrorEquals": ["BusyError"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1.0}]
    event = {"file": str(tmp_path / "calls"), "times": 2}
    execution = run(sfn, {"Do": task("fail_until", Retry=retry)}, event)
    assert json.loads(execution["output"]) == {"calls": 2}


def test_error_that_nobody_retries_fails_the_execution_with_name_and_cause(sfn):
    execution = run(sfn, {"Do": task("fail")})
    assert (execution["status"], execution["error"]) == ("FAILED", "BusyError")
    assert json.loads(execution["cause"])["errorMessage"] == "somebody else is busy"


def test_throttle_has_lambdas_own_name(sfn):
    execution = run(sfn, {"Do": task("throttled")})
    assert execution["error"] == "Lambda.TooManyRequestsException"


def test_parallel_and_map_keep_their_order(sfn):
    items = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 3,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Each",
            "States": {"Each": task("echo")},
        },
        "End": True,
    }
    branches = [
        {"StartAt": "Many", "States": {"Many": items}},
        {"StartAt": "One", "States": {"One": task("echo")}},
    ]
    execution = run(
        sfn, {"Do": {"Type": "Parallel", "Branches": branches, "End": True}}, {"items": [1, 2, 3, 4]}
    )
    many, one = json.loads(execution["output"])
    assert [each["event"] for each in many] == [1, 2, 3, 4]
    assert one["event"] == {"items": [1, 2, 3, 4]}


def test_history_is_paged_and_reversible(sfn):
    execution = run(sfn, {"Do": task("echo")}, {"a": 1})
    arn = execution["executionArn"]
    pages = [
        page["events"]
        for page in sfn.get_paginator("get_execution_history").paginate(
            executionArn=arn, PaginationConfig={"PageSize": 2}
        )
    ]
    assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
    ids = [event["id"] for page in pages for event in page]
    assert ids == list(range(1, len(ids) + 1))
    newest = sfn.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=1)["events"]
    assert newest[0]["type"] == "ExecutionSucceeded"


def test_history_without_data_has_names_but_no_payloads(sfn):
    execution = run(sfn, {"Do": task("echo")}, {"secret": 1})
    events = sfn.get_execution_history(executionArn=execution["executionArn"], includeExecutionData=False)[
        "events"
    ]
    assert "secret" not in json.dumps(events, default=str)
    assert any(event.get("stateEnteredEventDetails", {}).get("name") == "Do" for event in events)


def test_nothing_is_recorded_after_the_end(sfn, aws, hold):
    quick = {"StartAt": "Quick", "States": {"Quick": task("fail")}}
    slow = {"StartAt": "Slow", "States": {"Slow": task("hold")}}
    both = {"Type": "Parallel", "Branches": [quick, slow], "End": True}
    execution = run(sfn, {"Do": both}, hold.event)
    hold.wait()
    hold.release()
    wait_until(lambda: aws.pool._running["hold"] == 0)
    time.sleep(0.3)  # for an event that must not come
    events = sfn.get_execution_history(executionArn=execution["executionArn"])["events"]
    assert events[-1]["type"] == "ExecutionFailed"


def test_stop_aborts_at_once_with_error_and_cause(sfn, hold):
    arn = start(sfn, create(sfn, {"Do": task("hold")}), hold.event)
    hold.wait()
    sfn.stop_execution(executionArn=arn, error="Enough", cause="I said so")
    execution = wait(sfn, arn)  # the function is held still
    assert (execution["status"], execution["error"]) == ("ABORTED", "Enough")
    assert execution["stopDate"]
    assert (
        sfn.get_execution_history(executionArn=arn, reverseOrder=True)["events"][0]["type"]
        == "ExecutionAborted"
    )


def test_timed_out_machine_has_a_stop_date(sfn):
    execution = run(sfn, {"Do": task("sleep")}, {"seconds": 10}, TimeoutSeconds=1)
    assert execution["status"] == "TIMED_OUT"
    assert execution["stopDate"]


def test_state_timeout_is_states_timeout(sfn):
    execution = run(sfn, {"Do": task("sleep", TimeoutSeconds=1)}, {"seconds": 10})
    assert execution["error"] == "States.Timeout"


@pytest.mark.parametrize("name", ["a b", "a/b", "a:b", "x" * 81, 'a"b', "a*"])
def test_bad_execution_names_are_refused(sfn, name):
    machine = create(sfn, {"Do": {"Type": "Pass", "End": True}})
    with pytest.raises(ClientError):
        sfn.start_execution(stateMachineArn=machine, name=name)


def test_executions_without_a_name_get_names_of_their_own(sfn):
    machine = create(sfn, {"Do": {"Type": "Pass", "End": True}})
    arns = {sfn.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(3)}
    assert len(arns) == 3


def test_same_name_starts_once(sfn, hold):
    machine = create(sfn, {"Do": task("hold")})
    arn = start(sfn, machine, hold.event, name="one")
    assert start(sfn, machine, hold.event, name="one") == arn
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        start(sfn, machine, {**hold.event, "another": 1}, name="one")
    hold.release()
    assert wait(sfn, arn)["status"] == "SUCCEEDED"
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        start(sfn, machine, hold.event, name="one")


def test_input_that_is_too_large_or_no_json_is_refused(sfn):
    machine = create(sfn, {"Do": {"Type": "Pass", "End": True}})
    for text in ("x" * 262_145, "{"):
        with pytest.raises(ClientError):
            sfn.start_execution(stateMachineArn=machine, input=text)


def test_unknown_function_has_awss_error_name(sfn):
    assert run(sfn, {"Do": task("nobody")})["error"] == "Lambda.ResourceNotFoundException"


def test_synchronous_execution_answers_with_its_output(sfn):
    machine = create(sfn, {"Do": task("echo")})
    answer = sfn.start_sync_execution(stateMachineArn=machine, input='{"a": 1}')
    assert answer["status"] == "SUCCEEDED"
    assert json.loads(answer["output"])["event"] == {"a": 1}
    assert answer["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0


def test_synchronous_execution_that_fails_says_why(sfn):
    answer = sfn.start_sync_execution(stateMachineArn=create(sfn, {"Do": task("fail")}), input="{}")
    assert (answer["status"], answer["error"]) == ("FAILED", "BusyError")


def test_execution_that_ended_cannot_be_stopped_any_more(sfn):
    execution = run(sfn, {"Do": {"Type": "Pass", "End": True}})
    sfn.stop_execution(executionArn=execution["executionArn"])
    assert sfn.describe_execution(executionArn=execution["executionArn"])["status"] == "SUCCEEDED"


def test_succeeded_execution_has_its_output_from_the_first_moment(sfn):
    machine = create(sfn, {"Do": {"Type": "Pass", "End": True}})
    for _ in range(20):
        arn = sfn.start_execution(stateMachineArn=machine, input='{"a":1}')["executionArn"]
        assert json.loads(wait(sfn, arn, pause_s=0)["output"]) == {"a": 1}
