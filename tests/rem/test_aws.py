"""The adapters against moto: what S3 and DynamoDB really answer."""

import dataclasses

import numpy as np
import pytest

from rem.audio import WAV_HEADER_BYTES
from rem.aws import DynamoCatalog, Executions, S3Store
from rem.core.jobs import Status
from rem.core.recordings import Recording
from rem.localaws import LocalAws
from rem.localaws.stack import BUCKET, TABLE, create_stack
from rem.stages import load_stages
from tests.functions.sounds import tone, write_wav
from tests.rem.localaws.conftest import wait_until

pytestmark = pytest.mark.slow
RECORDING = Recording("r1", "me", "dev", "2026-11-24T09:00:00+00:00", BUCKET, "raw/me/dev/2026/11/24/r1.wav")


@pytest.fixture(scope="module")
def stack():
    with LocalAws([]) as aws:
        create_stack(aws, load_stages(), poll=False)
        yield aws


@pytest.fixture
def store(stack):
    return S3Store(BUCKET, stack.client("s3"))


@pytest.fixture
def catalog(stack):
    return DynamoCatalog(TABLE, stack.client("dynamodb"))


def record(stack, recording_id):
    key = {"userId": {"S": "me"}, "recordingId": {"S": recording_id}}
    return stack.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]


def test_what_is_written_is_read_back(store):
    store.write_json("a/b.json", {"ä": [1, 2.5, None]})
    assert store.read_json("a/b.json") == {"ä": [1, 2.5, None]}
    assert store.exists("a/b.json")
    assert not store.exists("a/c.json")


def test_ranges_are_exact(store):
    store.write_bytes("bytes", bytes(range(100)), "application/octet-stream")
    assert store.read_bytes("bytes", 10, 13) == bytes([10, 11, 12])
    assert store.read_bytes("bytes", 98) == bytes([98, 99])
    assert store.read_bytes("bytes", 5, 5) == b""


def test_head_tells_content_hash_and_metadata(stack, store):
    stack.client("s3").put_object(Bucket=BUCKET, Key="h", Body=b"x", Metadata={"started-at": "t"})
    assert store.read_head("h").metadata == {"started-at": "t"}
    assert store.read_head("h").etag == "9dd4e461268c8034f5c8564e155c67a6"


def test_files_go_up_and_come_down(store, tmp_path):
    path = write_wav(tmp_path / "a.wav", tone(1))
    store.upload(path, "sound", "audio/wav")
    store.download("sound", tmp_path / "b.wav")
    assert (tmp_path / "b.wav").read_bytes() == path.read_bytes()
    pcm = np.frombuffer(store.read_bytes("sound", WAV_HEADER_BYTES, WAV_HEADER_BYTES + 20), np.int16)
    np.testing.assert_array_equal(pcm, tone(1)[:10])


def test_floats_are_stored_as_numbers(stack, catalog):
    assert catalog.advance(
        RECORDING, Status.TRANSCRIBED, {"durationSeconds": 1.5, "title": "T", "tags": ["a"]}
    )
    stored = record(stack, "r1")
    assert stored["durationSeconds"] == {"N": "1.5"}
    assert stored["status"] == {"S": "TRANSCRIBED"}


def test_a_record_never_goes_back(stack, catalog):
    recording = Recording("r2", "me", "dev", "t", BUCKET, "k")
    assert catalog.advance(recording, Status.COMPLETE, {})
    assert not catalog.advance(recording, Status.TRANSCRIBING, {})
    assert not catalog.advance(recording, Status.ERROR, {})
    assert record(stack, "r2")["status"] == {"S": "COMPLETE"}


def test_an_error_can_be_overcome_by_a_redrive(catalog):
    recording = Recording("r3", "me", "dev", "t", BUCKET, "k")
    assert catalog.advance(recording, Status.ERROR, {"error": {"stage": "prepare"}})
    assert catalog.advance(recording, Status.TRANSCRIBING, {})
    assert catalog.advance(recording, Status.COMPLETE, {})


def test_a_record_is_read_back_as_it_was_written(catalog):
    recording = dataclasses.replace(RECORDING, recording_id="read-back")
    fields = {"durationSeconds": 61.5, "speakerCount": 2, "names": {"SPEAKER_00": "Ada"}, "tags": ["a", None]}
    catalog.advance(recording, Status.TRANSCRIBED, fields)
    read = catalog.read("me", "read-back")
    assert {name: read[name] for name in fields} == fields
    assert read["status"] == "TRANSCRIBED"
    assert catalog.read("me", "nobody") is None


def test_only_unfinished_records_are_open(catalog):
    done = dataclasses.replace(RECORDING, recording_id="done", user_id="open-test")
    failed = dataclasses.replace(done, recording_id="failed")
    waiting = dataclasses.replace(done, recording_id="waiting")
    for recording in (done, failed, waiting):
        catalog.advance(recording, Status.UPLOADED, {})
    catalog.advance(done, Status.COMPLETE, {})
    catalog.advance(failed, Status.ERROR, {"error": {"stage": "prepare"}})

    def read(before="9999"):
        return [r["recordingId"] for r in catalog.read_open(before, 100) if r["userId"] == "open-test"]

    assert read() == ["waiting"]
    assert read(catalog.read("open-test", "waiting")["updatedAt"]) == []
    catalog.advance(failed, Status.TRANSCRIBING, {})
    assert read() == ["waiting", "failed"]
    assert "error" not in catalog.read("open-test", "failed")


def test_record_is_replaced_only_as_it_was_seen(catalog):
    recording = dataclasses.replace(RECORDING, recording_id="seen")
    assert catalog.replace(recording, None, {"status": "ERROR", "error": {"stage": "prepare"}})
    assert not catalog.replace(recording, None, {"status": "COMPLETE"})
    seen = catalog.read("me", "seen")
    assert catalog.replace(recording, seen, {"status": "TRANSCRIBING", "error": None})
    assert not catalog.replace(recording, seen, {"status": "COMPLETE"})
    record = catalog.read("me", "seen")
    assert record["status"] == "TRANSCRIBING"
    assert "error" not in record
    assert record["createdAt"] == seen["createdAt"]


def test_executions_are_described_and_read_newest_first(stack):
    sfn = stack.client("stepfunctions")
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E", "Cause": "C"}}}'
    role = "arn:aws:iam::123456789012:role/x"
    machine = sfn.create_state_machine(name="fails", definition=definition, roleArn=role)["stateMachineArn"]
    executions = Executions(machine, sfn)
    arn = executions.build_arn("one")
    assert executions.describe(arn) is None
    sfn.start_execution(stateMachineArn=machine, name="one", input="{}")
    wait_until(lambda: executions.describe(arn)["status"] == "FAILED")
    ids = [event["id"] for event in executions.read_newest_events(arn)]
    assert ids == sorted(ids, reverse=True)
