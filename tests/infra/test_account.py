"""In a real account, and only when told to: deploy, one recording, one failure and its redrive, destroy.

`make test-aws REGION=…` runs it with the credentials that are set. It takes about half an hour, most of it
building images, and costs cents. Never run by the project itself: it has no AWS account.
"""

from __future__ import annotations

import json
import os
import time

import boto3
import pytest

from infra.cloud import Cloud
from infra.deploy import Deployment, RealShell
from infra.images import build_images
from rem.core.places import transcript_key
from rem.definition import ROOT

pytestmark = [pytest.mark.aws, pytest.mark.timeout(5400)]
REGION = os.environ.get("REM_TEST_AWS_REGION", "")
LIMIT_S = 1200


@pytest.fixture(scope="module")
def outputs():
    if not REGION:
        pytest.skip("no account to test in: make test-aws REGION=eu-central-1")
    deployment = Deployment(RealShell(), Cloud(REGION), "smoke", REGION, build_images())
    try:
        yield deployment.deploy()
    finally:
        deployment.destroy(ask=False)


@pytest.fixture(scope="module")
def clients(outputs):
    services = ("s3", "stepfunctions", "lambda")
    return {service: boto3.client(service, region_name=REGION) for service in services}


def upload(clients, outputs, recording_id):
    key = f"raw/smoke/laptop/2026/11/24/{recording_id}.wav"
    clients["s3"].upload_file(str(ROOT / "models" / "demo" / "standup.wav"), outputs["bucket"], key)


def wait_for_end(clients, outputs, recording_id):
    sfn, deadline_s = clients["stepfunctions"], time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        found = sfn.list_executions(stateMachineArn=outputs["machine_arns"]["standard"])["executions"]
        ended = [e for e in found if e["name"].startswith(f"{recording_id}-") and e["status"] != "RUNNING"]
        if ended:
            return sfn.describe_execution(executionArn=ended[0]["executionArn"])
        time.sleep(5)
    raise AssertionError(f"{recording_id} did not end within {LIMIT_S} s")


def test_an_upload_becomes_a_transcript(clients, outputs):
    upload(clients, outputs, "first")
    execution = wait_for_end(clients, outputs, "first")
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    answer = clients["s3"].get_object(
        Bucket=outputs["bucket"], Key=transcript_key("smoke", "laptop", "first")
    )
    assert json.loads(answer["Body"].read())["segments"]


def test_a_failed_execution_is_redriven_where_it_broke(clients, outputs):
    """Publish is given a table that is not there, and then its own again."""
    function, name = clients["lambda"], outputs["functions"]["publish"]
    variables = function.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    set_variables(function, name, variables | {"REM_TABLE": "no-such-table"})
    upload(clients, outputs, "second")
    execution = wait_for_end(clients, outputs, "second")
    assert execution["status"] == "FAILED"
    set_variables(function, name, variables)
    clients["stepfunctions"].redrive_execution(executionArn=execution["executionArn"])
    execution = wait_for_end(clients, outputs, "second")
    assert (execution["status"], execution["redriveCount"]) == ("SUCCEEDED", 1)


def set_variables(function, name, variables):
    function.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    function.get_waiter("function_updated_v2").wait(FunctionName=name)
