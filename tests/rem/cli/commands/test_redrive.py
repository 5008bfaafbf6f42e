"""The whole way: a stage fails, the record says why, the cause is mended, the same execution succeeds."""

import pytest

from rem.adapters.dynamodb import DynamoCatalog
from rem.core.records import FailureReport, Status
from rem.home.resources import BUCKET, TABLE
from tests.rem.conftest import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def catalog(installation):
    return DynamoCatalog(TABLE, installation.aws.client("dynamodb"))


def break_transcribe(installation, catalog, recording_id):
    """An execution that failed, and its record once the status event has reached it."""
    key = f"raw/me/badge-1/2026/11/24/{recording_id}.wav"
    installation.aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")
    installation.switch(transcribe="SetupError")
    execution = installation.run(f"{recording_id}-1", recordingId=recording_id, key=key)
    installation.switch(transcribe="work")
    wait_until(lambda: (record := catalog.read("me", recording_id)) and record.status is Status.ERROR)
    return execution, catalog.read("me", recording_id)


def test_failed_execution_leaves_an_error_with_a_sentence(installation, catalog):
    execution, record = break_transcribe(installation, catalog, "broken")
    assert execution["status"] == "FAILED"
    sentence = "The installation lacks something that Transcribe needs: transcribe was told to fail."
    assert record.error == FailureReport("transcribe", "SetupError", sentence, is_redrivable=True)
    assert "Transcribe needs: transcribe was told to fail." in " ".join(installation.rem("list")[1].split())


def test_redriven_execution_goes_on_where_it_broke(installation, catalog):
    broken, _ = break_transcribe(installation, catalog, "mended")
    calls = installation.calls("prepare"), installation.calls("transcribe")
    code, text = installation.rem("redrive", "mended", "--wait")
    assert code == 0, text
    sfn, arn = installation.aws.client("stepfunctions"), broken["executionArn"]
    mended = sfn.describe_execution(executionArn=arn)
    assert (mended["status"], mended["redriveCount"]) == ("SUCCEEDED", 1)
    assert (installation.calls("prepare"), installation.calls("transcribe")) == (calls[0], calls[1] + 1)
    types = [event["type"] for event in sfn.get_execution_history(executionArn=arn)["events"]]
    assert types.count("ExecutionRedriven") == 1
    wait_until(lambda: catalog.read("me", "mended").status is Status.COMPLETE)
    assert catalog.read("me", "mended").error is None
    assert "redriven 1 time(s)" in installation.rem("show", "mended-1")[1]


def test_execution_that_fails_again_says_so_with_its_exit_code(installation, catalog):
    break_transcribe(installation, catalog, "stubborn")
    installation.switch(transcribe="InputError")
    code, text = installation.rem("redrive", "stubborn-1", "--wait")
    installation.switch(transcribe="work")
    assert code == 3
    assert "FAILED" in text
    assert "Transcribe InputError: transcribe was told to fail" in text
    wait_until(lambda: (error := catalog.read("me", "stubborn").error) and error.error == "InputError")


def test_what_succeeded_is_not_redriven(installation):
    installation.run("fine")
    code, text = installation.rem("redrive", "fine")
    assert code == 2
    assert "fine cannot be redriven: Execution is SUCCEEDED" in text
