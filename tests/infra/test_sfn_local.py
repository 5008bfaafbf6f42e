"""The definition on AWS's own Step Functions Local, where a Docker engine answers; skipped elsewhere.

Its Lambda answers come from a mock file, so only AWS's reading of the definition is looked at.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time

import boto3
import pytest
from botocore.exceptions import BotoCoreError

from rem.definition import load_stages, render_definition

pytestmark = [pytest.mark.infra, pytest.mark.slow]
IMAGE = "amazon/aws-stepfunctions-local:2.0.1"
PORT = 8083
MACHINE = "recording"
ARNS = {name: f"arn:aws:lambda:us-east-1:123456789012:function:{name}" for name in load_stages()}
PREPARED = {
    "key": "k",
    "hasSpeech": False,
    "durationSeconds": 1,
    "speechSeconds": 0,
    "chunks": [],
    "slices": [],
}
MOCKS = {
    "StateMachines": {MACHINE: {"TestCases": {"silence": {"Prepare": "prepared", "Publish": "published"}}}},
    "MockedResponses": {
        "prepared": {"0": {"Return": {"StatusCode": 200, "Payload": PREPARED}}},
        "published": {"0": {"Return": {"StatusCode": 200, "Payload": {"transcriptKey": "t", "speakers": 0}}}},
    },
}


@pytest.fixture(scope="module")
def sfn(tmp_path_factory):
    if shutil.which("docker") is None or run("docker", "info").returncode:
        pytest.skip("no Docker engine answers, so AWS Step Functions Local cannot run")
    folder = tmp_path_factory.mktemp("sfn")
    (folder / "mocks.json").write_text(json.dumps(MOCKS))
    container = run(
        *("docker", "run", "--rm", "--detach", f"--publish=127.0.0.1:{PORT}:{PORT}"),
        *(f"--volume={folder}:/mocks:ro", "--env=SFN_MOCK_CONFIG=/mocks/mocks.json", IMAGE),
    )
    if container.returncode:
        pytest.skip(f"AWS Step Functions Local cannot be started: {container.stderr.strip()}")
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("stepfunctions", endpoint_url=f"http://127.0.0.1:{PORT}", **keys)
    wait_until_it_answers(client)
    yield client
    run("docker", "stop", container.stdout.strip())


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def wait_until_it_answers(client):
    for _ in range(60):
        try:
            client.list_state_machines()
        except BotoCoreError:
            time.sleep(1)
        else:
            return
    raise AssertionError("Step Functions Local does not answer")


def test_awss_own_interpreter_takes_a_silent_recording_to_publish(sfn):
    machine = sfn.create_state_machine(
        name=MACHINE, definition=render_definition(ARNS), roleArn="arn:aws:iam::123456789012:role/x"
    )
    event = dict.fromkeys(("recordingId", "userId", "deviceId", "startedAt", "bucket", "key"), "x")
    started = sfn.start_execution(
        stateMachineArn=f"{machine['stateMachineArn']}#silence", input=json.dumps(event)
    )
    for _ in range(60):
        execution = sfn.describe_execution(executionArn=started["executionArn"])
        if execution["status"] != "RUNNING":
            break
        time.sleep(0.5)
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
