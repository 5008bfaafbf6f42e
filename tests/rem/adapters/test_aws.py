"""The adapters against moto: what S3 and DynamoDB really answer."""

import dataclasses
import hashlib
import urllib.request

import numpy as np
import pytest

from rem.adapters.dynamodb import DynamoApiKeys, DynamoCatalog
from rem.adapters.s3 import S3Store, S3Uploads
from rem.adapters.step_functions import Executions
from rem.core.api_keys import Scope
from rem.core.errors import InputError
from rem.core.recordings import Recording
from rem.core.records import FailureReport, Record, Status
from rem.definition import load_stages
from rem.home.resources import BUCKET, KEYS_TABLE, TABLE, create_stack
from rem.library.keyring import Keyring
from rem.stage.prepared import WAV_HEADER_BYTES
from rem.states.local_aws import LocalAws
from tests.functions.sounds import tone, write_wav
from tests.rem.conftest import wait_until

pytestmark = pytest.mark.slow
FAILED = FailureReport("prepare", "InputError", "there is no sound in it", is_redrivable=False)
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
    assert catalog.advance(RECORDING, Status.TRANSCRIBED, {"duration_s": 1.5, "title": "T"})
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
    assert catalog.advance(recording, Status.ERROR, {"error": FAILED})
    assert catalog.advance(recording, Status.TRANSCRIBING, {})
    assert catalog.advance(recording, Status.COMPLETE, {})


def test_a_record_is_read_back_as_it_was_written(catalog):
    recording = dataclasses.replace(RECORDING, recording_id="read-back")
    changes = {
        "duration_s": 61.5,
        "speaker_count": 2,
        "speaker_names": {"SPEAKER_00": "Ada"},
        "error": FAILED,
    }
    catalog.advance(recording, Status.ERROR, changes)
    read = catalog.read("me", "read-back")
    assert {name: getattr(read, name) for name in changes} == changes
    assert (read.status, read.status_rank, read.key) == (Status.ERROR, Status.ERROR.rank, recording.key)
    assert catalog.read("me", "nobody") is None


def test_fields_of_a_newer_rem_survive_what_an_older_one_writes(stack, catalog):
    key = {"userId": {"S": "me"}, "recordingId": {"S": "newer"}}
    mood = {"M": {"tags": {"L": [{"S": "calm"}, {"NULL": True}]}}}
    catalog.advance(dataclasses.replace(RECORDING, recording_id="newer"), Status.UPLOADED, {})
    stack.client("dynamodb").update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET mood = :mood",
        ExpressionAttributeValues={":mood": mood},
    )
    seen = catalog.read("me", "newer")
    assert seen.more == {"mood": {"tags": ["calm", None]}}
    assert catalog.replace(seen, dataclasses.replace(seen, title="T"))
    assert catalog.change("me", "newer", {"title": "U"})
    assert record(stack, "newer")["mood"] == mood
    seen = catalog.read("me", "newer")
    assert catalog.replace(seen, seen.mark_deleted())
    assert "mood" not in record(stack, "newer")


def test_only_unfinished_records_are_open(catalog):
    done = dataclasses.replace(RECORDING, recording_id="done", user_id="open-test")
    failed = dataclasses.replace(done, recording_id="failed")
    waiting = dataclasses.replace(done, recording_id="waiting")
    for recording in (done, failed, waiting):
        catalog.advance(recording, Status.UPLOADED, {})
    catalog.advance(done, Status.COMPLETE, {})
    catalog.advance(failed, Status.ERROR, {"error": FAILED})

    def read(before="9999"):
        return [r.recording_id for r in catalog.read_open(before, 100) if r.user_id == "open-test"]

    assert read() == ["waiting"]
    assert read(catalog.read("open-test", "waiting").updated_at) == []
    catalog.advance(failed, Status.TRANSCRIBING, {})
    assert read() == ["waiting", "failed"]
    assert catalog.read("open-test", "failed").error is None


