"""Redrive as AWS answers it, word for word; the local end of it is tested where it is built."""

from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber

from rem.adapters.step_functions import Executions
from rem.core.errors import InputError
from rem.executions.execution import Execution

MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:rem-dev-recording"
ARN = "arn:aws:states:eu-central-1:123456789012:execution:rem-dev-recording:walk"
AT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def sfn():
    return boto3.client(
        "stepfunctions", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


def describe(**more):
    answer = {
        "executionArn": ARN,
        "stateMachineArn": MACHINE,
        "name": "walk",
        "status": "FAILED",
        "startDate": AT,
    }
    return {**answer, "stopDate": AT, "redriveCount": 0, **more}


def test_execution_is_redriven_under_its_own_arn(sfn):
    with Stubber(sfn) as stub:
        stub.add_response("describe_execution", describe(redriveStatus="REDRIVABLE"), {"executionArn": ARN})
        stub.add_response("redrive_execution", {"redriveDate": AT}, {"executionArn": ARN})
        known = Executions(MACHINE, sfn)
        execution = known.find("walk")
        assert execution.is_redrivable
        known.redrive(execution)
        stub.assert_no_pending_responses()


def test_execution_that_aws_does_not_redrive_says_why(sfn):
    reason = "Execution redrivable period exceeded"
    execution = Execution.from_answer(describe(redriveStatus="NOT_REDRIVABLE", redriveStatusReason=reason))
    assert not execution.is_redrivable
    with Stubber(sfn) as stub:
        stub.add_client_error("redrive_execution", "ExecutionNotRedrivable", "Not redrivable")
        with pytest.raises(InputError, match=f"walk cannot be redriven: {reason}"):
            Executions(MACHINE, sfn).redrive(execution)


def test_execution_that_waits_for_its_redrive_counts_as_running():
    assert Execution.from_answer(describe(status="PENDING_REDRIVE")).is_running


def test_failed_executions_of_every_kind_are_merged_by_time(sfn):
    def page(status, *days):
        return {
            "executions": [
                {
                    **describe(status=status, name=f"{status}-{day}"),
                    "startDate": datetime(2026, 11, day, tzinfo=UTC),
                }
                for day in days
            ]
        }

    pages = {"FAILED": (9, 5), "TIMED_OUT": (7,), "ABORTED": (8, 1)}
    with Stubber(sfn) as stub:
        for status, days in pages.items():
            stub.add_response(
                "list_executions", page(status, *days), {"stateMachineArn": MACHINE, "statusFilter": status}
            )
        found = Executions(MACHINE, sfn).list_newest(4, only_failed=True)
    assert [execution.name for execution in found] == ["FAILED-9", "ABORTED-8", "TIMED_OUT-7", "FAILED-5"]
