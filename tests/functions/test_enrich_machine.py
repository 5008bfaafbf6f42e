"""Enrich through the real state machine: the definition's own states, real handlers, a server on loopback."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import jsonschema
import pytest

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.definition import load_stages, render_definition
from rem.executions.failed_notes import find_in_transcript, find_in_visits
from rem.executions.history import read_visits
from rem.home.resources import BUCKET, MACHINE_ARN, TABLE, build_functions, create_stack
from rem.lambdas.pool import PoolOptions
from rem.states.local_aws import LocalAws
from tests.functions.asking import KEY, RECORDING, SAID, spoken
from tests.openai_server import answer, failure, rate_limit, serve, server_error, unauthorized
from tests.rem.transcripts.test_transcript import SCHEMA

pytestmark = pytest.mark.slow
OPTIONAL = ("notes", "speaker-names", "corrections", "embeddings")


@pytest.fixture(scope="module")
def server():
    with serve() as started:
        yield started


@pytest.fixture(scope="module")
def aws(server, tmp_path_factory):
    stages = load_stages()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        functions = [each for each in build_functions(stages) if each.name in ("enrich", "publish")]
    logs = tmp_path_factory.mktemp("logs")
    with LocalAws(functions, PoolOptions(max_sandboxes=3, max_running=2, log_dir=logs)) as started:
        create_stack(started, stages, poll=False)
        sfn = started.client("stepfunctions")
        sfn.update_state_machine(stateMachineArn=MACHINE_ARN, definition=from_notes_on(stages))
        yield SimpleNamespace(
            sfn=sfn,
            logs=logs,
            store=S3Store(BUCKET, started.client("s3")),
            s3=started.client("s3"),
            catalog=DynamoCatalog(TABLE, started.client("dynamodb")),
        )


def from_notes_on(stages):
    """The definition from EnrichNotes to its end. Waits are short; nothing else is changed."""

    def hurry(rule):
        if "IntervalSeconds" in rule:
            rule |= {"IntervalSeconds": 1, "BackoffRate": 1.0}
            rule.pop("MaxDelaySeconds", None)
        return rule

    arns = {name: f"arn:aws:lambda:us-east-1:123456789012:function:{name}" for name in stages}
    machine = json.loads(render_definition(arns), object_hook=hurry)
    states = {name: machine["States"][name] for name in ("EnrichNotes", "Publish")}
    return json.dumps({**machine, "StartAt": "EnrichNotes", "States": states})


@pytest.fixture
def run(aws, server, request):
    """Runs a recording of its own with the given recipes: {name: required}."""
    server.calls.clear()
    server.script.clear()
    server.reply = lambda call: None
    recording_id = request.node.name.removeprefix("test_")[:60]
    recording = {**RECORDING, "recordingId": recording_id, "bucket": BUCKET}
    folder = f"artifacts/{recording_id}"
    prepared = {"samples": 1, "startedAt": RECORDING["startedAt"], "durationSeconds": 90.0, "chunks": []}
    prepared |= {"channels": [{"audioKey": "x", "speech": [[0, 1]]}], "speechSeconds": 60.0, "audio": {}}
    prepared |= {"receipts": []}
    aws.store.write_json(f"{folder}/prepare/1.json", prepared)
    transcript = spoken(*SAID).to_json() | {**recording, "notes": {}, "receipts": []}
    aws.store.write_json(f"{folder}/assemble/1.json", transcript)

    def start(**recipes: bool):
        planned = [{"name": name.replace("_", "-"), "required": must} for name, must in recipes.items()]
        assembled = {"key": f"{folder}/assemble/1.json", "recipes": planned}
        event = {**recording, "prepared": {"key": f"{folder}/prepare/1.json"}, "assembled": assembled}
        arn = aws.sfn.start_execution(stateMachineArn=MACHINE_ARN, input=json.dumps(event))["executionArn"]
        while (execution := aws.sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            time.sleep(0.05)  # pytest's own limit ends it
        pages = aws.sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        return SimpleNamespace(
            execution=execution,
            history=[event for page in pages for event in page["events"]],
            record=aws.catalog.read("me", recording_id),
            recording_id=recording_id,
        )

    return start


def read_transcript(aws, ran):
    return aws.store.read_json(f"transcripts/me/dev/{ran.recording_id}.json")


def count(ran, kind):
    return sum(event["type"] == kind for event in ran.history)


def test_required_recipe_that_fails_twice_is_retried_twice(aws, server, run):
    server.script += [rate_limit(), server_error()]
    ran = run(notes=True)
    assert ran.execution["status"] == "SUCCEEDED"
    entered = [e["stateEnteredEventDetails"]["name"] for e in ran.history if "stateEnteredEventDetails" in e]
    assert "Enrich" in entered
    assert "EnrichOptional" not in entered
    assert count(ran, "TaskFailed") == 2
    assert len(server.calls) == 3
    assert read_transcript(aws, ran)["notes"]["notes"]["title"] == "Payment service repair"


def test_optional_recipe_that_fails_leaves_complete_with_the_error_recorded(aws, server, run):
    server.reply = lambda call: unauthorized(call.key) if "messages" in call.body else None
    ran = run(notes=False, embeddings=False)
    assert ran.execution["status"] == "SUCCEEDED"
    assert ran.record.status == "COMPLETE"
    transcript = read_transcript(aws, ran)
    assert transcript["notes"]["notes"]["error"] == "SetupError"
    assert "does not accept the API key" in transcript["notes"]["notes"]["message"]
    assert transcript["notes"]["embeddings"]["count"] == len(SAID)
    jsonschema.validate(transcript, {**SCHEMA, "properties": {**SCHEMA["properties"], "audio": {}}})
    markdown = aws.store.read_bytes(f"transcripts/me/dev/{ran.recording_id}.md").decode()
    assert "Notes that failed" in markdown
    [of_execution] = find_in_visits(read_visits(ran.history))
    assert [of_execution] == find_in_transcript(transcript)


def test_required_recipe_that_fails_fails_the_execution_at_once(aws, server, run):
    server.reply = lambda call: unauthorized(call.key)
    ran = run(notes=True)
    assert (ran.execution["status"], ran.execution["error"]) == ("FAILED", "SetupError")
    assert len(server.calls) == 1
    assert "EnrichNotes" in {
        e["stateEnteredEventDetails"]["name"] for e in ran.history if "stateEnteredEventDetails" in e
    }
    assert not any(e.get("stateExitedEventDetails", {}).get("name") == "EnrichNotes" for e in ran.history)


def test_what_was_made_before_a_failure_is_not_asked_again(aws, server, run):
    server.reply = lambda call: unauthorized(call.key) if "messages" in call.body else None
    assert run(embeddings=True).execution["status"] == "SUCCEEDED"
    assert run(embeddings=True, notes=True).execution["status"] == "FAILED"
    server.calls.clear()
    server.reply = lambda call: None
    assert run(embeddings=True, notes=True).execution["status"] == "SUCCEEDED"
    assert [call.path for call in server.calls] == ["/v1/chat/completions"]


def test_server_errors_end_at_the_retry_limit_and_nobody_else_retries(aws, server, run):
    server.reply = lambda call: server_error()
    ran = run(notes=False)
    assert ran.execution["status"] == "SUCCEEDED"
    assert len(server.calls) == 1 + 6
    note = read_transcript(aws, ran)["notes"]["notes"]
    assert note["error"] == "BusyError"
    assert "answered 500" in note["message"]


def test_tokens_and_dollars_are_in_the_stages(aws, run):
    ran = run(notes=False, corrections=False)
    stages = {stage["name"]: stage for stage in read_transcript(aws, ran)["stages"]}
    assert stages["enrich"]["requests"] == 2
    assert stages["enrich"]["inputTokens"] == 2 * 1200
    assert stages["enrich"]["llmUsd"] == pytest.approx(2 * (1200 * 0.10 + 150 * 0.50) / 1e6)
    assert stages["enrich"]["seconds"] > 0


def test_name_that_a_person_gave_stays(aws, server, run):
    found = {"label": "SPEAKER_00", "name": "Anna", "segmentId": 0, "quote": "this is Anna"}
    server.reply = lambda call: answer({"names": [found]})
    ran = run(speaker_names=False)
    names = {s["label"]: s.get("name") for s in read_transcript(aws, ran)["speakers"]}
    assert names == {"SPEAKER_00": "Anna", "SPEAKER_01": None}


def test_key_is_in_no_log_event_artifact_or_history_when_every_call_fails(aws, server, run):
    """The server repeats the key wherever it can."""
    replies = {
        "Notes": unauthorized,
        "SpeakerNames": lambda key: failure(500, f"crash at {key}", key, key, retry_after=key),
        "Corrections": lambda key: failure(400, f"bad request of {key}", key, key),
    }
    server.reply = lambda call: (
        replies[call.schema](call.key) if "messages" in call.body else failure(429, call.key, call.key, None)
    )
    ran = run(**dict.fromkeys((name.replace("-", "_") for name in OPTIONAL), False))
    assert {call.key for call in server.calls} == {KEY}
    assert set(read_transcript(aws, ran)["notes"]) == set(OPTIONAL)
    assert all("error" in note for note in read_transcript(aws, ran)["notes"].values())
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = [item["Key"] for page in pages for item in page["Contents"]]
    places = {
        "history": json.dumps([ran.history, ran.execution], default=str),
        "record": json.dumps(ran.record.to_item()),
        **{path.name: path.read_text() for path in aws.logs.iterdir()},
        **{key: aws.store.read_bytes(key).decode("latin-1") for key in keys},
    }
    assert "enrich.log" in places
    assert "SetupError" in places["enrich.log"]
    secret = KEY.removeprefix("sk-test-")
    assert [place for place, text in places.items() if secret in text] == []
