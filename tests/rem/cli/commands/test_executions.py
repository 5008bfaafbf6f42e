"""The command line against a running local AWS, as a person would use it."""

import json
from dataclasses import replace

import pytest

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.step_functions import Executions
from rem.cli.commands.redrive import choose_failed
from rem.core.places import execution_name
from rem.core.recordings import Recording
from rem.core.records import FailureReport, Record, Status
from rem.home.resources import MACHINE_ARN, TABLE
from tests.rem.cli.conftest import RECORDING
from tests.rem.conftest import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ran(installation):
    """One execution that succeeded, one that lacks something, one that can never work."""
    installation.run("good")
    installation.switch(transcribe="SetupError")
    installation.run("bad")
    installation.switch(prepare="InputError")
    installation.run("hopeless")
    installation.switch(prepare="work", transcribe="work")
    return installation


def test_executions_are_listed_newest_first_with_their_failure(ran):
    rows = ran.rem_json("executions")["executions"]
    assert [row["execution"] for row in rows] == ["hopeless", "bad", "good"]
    assert rows[1]["failure"] == {
        "state": "Transcribe",
        "error": "SetupError",
        "message": "transcribe was told to fail",
    }
    assert rows[2]["failure"] is None


def test_only_failed_ones_are_listed_on_request(ran):
    code, text = ran.rem("executions", "--failed")
    assert code == 0
    assert "Transcribe SetupError" in text
    assert "good" not in text


def test_execution_is_shown_state_by_state_with_the_log_of_its_failure(ran):
    code, text = ran.rem("show", "bad")
    assert code == 0
    assert "Transcribe: SetupError: transcribe was told to fail" in text
    assert 'out  {"prepare": {"key": "artifacts/walk-17/' in text
    assert "[ERROR] SetupError: transcribe was told to fail" in text
    assert "Error Type: SetupError" in text
    assert max(len(line) for line in text.split("Log of")[0].splitlines()) <= 100


def test_log_is_that_of_the_failed_invocation_alone(ran):
    shown = ran.rem_json("show", "bad")
    starts = [line for line in shown["failure"]["log"] if line.startswith("START")]
    assert len(starts) == 1
    [request_id] = {line.split()[2] for line in starts}
    assert request_id in (ran.folder / "transcribe.calls").read_text()


def test_whole_inputs_and_outputs_are_shown_on_request(ran):
    _, text = ran.rem("show", "good", "--full")
    assert text.count('"recordingId": "walk-17"') == 4  # in and out of two states


def test_doctor_has_a_sentence_and_the_commands(ran):
    code, text = ran.rem("doctor", "bad")
    assert code == 0
    assert "lacks something that Transcribe needs: transcribe was told to fail." in text
    assert "rem redrive bad" in text
    assert "nothing to mend" in ran.rem("doctor", "good")[1]
    assert ran.rem_json("doctor", "hopeless")["diagnosis"]["kind"] == "bad-input"


def test_execution_is_found_by_its_recording(ran):
    description = ran.aws.client("stepfunctions").describe_execution(
        executionArn=ran.rem_json("show", "bad")["arn"]
    )
    catalog = DynamoCatalog(TABLE, ran.aws.client("dynamodb"))
    recording = Recording.from_event(RECORDING)
    error = FailureReport("transcribe", "SetupError", "It lacks.", is_redrivable=True)
    failed = Record.begin(recording, Status.ERROR)
    catalog.replace(None, replace(failed, error=error, execution_arn=description["executionArn"]))
    _, text = ran.rem("show", "walk-17")
    assert "transcribe: SetupError: It lacks." in text
    assert "rem show bad" in text
    assert "rem redrive bad" in ran.rem("doctor", "walk-17")[1]


def test_recording_without_a_named_execution_is_asked_for_the_one_of_its_upload(ran):
    """A COMPLETE record whose status events were lost names none."""
    s3, key = ran.aws.client("s3"), "raw/me/badge-1/2026/11/24/lost.wav"
    etag = s3.put_object(Bucket=RECORDING["bucket"], Key=key, Body=b"x")["ETag"].strip('"')
    recording = Recording.from_event({**RECORDING, "recordingId": "lost", "key": key})
    catalog = DynamoCatalog(TABLE, ran.aws.client("dynamodb"))
    catalog.replace(None, Record.begin(recording, Status.COMPLETE))
    assert "Execution:" not in ran.rem("show", "lost")[1]
    name = execution_name("lost", key, etag)
    ran.run(name, recordingId="lost", key=key)
    assert f"Execution: rem show {name}" in ran.rem("show", "lost")[1]


def test_unknown_names_get_a_sentence(ran):
    for command in ("show", "doctor", "stop", "redrive"):
        code, text = ran.rem(command, "nobody")
        assert code == 2
        assert "neither an execution nor a recording named 'nobody'" in text


def test_what_has_ended_cannot_be_stopped(ran):
    code, text = ran.rem("stop", "good")
    assert code == 2
    assert "good is not running: it is SUCCEEDED" in text


def test_redrive_wants_names_or_all_failed(ran):
    assert ran.rem("redrive")[0] == 2
    assert ran.rem("redrive", "bad", "--all-failed")[0] == 2


def test_running_execution_is_stopped_with_its_reason(ran):
    sfn = ran.aws.client("stepfunctions")
    definition = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}})
    role = "arn:aws:iam::123456789012:role/x"
    machine = sfn.create_state_machine(name="waits", definition=definition, roleArn=role)["stateMachineArn"]
    arn = sfn.start_execution(stateMachineArn=machine, name="long", input="{}")["executionArn"]
    assert ran.rem("stop", arn, "--reason", "lunch")[0] == 0
    stopped = sfn.describe_execution(executionArn=arn)
    assert (stopped["status"], stopped["cause"]) == ("ABORTED", "lunch")
    assert "stopped while W ran: lunch." in ran.rem("doctor", arn)[1]


def test_all_failed_leaves_out_what_can_never_work_and_what_was_stopped(ran, capsys):
    known = Executions(MACHINE_ARN, ran.aws.client("stepfunctions"))
    assert [execution.name for execution in choose_failed(known)] == ["bad"]
    assert "hopeless left out: prepare was told to fail" in capsys.readouterr().out


def test_note_that_failed_is_named_with_its_reason_although_the_execution_succeeded(ran):
    sfn = ran.aws.client("stepfunctions")
    cause = json.dumps({"errorMessage": "no model 'm' at the server", "errorType": "SetupError"})
    failure = {"recipe": "chapters", "failure": {"Error": "SetupError", "Cause": cause}}
    states = {"RecordFailure": {"Type": "Pass", "Parameters": failure, "End": True}}
    definition = json.dumps({"StartAt": "RecordFailure", "States": states})
    role = "arn:aws:iam::123456789012:role/x"
    machine = sfn.create_state_machine(name="notes", definition=definition, roleArn=role)["stateMachineArn"]
    arn = sfn.start_execution(stateMachineArn=machine, name="partly", input="{}")["executionArn"]
    wait_until(lambda: sfn.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")
    said = "chapters: SetupError: no model 'm' at the server"
    assert said in ran.rem("show", arn)[1]
    assert f"One note is missing. {said}." in ran.rem("doctor", arn)[1]
    assert ran.rem_json("doctor", arn)["diagnosis"]["kind"] == "notes"
    assert ran.rem_json("show", arn)["failedNotes"] == [
        {"recipe": "chapters", "error": "SetupError", "message": "no model 'm' at the server"}
    ]