def test_record_is_replaced_only_as_it_was_seen(catalog):
    recording = dataclasses.replace(RECORDING, recording_id="seen")
    assert catalog.replace(None, dataclasses.replace(Record.begin(recording, Status.ERROR), error=FAILED))
    assert not catalog.replace(None, Record.begin(recording, Status.COMPLETE))
    seen = catalog.read("me", "seen")
    again = dataclasses.replace(seen, status=Status.TRANSCRIBING, error=None)
    assert catalog.replace(seen, again)
    assert not catalog.replace(seen, dataclasses.replace(seen, status=Status.COMPLETE))
    now = catalog.read("me", "seen")
    assert now.updated_at > seen.updated_at
    assert now == dataclasses.replace(again, updated_at=now.updated_at)


def test_executions_are_described_and_read_newest_first(stack):
    sfn = stack.client("stepfunctions")
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "E", "Cause": "C"}}}'
    role = "arn:aws:iam::123456789012:role/x"
    machine = sfn.create_state_machine(name="fails", definition=definition, roleArn=role)["stateMachineArn"]
    executions = Executions(machine, sfn)
    assert executions.find("one") is None
    assert executions.start("one", {})
    wait_until(lambda: executions.find("one").status == "FAILED")
    assert not executions.start("one", {})
    arn = executions.find("one").arn
    assert executions.find(arn).name == "one"
    ids = [event["id"] for event in executions.read_history(arn, newest_first=True)]
    assert ids == sorted(ids, reverse=True)


def test_an_object_is_created_once(store):
    assert store.create("once", b"first", "audio/wav", {"sha256": "a"})
    assert not store.create("once", b"second", "audio/wav", {"sha256": "b"})
    assert store.read_bytes("once") == b"first"
    assert store.read_head("once").metadata == {"sha256": "a"}


def test_what_is_deleted_leaves_no_version_and_no_marker(stack, store):
    s3 = stack.client("s3")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    kept = S3Store("versions", s3)
    for content in (b"1", b"2"):
        for key in ("a/x", "a/y", "b/x"):
            kept.write_bytes(key, content, "text/plain")
    s3.delete_object(Bucket="versions", Key="a/x")
    found = kept.find_versions("a/")
    assert sorted(version.key for version in found) == ["a/x", "a/x", "a/x", "a/y", "a/y"]
    kept.delete(found)
    kept.delete(found)
    left = s3.list_object_versions(Bucket="versions")
    assert {version["Key"] for version in left["Versions"]} == {"b/x"}
    assert "DeleteMarkers" not in left
    assert kept.find_versions("a/") == []


def test_plain_objects_are_deleted_too(store):
    store.write_bytes("gone/1", b"x", "text/plain")
    store.delete(store.find_versions("gone/1"))
    assert not store.exists("gone/1")


def add_record(catalog, recording_id, started_at, *, user="anna", device="badge", **fields):
    recording = Recording(recording_id, user, device, started_at, BUCKET, f"raw/{recording_id}")
    catalog.advance(recording, Status.UPLOADED, fields)


def test_records_are_listed_newest_first_page_by_page(catalog):
    for i in range(5):
        add_record(catalog, f"l{i}", f"2026-11-2{i}T09:00:00+00:00", device=f"d{i % 2}")
    add_record(catalog, "theirs", "2026-11-29T09:00:00+00:00", user="ben", device="d0")
    first = catalog.find("anna", limit=3)
    assert [r.recording_id for r in first.records] == ["l4", "l3", "l2"]
    second = catalog.find("anna", limit=3, cursor=first.cursor)
    assert [r.recording_id for r in second.records] == ["l1", "l0"]
    assert second.cursor is None
    of_device = catalog.find("anna", device_id="d0", since="2026-11-22")
    assert [r.recording_id for r in of_device.records] == ["l4", "l2"]


def test_a_cursor_of_one_user_opens_no_other_users_list(catalog):
    add_record(catalog, "c1", "2026-11-21T09:00:00+00:00", user="carl")
    add_record(catalog, "c2", "2026-11-22T09:00:00+00:00", user="carl")
    cursor = catalog.find("carl", limit=1).cursor
    assert all(r.user_id == "dora" for r in catalog.find("dora", cursor=cursor).records)


