import json
from pathlib import Path

import pytest

from functions.ingest import route, start
from rem.adapters import clients as aws
from rem.core.errors import InputError
from rem.stage.settings import RouteSettings
from tests.fakes import FakeStore

EVENTS = Path(__file__).parents[1] / "events"


def load(name):
    return json.loads((EVENTS / name).read_text())


def test_s3_event_carries_the_identity_and_the_content():
    [(recording, content)] = start.parse_message(load("s3-object-created.json"))
    assert recording.recording_id == "morning walk(2)"
    assert (recording.user_id, recording.device_id) == ("me", "badge-1")
    assert content == "d41d8cd98f00b204e9800998ecf8427e"


def test_s3_test_event_starts_nothing():
    assert list(start.parse_message(load("s3-test-event.json"))) == []


def test_older_job_message_is_understood():
    [(recording, _)] = start.parse_message(load("job-message.json"))
    assert recording.started_at == "2026-11-24T09:30:00+00:00"


def test_any_other_message_is_refused_with_its_fields():
    with pytest.raises(InputError, match="hello"):
        list(start.parse_message({"hello": 1}))


STANDARD, EXPRESS = "arn:standard", "arn:express"
CLIP = {"started-at": "2026-11-24T09:30:00Z", "ended-at": "2026-11-24T09:30:20Z"}  # 20 s


@pytest.mark.parametrize(
    ("express_max_s", "metadata", "changes", "machine"),
    [
        (30, CLIP, {}, EXPRESS),
        (20, CLIP, {}, EXPRESS),
        (19, CLIP, {}, STANDARD),
        (0, CLIP, {}, STANDARD),
        (30, CLIP, {"express": False}, STANDARD),
        (30, {}, {}, STANDARD),
        (30, CLIP | {"ended-at": "soon"}, {}, STANDARD),
        (30, CLIP | {"ended-at": "2026-11-24T09:30:20"}, {}, STANDARD),
        (30, CLIP | {"ended-at": "2026-11-24T09:29:00Z"}, {}, STANDARD),
    ],
)
def test_only_clips_that_are_known_to_be_short_run_on_express(express_max_s, metadata, changes, machine):
    body = load("s3-object-created.json")
    [(recording, _)] = start.parse_message(body)
    store = FakeStore({recording.key: b"sound"}, {recording.key: metadata})
    settings = RouteSettings(
        bucket="b",
        table="t",
        state_machine_arn=STANDARD,
        express_machine_arn=EXPRESS,
        express_max_s=express_max_s,
    )
    assert route.choose_machine(body | changes, recording, store=store, settings=settings) == machine


def test_a_clip_that_was_deleted_meanwhile_is_not_short():
    body = load("s3-object-created.json")
    [(recording, _)] = start.parse_message(body)
    assert route.read_length_s(body, recording, FakeStore()) is None


def test_a_job_message_tells_its_length_itself():
    body = load("job-message.json")
    [(recording, _)] = start.parse_message(body)
    assert route.read_length_s(body, recording, FakeStore()) == 300


def sqs_record(number, body):
    return {
        "messageId": f"m{number}",
        "receiptHandle": "r",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:rem-uploads",
        "awsRegion": "us-east-1",
    }


@pytest.mark.slow
def test_bad_messages_are_reported_and_their_neighbours_start_once(monkeypatch):
    from rem.states.local_aws import LocalAws

    with LocalAws([]) as local:
        sfn = local.client("stepfunctions")
        definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
        machine = sfn.create_state_machine(
            name="m", definition=definition, roleArn="arn:aws:iam::123456789012:role/x"
        )
        monkeypatch.setenv("REM_STATE_MACHINE_ARN", machine["stateMachineArn"])
        monkeypatch.setenv("REM_EXPRESS_MAX_S", "0")
        monkeypatch.setenv("REM_BUCKET", "b")
        monkeypatch.setenv("REM_TABLE", "t")
        monkeypatch.setenv("AWS_ENDPOINT_URL", local.endpoint_url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        aws.sfn_client.cache_clear()
        upload = load("s3-object-created.json")
        bodies = [
            upload,
            "not json",
            upload,
            load("s3-test-event.json"),
            {"hello": 1},
            load("job-message.json"),
        ]
        event = {"Records": [sqs_record(i, body) for i, body in enumerate(bodies)]}
        answer = start.handler(event, None)
        aws.sfn_client.cache_clear()
        failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        assert failed == ["m1", "m4"]
        names = [
            e["name"] for e in sfn.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        ]
        assert len(names) == 2
        assert {name.rsplit("-", 1)[0] for name in names} == {"morning-walk-2-", "walk-17"}
