"""The data folder: what was acknowledged is there after a kill, whole; what was not is absent or whole."""

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rem.adapters.folder import DataFolder, ObjectFiles, StoredObject
from rem.core.errors import SetupError
from rem.states.local_aws import LocalAws
from tests.rem.conftest import wait_until
from tests.rem.states.durable_server import BUCKET, TABLE
from tests.rem.states.test_engine import wait

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
SERVER = Path(__file__).with_name("durable_server.py")


class Server:
    """A process that serves a data folder; `hello` is what it said when it was ready."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), str(self.folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        said = self.process.stdout.readline()
        if not said:
            self.kill()  # also closes the pipe, which a later test would otherwise be blamed for
            raise AssertionError("the server ended before it was ready")
        self.hello = json.loads(said)

    def client(self, service):
        config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, max_pool_connections=20)
        return boto3.client(
            service,
            endpoint_url=self.hello["endpoint"],
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=config,
        )

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "data")
    yield server
    server.kill()


def write_until_it_breaks(server, number, acknowledged):
    s3, dynamodb, chance = server.client("s3"), server.client("dynamodb"), random.Random(number)
    for count in range(10_000):
        key = f"raw/me/dev/2026/11/25/{number}-{count}.bin"
        content = chance.randbytes(chance.choice([10, 1000, 300_000]))
        try:
            s3.put_object(Bucket=BUCKET, Key=key, Body=content, Metadata={"n": str(count)})
            acknowledged["objects"][key] = (hashlib.sha256(content).hexdigest(), str(count))
            item = {"id": {"S": f"writer-{number}"}}
            dynamodb.update_item(
                TableName=TABLE,
                Key=item,
                UpdateExpression="ADD hits :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
            acknowledged["hits"][number] += 1
        except (BotoCoreError, ClientError):
            return


def test_no_acknowledged_write_is_lost_to_a_kill(server):
    acknowledged = {"objects": {}, "hits": Counter()}
    chance = random.Random(7)
    for _ in range(3):
        threads = [
            threading.Thread(target=write_until_it_breaks, args=(server, number, acknowledged))
            for number in range(4)
        ]
        enough = len(acknowledged["objects"]) + 10
        for thread in threads:
            thread.start()
        wait_until(lambda enough=enough: len(acknowledged["objects"]) >= enough)
        time.sleep(chance.uniform(0.0, 0.6))
        server.kill()
        for thread in threads:
            thread.join()
        server.start()
    s3, dynamodb = server.client("s3"), server.client("dynamodb")
    for key, (digest, count) in acknowledged["objects"].items():
        answer = s3.get_object(Bucket=BUCKET, Key=key)
        assert hashlib.sha256(answer["Body"].read()).hexdigest() == digest
        assert answer["Metadata"] == {"n": count}
    for number, hits in acknowledged["hits"].items():
        item = dynamodb.get_item(TableName=TABLE, Key={"id": {"S": f"writer-{number}"}})["Item"]
        assert (
            hits <= int(item["hits"]["N"]) <= hits + 3
        )  # an unanswered write may have counted, once per kill


def test_executions_go_on_after_a_kill_and_repeat_nothing_that_succeeded(server, tmp_path):
    calls = tmp_path / "calls"
    calls.mkdir()
    sfn, arns, chance = server.client("stepfunctions"), [], random.Random(3)
    for number in range(6):
        words = [f"x{number}-{i}" for i in range(3)]
        event = {"folder": str(calls), "items": words, "name": f"last{number}"}
        started = sfn.start_execution(
            stateMachineArn=server.hello["machine"], name=f"run-{number}", input=json.dumps(event)
        )
        arns.append(started["executionArn"])
    resumed = 0
    for _ in range(2):
        enough = len(list(calls.glob("*.call-*"))) + chance.randint(4, 12)
        wait_until(lambda enough=enough: len(list(calls.glob("*.call-*"))) >= enough)
        server.kill()
        server.start()
        resumed += server.hello["resumed"]
    sfn = server.client("stepfunctions")
    assert resumed > 0
    for number, arn in enumerate(arns):
        execution = wait(sfn, arn)
        assert execution["status"] == "SUCCEEDED", execution
        words = [f"x{number}-{i}" for i in range(3)]
        output = json.loads(execution["output"])
        assert (output["words"], output["last"]["Payload"]) == (words, f"last{number}")
        pages = sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        events = [event for page in pages for event in page["events"]]
        kinds = Counter(event["type"] for event in events)
        assert (kinds["TaskSucceeded"], kinds["TaskScheduled"], kinds["MapIterationStarted"]) == (7, 7, 6)
        assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    made = Counter(path.name.split(".")[0] for path in calls.glob("*.call-*"))
    in_flight = 2 * 4  # at each kill, one call per sandbox may have been under way
    assert sum(made.values()) <= 6 * 7 + in_flight


def test_finished_executions_are_still_told_of_after_a_restart(server, tmp_path):
    (tmp_path / "calls").mkdir()
    event = json.dumps({"folder": str(tmp_path / "calls"), "items": ["a"], "name": "n"})
    sfn = server.client("stepfunctions")
    arn = sfn.start_execution(stateMachineArn=server.hello["machine"], name="one", input=event)[
        "executionArn"
    ]
    before = wait(sfn, arn)
    events = sfn.get_execution_history(executionArn=arn)["events"]
    server.kill()
    server.start()
    sfn = server.client("stepfunctions")
    after = sfn.describe_execution(executionArn=arn)
    for answer in (before, after):
        del answer["ResponseMetadata"]
    assert after == before
    assert sfn.get_execution_history(executionArn=arn)["events"] == events
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        sfn.start_execution(stateMachineArn=server.hello["machine"], name="one", input=event)


def test_objects_are_plain_files_for_people_too(server):
    s3 = server.client("s3")
    s3.put_object(Bucket=BUCKET, Key="raw/me/dev/2026/11/25/r1.wav", Body=b"sound")
    s3.put_object(Bucket=BUCKET, Key="transcripts/me/dev/r1.md", Body=b"old")
    s3.put_object(Bucket=BUCKET, Key="transcripts/me/dev/r1.md", Body=b"words")
    folder = server.folder / "recordings" / "2026" / "11" / "25" / "r1"
    assert (folder / "audio.wav").read_bytes() == b"sound"
    assert (folder / "transcript.md").read_bytes() == b"words"
    s3.delete_objects(
        Bucket=BUCKET,
        Delete={"Objects": [{"Key": "transcripts/me/dev/r1.md"}, {"Key": "raw/me/dev/2026/11/25/r1.wav"}]},
    )
    assert not folder.exists()
    server.kill()
    server.start()
    assert "Contents" not in server.client("s3").list_objects_v2(Bucket=BUCKET)


def test_an_upload_in_parts_is_durable_when_it_is_complete(server):
    s3 = server.client("s3")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="big")["UploadId"]
    contents = [b"a" * (5 << 20), b"b"]
    parts = [
        {
            "PartNumber": n,
            "ETag": s3.upload_part(Bucket=BUCKET, Key="big", UploadId=upload, PartNumber=n, Body=c)["ETag"],
        }
        for n, c in enumerate(contents, 1)
    ]
    done = s3.complete_multipart_upload(
        Bucket=BUCKET, Key="big", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    server.kill()
    server.start()
    answer = server.client("s3").get_object(Bucket=BUCKET, Key="big")
    assert answer["ETag"] == done["ETag"]
    assert answer["Body"].read() == b"".join(contents)
    ranged = server.client("s3").get_object(Bucket=BUCKET, Key="big", Range="bytes=5242879-5242880")
    assert ranged["Body"].read() == b"ab"


def test_a_second_process_is_refused_and_harms_nothing(server):
    second = Server(server.folder)
    assert "served by another process" in second.hello["refused"]
    second.kill()
    server.client("s3").put_object(Bucket=BUCKET, Key="still", Body=b"here")


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "objects").mkdir()
    with pytest.raises(SetupError, match="no data folder of REM"):
        DataFolder(tmp_path)
    (tmp_path / "format").write_text("99")
    with pytest.raises(SetupError, match="format 99"):
        DataFolder(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot be used as data folder"):
        DataFolder(tmp_path / "file" / "data")


def test_a_symbolic_link_to_the_folder_is_the_same_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with DataFolder(tmp_path / "link"), pytest.raises(SetupError, match="served by another"):
        DataFolder(tmp_path / "real")


class FullDisk(ObjectFiles):
    """Refuses contents of a certain size, as a full disk does."""

    def write(self, stored, content):
        if content == b"too much":
            raise OSError(28, "No space left on device")
        return super().write(stored, content)


def test_a_full_disk_refuses_the_write_and_keeps_what_was_there(tmp_path):
    with LocalAws([], data_dir=tmp_path / "data") as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        aws.folder.objects = FullDisk(tmp_path / "data")
        s3.put_object(Bucket=BUCKET, Key="old", Body=b"fits")
        for key in ("old", "new"):
            with pytest.raises(ClientError, match="No space left on device"):
                s3.put_object(Bucket=BUCKET, Key=key, Body=b"too much")
        assert s3.get_object(Bucket=BUCKET, Key="old")["Body"].read() == b"fits"
        assert [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["old"]


def test_half_written_objects_are_swept_away(tmp_path):
    files = ObjectFiles(tmp_path)
    files.write(StoredObject("b", "whole", 1, "e", "2026-11-25T00:00:00", {}), b"x")
    half = files.path_of("b", "half")
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_bytes(b"no description")
    half.with_name("some.new").write_bytes(b"")
    assert [stored.key for stored in files.read_all()] == ["whole"]
    assert not half.exists()


def test_writes_that_the_folder_does_not_know_are_refused(server):
    dynamodb = server.client("dynamodb")
    with pytest.raises(ClientError, match="write items one by one"):
        dynamodb.batch_write_item(RequestItems={TABLE: [{"PutRequest": {"Item": {"id": {"S": "a"}}}}]})


def test_deleted_items_stay_deleted(server):
    dynamodb = server.client("dynamodb")
    for name in ("a", "b"):
        dynamodb.put_item(TableName=TABLE, Item={"id": {"S": name}, "n": {"N": "1"}})
    dynamodb.delete_item(TableName=TABLE, Key={"id": {"S": "a"}})
    server.kill()
    server.start()
    items = server.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert items == [{"id": {"S": "b"}, "n": {"N": "1"}}]