@pytest.mark.parametrize("cursor", ["", "x", "bm9uZQ==", "WzEsMl0=", "WyIiLCIiXQ=="])
def test_a_cursor_that_is_none_of_ours_is_refused(catalog, cursor):
    with pytest.raises(InputError, match="no list gave you this cursor"):
        catalog.find("anna", cursor=cursor)


def test_a_session_is_found_by_its_name(catalog):
    add_record(catalog, "s1", "2026-11-21T09:00:00+00:00", session_id="talk", seq=1)
    add_record(catalog, "s2", "2026-11-21T09:05:00+00:00", session_id="talk", seq=2)
    add_record(catalog, "s3", "2026-11-21T09:05:00+00:00", session_id="talk", user="ben")
    assert [r.seq for r in catalog.find("anna", session_id="talk").records] == [2, 1]


def test_fields_are_set_only_on_a_record_that_is_there(catalog):
    add_record(catalog, "f1", "2026-11-21T09:00:00+00:00")
    assert catalog.change("anna", "f1", {"speaker_names": {"SPEAKER_00": "Ada"}})
    assert catalog.read("anna", "f1").speaker_names == {"SPEAKER_00": "Ada"}
    assert catalog.read("anna", "f1").status == Status.UPLOADED
    assert catalog.change("anna", "f1", {"speaker_names": None})
    assert catalog.read("anna", "f1").speaker_names == {}
    assert not catalog.change("anna", "nobody", {"title": "T"})
    assert catalog.read("anna", "nobody") is None


def test_a_record_is_deleted_once(catalog):
    add_record(catalog, "d1", "2026-11-21T09:00:00+00:00")
    assert catalog.delete("anna", "d1")
    assert not catalog.delete("anna", "d1")
    assert catalog.read("anna", "d1") is None


def test_keys_are_kept_in_their_table(stack):
    keyring = Keyring(DynamoApiKeys(KEYS_TABLE, stack.client("dynamodb")))
    key, text = keyring.add("me", scope=Scope.INGEST, device_id="badge-1", name="pocket")
    assert keyring.check(text).device_id == "badge-1"
    assert [k.last_seen_at is None for k in keyring.list()] == [False]
    keyring.revoke(key.key_id)
    assert keyring.check(text) is None


def test_parts_become_one_object(stack, store):
    uploads = S3Uploads(BUCKET, stack.client("s3"))
    upload_id = uploads.start("parts", "audio/wav", {"sha256": "abc"})
    assert uploads.list_parts("parts", upload_id) == []
    pieces = {2: b"end", 1: b"x" * 5 * 2**20}
    for number, piece in pieces.items():
        url = uploads.sign_part("parts", upload_id, number, 60)
        kind = {"Content-Type": "application/octet-stream"}  # a form's type would make moto read it as one
        request = urllib.request.Request(url, data=piece, method="PUT", headers=kind)
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200
    found = uploads.list_parts("parts", upload_id)
    assert [(p.number, p.size_bytes) for p in found] == [(1, 5 * 2**20), (2, 3)]
    assert found[1].etag == hashlib.md5(b"end", usedforsecurity=False).hexdigest()
    uploads.complete("parts", upload_id, found)
    assert store.read_bytes("parts", 5 * 2**20) == b"end"
    assert store.read_head("parts").metadata == {"sha256": "abc"}


def test_an_upload_that_was_ended_has_no_parts(stack):
    uploads = S3Uploads(BUCKET, stack.client("s3"))
    upload_id = uploads.start("ended", "audio/wav", {})
    uploads.abort("ended", upload_id)
    uploads.abort("ended", upload_id)
    assert uploads.list_parts("ended", upload_id) is None
    assert uploads.put_part("ended", upload_id, 1, b"late") is None


def test_a_part_is_stored_under_its_hash_and_may_be_sent_again(stack):
    uploads = S3Uploads(BUCKET, stack.client("s3"))
    upload_id = uploads.start("direct", "audio/wav", {})
    for content in (b"first", b"second"):
        etag = uploads.put_part("direct", upload_id, 1, content)
        assert etag == hashlib.md5(content, usedforsecurity=False).hexdigest()
    [part] = uploads.list_parts("direct", upload_id)
    assert (part.etag, part.size_bytes) == (etag, 6)
