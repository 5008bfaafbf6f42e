"""The API as Lambda runs it: its own process, real S3 and DynamoDB answers, several requests at a time."""

import hashlib
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from rem.adapters.dynamodb import DynamoApiKeys
from rem.definition import load_stages
from rem.home.resources import BUCKET, KEYS_TABLE, TABLE, build_functions, create_stack
from rem.lambdas.pool import PoolOptions
from rem.library.intake import SMALL_BYTES
from rem.library.keyring import Keyring
from rem.library.upload_parts import PART_BYTES
from rem.states.local_aws import LocalAws
from tests.functions.requests import WAV, Answer, build_event, build_form

pytestmark = pytest.mark.slow


class Deployed:
    def __init__(self, aws):
        self.aws, self.s3 = aws, aws.client("s3")
        self.keyring = Keyring(DynamoApiKeys(KEYS_TABLE, aws.client("dynamodb")))
        _, self.key = self.keyring.add("me")

    def call(self, method, path, *, json_body=None, **request):
        if json_body is not None:
            request |= {"body": json.dumps(json_body).encode(), "content_type": "application/json"}
        event = build_event(method, path, **{"key": self.key, **request})
        answer = self.aws.pool.invoke("api", json.dumps(event).encode())
        assert answer.function_error is None, answer.payload
        return Answer.from_event(json.loads(answer.payload))

    def ingest(self, audio=WAV, **fields):
        body, content_type = build_form(audio, **fields)
        return self.call("POST", "/ingest", body=body, content_type=content_type)

    def list_keys(self):
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.fixture(scope="module")
def deployed():
    with LocalAws(build_functions({"api": load_stages()["api"]}), PoolOptions(max_sandboxes=4)) as aws:
        create_stack(aws, load_stages(), poll=False)
        yield Deployed(aws)


def test_a_device_is_served_within_its_memory(deployed):
    audio = WAV + bytes(SMALL_BYTES - len(WAV))
    answer = deployed.ingest(audio, recordingId="largest", seq="0", sessionId="talk", battery="55.5")
    assert answer.json == {"success": True, "recordingId": "largest", "duplicate": False}
    head = deployed.s3.head_object(Bucket=BUCKET, Key="raw/me/badge-1/2026/11/24/largest.wav")
    assert head["Metadata"] == {
        "sha256": hashlib.sha256(audio).hexdigest(),
        "started-at": "2026-11-24T09:30:00.000+00:00",
    }
    assert head["ContentType"] == "audio/wav"
    shown = deployed.call("GET", "/recordings/largest").json
    assert (shown["battery"], shown["seq"], shown["sizeBytes"]) == (55.5, 0, SMALL_BYTES)
    assert max(report.max_memory_mb for report in deployed.aws.pool.reports) < 256


def test_the_same_upload_from_many_at_once_is_one_recording(deployed):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: deployed.ingest(recordingId="rush"), range(12)))
    assert {answer.status for answer in answers} == {200}
    assert sum("rush" in key for key in deployed.list_keys()) == 1
    dynamodb = deployed.aws.client("dynamodb")
    query = {":user": {"S": "me"}, ":id": {"S": "rush"}}
    condition = "userId = :user AND recordingId = :id"
    found = dynamodb.query(TableName=TABLE, KeyConditionExpression=condition, ExpressionAttributeValues=query)
    assert found["Count"] == 1


def test_different_bytes_under_one_id_at_once_store_one_of_them(deployed):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda i: deployed.ingest(WAV + bytes([i]), recordingId="clash"), range(8)))
    assert [answer.status for answer in answers].count(200) == 1
    assert {answer.status for answer in answers} <= {200, 409, 503}
    assert sum("clash" in key for key in deployed.list_keys()) == 1


def test_parts_go_to_the_presigned_urls_and_become_the_recording(deployed):
    audio = WAV + bytes(PART_BYTES)
    request = {
        "deviceId": "cli",
        "startedAt": "2026-11-24T09:30:00Z",
        "recordingId": "concert",
        "sha256": hashlib.sha256(audio).hexdigest(),
        "sizeBytes": len(audio),
        "format": "wav",
    }
    state = deployed.call("POST", "/uploads", json_body=request).json
    for part in state["parts"]:
        first = (part["number"] - 1) * PART_BYTES
        put = urllib.request.Request(
            part["url"],
            data=audio[first : first + PART_BYTES],
            method="PUT",
            headers={"Content-Type": "application/octet-stream"},
        )
        urllib.request.urlopen(put).close()
    arrived = deployed.call("GET", "/uploads/concert").json["parts"]
    body = {"parts": [{"number": part["number"], "etag": part["etag"]} for part in arrived]}
    answers = [deployed.call("POST", "/uploads/concert/complete", json_body=body).json for _ in range(2)]
    assert [answer["duplicate"] for answer in answers] == [False, True]
    stored = deployed.s3.get_object(Bucket=BUCKET, Key="raw/me/cli/2026/11/24/concert.wav")["Body"].read()
    assert stored == audio


def test_a_revoked_key_ends_with_the_next_request(deployed):
    key, text = deployed.keyring.add("me")
    assert deployed.call("GET", "/recordings", key=text).status == 200
    deployed.keyring.revoke(key.key_id)
    assert deployed.call("GET", "/recordings", key=text).status == 401


def test_recordings_devices_and_gaps_are_read_back(deployed):
    for seq in (0, 2):
        deployed.ingest(
            WAV + bytes([seq]), recordingId=f"ear-{seq}", deviceId="ear", sessionId="s", seq=str(seq)
        )
    listed = deployed.call("GET", "/recordings", query={"deviceId": "ear", "limit": "1"}).json
    assert len(listed["recordings"]) == 1
    rest = deployed.call("GET", "/recordings", query={"deviceId": "ear", "cursor": listed["cursor"]}).json
    assert len(rest["recordings"]) == 1
    assert deployed.call("GET", "/devices/ear/ledger").json["resend"] == ["ear-1"]
    assert "ear" in [device["deviceId"] for device in deployed.call("GET", "/devices").json["devices"]]
    conversation = deployed.call("GET", "/sessions/s/transcript").json
    assert [part["status"] for part in conversation["recordings"]] == ["UPLOADED", "UPLOADED"]


def test_a_deleted_recording_is_gone(deployed):
    deployed.ingest(WAV + b"gone", recordingId="gone")
    removed = deployed.call("DELETE", "/recordings/gone").json["removed"]
    assert removed == ["raw/me/badge-1/2026/11/24/gone.wav", "record me/gone"]
    assert deployed.call("GET", "/recordings/gone").status == 404
    assert not any("gone" in key for key in deployed.list_keys())
