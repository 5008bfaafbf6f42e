import json
import time

import pytest

from rem.adapters.logs import CloudWatchLogs
from rem.adapters.step_functions import Executions
from rem.cli.target import open_target, resolve_target
from rem.core.errors import InputError, SetupError
from rem.home.endpoint import ENDPOINT_FILE


def test_running_rem_up_is_found_by_its_data_folder(tmp_path):
    (tmp_path / ENDPOINT_FILE).write_text(json.dumps({"endpointUrl": "http://127.0.0.1:5000"}))
    (tmp_path / "logs").mkdir()
    target = resolve_target(data=tmp_path, environment={})
    assert target.endpoint_url == "http://127.0.0.1:5000"
    assert target.log_dir == tmp_path / "logs"
    assert target.machine_arn.endswith(":stateMachine:rem-recording")
    assert target.dead_letter_url.endswith("/rem-uploads-dlq")


def test_default_folder_is_taken_only_where_a_rem_up_runs_on_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "rem").mkdir()
    (tmp_path / "rem" / ENDPOINT_FILE).write_text('{"endpointUrl": "http://127.0.0.1:5001"}')
    assert resolve_target(environment={}).endpoint_url == "http://127.0.0.1:5001"


def test_names_can_be_given_one_by_one(tmp_path):
    target = resolve_target(endpoint_url="http://x", environment={"REM_BUCKET": "mine"})
    assert (target.bucket, target.table) == ("mine", "rem-recordings")


def test_folder_without_a_server_gets_a_sentence(tmp_path):
    with pytest.raises(InputError, match="no `rem up` runs on"):
        resolve_target(data=tmp_path, environment={})


@pytest.mark.parametrize("text", ["", "{}", "[]", "no"])
def test_damaged_endpoint_file_gets_a_sentence(tmp_path, text):
    (tmp_path / ENDPOINT_FILE).write_text(text)
    with pytest.raises(InputError, match="damaged"):
        resolve_target(data=tmp_path, environment={})


def test_aws_and_an_endpoint_contradict_each_other():
    with pytest.raises(InputError, match="--endpoint-url is for"):
        resolve_target(profile="work", endpoint_url="http://x", environment={})


def test_unknown_profile_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SetupError, match=r"nobody.*--profile"):
        resolve_target(profile="nobody", environment={})


def test_server_that_is_gone_gets_a_sentence():
    with (
        pytest.raises(SetupError, match="is `rem up` running"),
        open_target("", "", "rem-dev", "http://127.0.0.1:9", None) as target,
    ):
        Executions(target.machine_arn, target.client("stepfunctions")).find("x")


@pytest.mark.slow
def test_names_on_aws_are_those_of_terraform(installation, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": installation.aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)
    target = resolve_target(region="eu-central-1", stack="rem-prod", environment={})
    assert target.bucket == "rem-prod-recordings-123456789012-eu-central-1"
    assert target.table == "rem-prod-recordings"
    assert target.queue_url == "https://sqs.eu-central-1.amazonaws.com/123456789012/rem-prod-uploads"
    assert target.machine_arn == "arn:aws:states:eu-central-1:123456789012:stateMachine:rem-prod-recording"


@pytest.mark.slow
def test_installation_that_does_not_exist_gets_a_sentence(installation, monkeypatch):
    monkeypatch.setenv("REM_STATE_MACHINE_ARN", "arn:aws:states:us-east-1:123456789012:stateMachine:nobody")
    code, text = installation.rem("executions")
    assert code == 2
    assert "there is no arn:aws:states" in text


@pytest.mark.slow
def test_log_of_one_invocation_is_cut_out_of_its_stream(installation):
    client = installation.aws.client("logs")
    group, mine, other = "/aws/lambda/rem-dev-transcribe", "a" * 8, "b" * 8
    client.create_log_group(logGroupName=group)
    lines = {
        "one": [f"START RequestId: {mine}", "what it said", f"REPORT RequestId: {mine}"],
        "two": [f"START RequestId: {other}", "a neighbour", f"REPORT RequestId: {other}"],
    }
    now_ms = int(time.time() * 1000)
    for stream, said in lines.items():
        client.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": now_ms + n, "message": line} for n, line in enumerate(said)]
        client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    function = "arn:aws:lambda:us-east-1:123456789012:function:rem-dev-transcribe:$LATEST"
    assert CloudWatchLogs(client).read(function, mine) == lines["one"]
    assert CloudWatchLogs(client).read(function, "c" * 8) == []
    [refusal] = CloudWatchLogs(client).read("rem-dev-nobody", mine)
    assert "cannot be read" in refusal
