"""The whole configuration applied for real against the local AWS, then used: names, events, roles, settings.

One apply takes 90 s, most of it the provider's own waits (S3 lifecycle, SQS), so all tests share it, in
order: the last one destroys it.
"""

from __future__ import annotations

import hashlib
import json
import time
import urllib.request
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml
from moto.events.models import EventPattern
from moto.iam.access_control import IAMPolicy, PermissionResult
from typer.testing import CliRunner

from rem.adapters.dynamodb import DynamoApiKeys
from rem.cli.main import app
from rem.core.places import transcript_key
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.core.records import Status
from rem.definition import ROOT, load_resources, load_stages
from rem.lambdas.function import REGION, LocalFunction
from rem.lambdas.pool import PoolOptions
from rem.library.keyring import Keyring
from rem.states.local_aws import LocalAws
from tests import openai_server
from tests.functions.requests import Answer, build_event, build_form
from tests.infra import moto_gaps
from tests.infra.calls import Recorder
from tests.infra.terraform import Terraform
from tests.statemachine import made

pytestmark = [pytest.mark.infra, pytest.mark.slow, pytest.mark.models, pytest.mark.timeout(900)]
MODELS = {"demo-whisper": "whisper", "demo-diarization": "diarization"}
RAW_KEY = "raw/me/badge-1/2026/11/24/standup.wav"
SHORT_KEY = "raw/me/badge-1/2026/11/24/short.wav"
STARTED = {"started-at": "2026-11-24T09:30:00+00:00"}
VARIABLES = {"alert_email": "owner@example.com", "monthly_budget_usd": "10", "use_openai": "true"}
SECRET = "rem-dev/openai-api-key"
# What a role may do although no handler calls it here: who needs it, or when.
USED_BY_AWS = {
    "Logs": "Lambda writes the function's log",
    "Traces": "Lambda and the tracer's daemon send segments",
    "TakeMessages": "the event source mapping takes messages in the function's name",
    "KnowWhatWasDeleted": "an upload may be gone before the starter looks; here that depends on the moment",
}


@pytest.fixture(scope="module")
def stack(plugins, tmp_path_factory):
    """Applied, with every function runnable as Terraform set it up."""
    logged: list[tuple[str, str]] = []
    models = tmp_path_factory.mktemp("models")
    for name, folder in MODELS.items():
        (models / name).symlink_to(ROOT / "models" / "demo" / folder)

    def build_function(configuration) -> LocalFunction:
        environment = configuration["Environment"]["Variables"]
        environment = {k: v.replace("/opt/models", str(models)) for k, v in environment.items()}
        return LocalFunction(
            name=configuration["FunctionName"],
            handler=configuration["ImageConfigResponse"]["ImageConfig"]["Command"][0],
            code_dir=ROOT,
            memory_mb=configuration["MemorySize"],
            timeout_s=configuration["Timeout"],
            environment=environment
            | {"AWS_ACCESS_KEY_ID": configuration["FunctionName"]}  # tells the recorder who calls
            | ({"OPENAI_BASE_URL": server.base_url} if "REM_OPENAI_SECRET" in environment else {}),
        )

    with (
        pytest.MonkeyPatch.context() as patch,
        openai_server.serve() as server,
        LocalAws(
            [],
            PoolOptions(
                max_sandboxes=10, max_running=2, on_log=lambda name, line: logged.append((name, line))
            ),
        ) as aws,
    ):

        def learn(name: str, version: str = "$LATEST") -> None:
            of_lambda = aws.client("lambda")
            found = of_lambda.get_function_configuration(FunctionName=name, Qualifier=version)
            called = name if version == "$LATEST" else f"{name}:{version}"
            aws.pool.add(replace(build_function(found), name=called))

        def invoke(name: str, payload: bytes) -> tuple[bytes, str | None]:
            if name not in aws.pool.functions:
                learn(name)
            answer = aws.pool.invoke(name, payload)
            return answer.payload, answer.function_error

        aws.client("sqs").list_queues()  # moto is there from here on
        moto_gaps.fill(patch, invoke, publish=learn)
        recorder = Recorder(patch)
        terraform = Terraform(tmp_path_factory.mktemp("applied"), plugins, aws.endpoint_url)
        tune(
            terraform,
            start={"express_max_s": 20},
            sweep={"stale_after_s": 0.5, "lost_upload_after_s": 0.5},
            transcribe={"whisper_model": "demo-whisper"},
            diarize={"diarization_model": "demo-diarization"},
            cluster={"diarization_model": "demo-diarization"},
        )
        terraform.apply(**VARIABLES)
        aws.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString="sk-test")
        outputs = terraform.outputs()
        for name in outputs["functions"].values():
            learn(name)
        yield SimpleNamespace(aws=aws, terraform=terraform, recorder=recorder, logged=logged, **outputs)


def tune(terraform: Terraform, **changes) -> None:
    stages = yaml.safe_load(terraform.stages_file.read_text())
    for stage, settings in changes.items():
        for name, value in settings.items():
            where = stages[stage] if name in stages[stage] else stages[stage]["settings"]
            where[name] = value
    terraform.stages_file.write_text(yaml.safe_dump(stages, sort_keys=False))


@pytest.fixture(scope="module")
def execution(stack):
    """One upload, until its execution has ended."""
    sound = (ROOT / "models" / "demo" / "standup.wav").read_bytes()
    stack.aws.client("s3").put_object(Bucket=stack.bucket, Key=RAW_KEY, Body=sound, Metadata=STARTED)
    return wait_for_end(stack, "standard", "standup")


@pytest.fixture(scope="module")
def express(stack, execution):
    """The first twelve seconds, and its uploader says so."""
    sound = (ROOT / "models" / "demo" / "standup.wav").read_bytes()[: 44 + 2 * 12 * SAMPLE_RATE_HZ]
    told = STARTED | {"ended-at": "2026-11-24T09:30:12+00:00"}
    stack.aws.client("s3").put_object(Bucket=stack.bucket, Key=SHORT_KEY, Body=sound, Metadata=told)
    return wait_for_end(stack, "express", "short")


@pytest.fixture(scope="module")
def failure(stack, express):
    """An upload that is no sound, on Standard, and the event that AWS would send."""
    put_text(stack, "letter", STARTED)
    return build_status_event(wait_for_end(stack, "standard", "letter"))


def build_status_event(execution):
    """What EventBridge says of an execution that ended."""
    event = json.loads((ROOT / "tests" / "events" / "execution-failed.json").read_text())
    for field in ("executionArn", "stateMachineArn", "name", "status", "input"):
        event["detail"][field] = execution[field]
    return event


@pytest.fixture(scope="module")
def sweeps(stack, failure):
    """What the sweeper did: with an Express run that failed, a lost upload and a deletion; and once more."""
    put_text(stack, "postcard", STARTED | {"ended-at": "2026-11-24T09:30:05+00:00"})
    wait_for_end(stack, "express", "postcard")
    past, lost = {"S": "2026-11-01T00:00:00+00:00"}, "raw/me/badge-1/2026/11/01/lost.wav"
    text = {"userId": "me", "recordingId": "lost", "deviceId": "badge-1", "status": "UPLOADED", "key": lost}
    item = {name: {"S": value} for name, value in (text | {"open": "yes"}).items()}
    item |= {"updatedAt": past, "createdAt": past, "startedAt": past, "statusRank": {"N": "0"}}
    stack.aws.client("dynamodb").put_item(TableName=stack.table, Item=item)
    delete_halfway(stack, item)
    time.sleep(1)
    first = invoke(stack, "sweep", {})
    wait_for_end(stack, "standard", "postcard")
    time.sleep(1)
    return first, invoke(stack, "sweep", {})


@pytest.fixture(scope="module")
def answers(stack, sweeps):
    """Each kind of request once, with a key of its own; what each answered."""
    keys = DynamoApiKeys(stack.keys_table, stack.aws.client("dynamodb"))
    _, key = Keyring(keys).add("me")
    sound = (ROOT / "models" / "demo" / "standup.wav").read_bytes()
    short = sound[: 44 + 2 * 12 * SAMPLE_RATE_HZ]

    def ask(method, path, **request):
        if "json_body" in request:
            body = json.dumps(request.pop("json_body")).encode()
            request |= {"body": body, "content_type": "application/json"}
        event = build_event(method, path, key=request.pop("key", key), **request)
        return Answer.from_event(invoke(stack, "api", event))

    def announce(recording_id):
        digest = hashlib.sha256(sound).hexdigest()
        told = {"recordingId": recording_id, "deviceId": "badge-1", "startedAt": "2026-11-24T10:00:00Z"}
        return told | {"sizeBytes": len(sound), "sha256": digest, "format": "wav"}

    body, form = build_form(short, recordingId="told", endedAt="2026-11-24T09:30:12Z", sessionId="walk")
    found = {"ingest": ask("POST", "/ingest", body=body, content_type=form)}
    wait_for_end(stack, "express", "told")
    found["unknown key"] = ask("GET", "/recordings", key="rem_x_y")
    found["list"] = ask("GET", "/recordings")
    found["device"] = ask("GET", "/recordings", query={"deviceId": "badge-1"})
    found["transcript"] = ask("GET", "/recordings/told/transcript", query={"format": "txt"})
    found["rename"] = ask("PATCH", "/recordings/told/speakers", json_body={"names": {"SPEAKER_00": "Anna"}})
    found["session"] = ask("GET", "/sessions/walk/transcript", query={"format": "txt"})
    found["begin"] = ask("POST", "/uploads", json_body=announce("parts"))
    [part] = found["begin"].json["parts"]
    binary = {"Content-Type": "application/octet-stream"}  # without it, urllib says that it sends a form
    put = urllib.request.Request(part["url"], data=sound, headers=binary, method="PUT")
    with urllib.request.urlopen(put, timeout=30) as answer:
        etag = answer.headers["ETag"].strip('"')
    found["state"] = ask("GET", "/uploads/parts")
    parts = {"parts": [{"number": 1, "etag": etag}]}
    found["complete"] = ask("POST", "/uploads/parts/complete", json_body=parts)
    wait_for_start(stack, "parts")
    found["delete"] = ask("DELETE", "/recordings/parts")
    found["delete finished"] = ask("DELETE", "/recordings/standup")
    invoke(stack, "status", build_status_event(wait_for_end(stack, "standard", "standup")))  # too late
    ask("POST", "/uploads", json_body=announce("given-up"))
    found["abort"] = ask("DELETE", "/uploads/given-up")
    return found


@pytest.fixture(scope="module")
def late(stack, answers):
    """A short clip for which Express's time is not enough, and a sweep; how Express and Standard ended."""
    sfn, arn = stack.aws.client("stepfunctions"), stack.machine_arns["express"]
    definition = sfn.describe_state_machine(stateMachineArn=arn)["definition"]
    hasty = json.dumps(json.loads(definition) | {"TimeoutSeconds": 1})
    sfn.update_state_machine(stateMachineArn=arn, definition=hasty)
    sound = (ROOT / "models" / "demo" / "standup.wav").read_bytes()[: 44 + 2 * 15 * SAMPLE_RATE_HZ]
    told = STARTED | {"ended-at": "2026-11-24T09:30:15+00:00"}
    key = "raw/me/badge-1/2026/11/24/late.wav"
    stack.aws.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=sound, Metadata=told)
    on_express = wait_for_end(stack, "express", "late")
    sfn.update_state_machine(stateMachineArn=arn, definition=definition)
    time.sleep(1)
    assert invoke(stack, "sweep", {})["requeued"] == 1
    return on_express, wait_for_end(stack, "standard", "late")


def delete_halfway(stack, item):
    """A recording that was deleted while stages were at work, each of which wrote once more."""
    names = {"recordingId": "gone", "status": "DELETED", "key": "raw/me/badge-1/2026/11/01/gone.wav"}
    deleted = item | {name: {"S": value} for name, value in names.items()}
    deleted |= {"statusRank": {"N": str(Status.DELETED.rank)}}
    stack.aws.client("dynamodb").put_item(TableName=stack.table, Item=deleted)
    s3 = stack.aws.client("s3")
    for key in (names["key"], "artifacts/gone/prepare/1.json", "transcripts/me/badge-1/gone.json"):
        s3.put_object(Bucket=stack.bucket, Key=key, Body=b"{}")


def wait_for_start(stack, recording_id):
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        found = stack.aws.client("stepfunctions").list_executions(
            stateMachineArn=stack.machine_arns["standard"]
        )
        if any(e["name"].startswith(f"{recording_id}-") for e in found["executions"]):
            return
        time.sleep(0.1)
    raise AssertionError(f"{recording_id} was not started")


def put_text(stack, recording_id, metadata):
    key = f"raw/me/badge-1/2026/11/24/{recording_id}.wav"
    body = b"Dear diary, nobody said anything today.\n" * 200
    stack.aws.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=body, Metadata=metadata)


def invoke(stack, stage, event):
    answer = stack.aws.pool.invoke(stack.functions[stage], json.dumps(event).encode())
    assert answer.function_error is None, answer.payload
    return json.loads(answer.payload)


def wait_for_end(stack, kind, recording_id):
    sfn = stack.aws.client("stepfunctions")
    deadline_s = time.monotonic() + 300
    while time.monotonic() < deadline_s:
        found = sfn.list_executions(stateMachineArn=stack.machine_arns[kind])["executions"]
        ended = [e for e in found if e["name"].startswith(f"{recording_id}-") and e["status"] != "RUNNING"]
        if ended:
            return sfn.describe_execution(executionArn=ended[0]["executionArn"])
        time.sleep(0.5)
    said = "\n".join(f"{name}: {line}" for name, line in stack.logged[-40:])
    raise AssertionError(f"{recording_id} ended not within five minutes on {kind}: {found}\n{said}")


def read_record(stack, recording_id):
    key = {"userId": {"S": "me"}, "recordingId": {"S": recording_id}}
    return stack.aws.client("dynamodb").get_item(TableName=stack.table, Key=key)["Item"]


def test_second_plan_changes_nothing(stack):
    assert stack.terraform.find_changes(**VARIABLES) == []


def test_tables_queue_and_events_are_those_that_a_laptop_has(stack):
    resources, dynamodb = load_resources(), stack.aws.client("dynamodb")
    assert made.read_table(dynamodb, stack.table) == resources.tables["recordings"]
    assert made.read_table(dynamodb, stack.keys_table) == resources.tables["keys"]
    assert made.read_bucket(stack.aws.client("s3"), stack.bucket) == resources.bucket
    visible_s = resources.queue.visibility_per_timeout * load_stages()["start"].timeout_s
    expected = (visible_s, resources.queue.receives_before_dlq)
    assert made.read_queue(stack.aws.client("sqs"), stack.queue_url) == expected


def test_every_function_has_the_environment_that_a_laptop_gives(stack):
    of_lambda = stack.aws.client("lambda")
    for name in stack.functions.values():
        configuration = of_lambda.get_function_configuration(FunctionName=name)
        assert load_resources().environment.items() <= configuration["Environment"]["Variables"].items()


def test_an_upload_becomes_a_transcript(stack, execution):
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    key = transcript_key("me", "badge-1", "standup")
    transcript = json.loads(stack.aws.client("s3").get_object(Bucket=stack.bucket, Key=key)["Body"].read())
    assert transcript["startedAt"] == "2026-11-24T09:30:00+00:00"
    assert transcript["whisperModel"] == "demo-whisper"
    assert transcript["speakerCount"] == 3


def test_the_record_is_complete(stack, execution):
    assert read_record(stack, "standup")["status"]["S"] == "COMPLETE"


def test_a_stage_is_tuned_by_versions_that_are_gone_afterwards(stack, execution, tmp_path, monkeypatch):
    client, function = stack.aws.client("lambda"), stack.functions["transcribe"]
    before = client.get_function_configuration(FunctionName=function)["MemorySize"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws.endpoint_url)
    command = ["tune", "transcribe", "--memory", "1024,2048", "--region", REGION, "--stack", "rem-dev"]
    result = CliRunner().invoke(app, [*command, "--plot", str(tmp_path / "plot.png"), "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    trials = json.loads(result.output)["trials"]
    assert [trial["memoryMb"] for trial in trials] == [1024, 2048]
    assert all(trial["seconds"] > 0.2 and trial["costUsd"] > 0 for trial in trials)
    assert client.get_function_configuration(FunctionName=function)["MemorySize"] == before
    versions = client.list_versions_by_function(FunctionName=function)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST"]
    found = stack.aws.client("s3").list_objects_v2(Bucket=stack.bucket, Prefix="artifacts/tune")
    assert found["KeyCount"] == 0
    assert read_record(stack, "standup")["status"]["S"] == "COMPLETE"


def test_a_short_clip_runs_on_express_and_records_its_outcome_itself(stack, express):
    assert express["status"] == "SUCCEEDED", express.get("cause")
    assert read_record(stack, "short")["status"]["S"] == "COMPLETE"


def test_the_rule_lets_our_executions_through_and_no_others(stack, failure):
    rule = stack.aws.client("events").describe_rule(Name="rem-dev-execution-status")
    pattern = EventPattern.load(rule["EventPattern"])
    assert pattern.matches_event(failure)
    other = failure["detail"] | {"stateMachineArn": stack.machine_arns["express"]}
    assert not pattern.matches_event(failure | {"detail": other})


def test_a_failure_becomes_a_sentence_in_the_record(stack, failure):
    assert invoke(stack, "status", failure)["settled"]
    error = read_record(stack, "letter")["error"]["M"]
    assert (error["error"]["S"], error["stage"]["S"]) == ("InputError", "prepare")
    assert "not a sound or video file" in error["message"]["S"]


def test_what_was_written_after_a_deletion_is_erased(stack, sweeps):
    assert sweeps[0]["erased"] == 1
    found = stack.aws.client("s3").list_object_versions(Bucket=stack.bucket)["Versions"]
    assert not [version["Key"] for version in found if "gone" in version["Key"]]


def test_what_express_did_not_finish_runs_on_standard(stack, sweeps):
    first, second = sweeps
    assert first == {"requeued": 1, "lost": 1, "erased": 1}
    assert second == {"settled": 1}
    assert read_record(stack, "postcard")["error"]["M"]["error"]["S"] == "InputError"


def test_what_express_had_no_time_for_is_finished_by_standard(stack, late):
    on_express, on_standard = late
    assert on_express["status"] == "TIMED_OUT"
    assert on_standard["status"] == "SUCCEEDED"
    assert read_record(stack, "late")["status"]["S"] == "COMPLETE"


def test_the_api_takes_reads_and_deletes_recordings(answers):
    statuses = {name: answer.status for name, answer in answers.items()}
    assert statuses.pop("unknown key") == 401
    assert set(statuses.values()) == {200}, {n: a.text for n, a in answers.items() if a.status != 200}
    assert "Good morning" in answers["transcript"].text
    assert "Anna" in answers["session"].text


def test_what_the_api_takes_runs_on_express_where_it_is_short(stack, answers):
    assert read_record(stack, "told")["status"]["S"] == "COMPLETE"


def test_api_gateway_knows_every_route(stack):
    gateway = stack.aws.client("apigateway")
    [api] = gateway.get_rest_apis()["items"]
    routes = {item["path"] for item in gateway.get_resources(restApiId=api["id"], limit=500)["items"]}
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert set(document["paths"]) <= routes
    assert stack.api_url.endswith("/v1")


def read_statements(stack, name):
    policy = stack.aws.client("iam").get_role_policy(RoleName=name, PolicyName="stage")["PolicyDocument"]
    return policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]


def is_allowed(statements, call):
    policy = IAMPolicy(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return policy.is_action_permitted(call.action, call.resource) == PermissionResult.PERMITTED


def test_every_call_that_a_handler_makes_is_permitted(stack, answers):
    for name in stack.functions.values():
        statements = read_statements(stack, name)
        assert stack.recorder.made_by(name), f"{name} made no call at all"
        refused = [call for call in stack.recorder.made_by(name) if not is_allowed(statements, call)]
        assert refused == []


def test_no_permission_is_unused(stack, answers):
    unused = []
    for name in stack.functions.values():
        calls = stack.recorder.made_by(name)
        for statement in read_statements(stack, name):
            if statement["Sid"] not in USED_BY_AWS:
                unused += [
                    f"{name}: {rule}"
                    for rule in split(statement)
                    if not any(is_allowed([rule], c) for c in calls)
                ]
    assert unused == []


def split(statement):
    """One rule per action and resource."""
    listed = [v if isinstance(v, list) else [v] for v in (statement["Action"], statement["Resource"])]
    return [{"Effect": "Allow", "Action": a, "Resource": r} for a in listed[0] for r in listed[1]]


def test_a_memory_change_changes_one_function_only(stack, execution):
    tune(stack.terraform, prepare={"memory_mb": 2048})
    changes = stack.terraform.find_changes(**VARIABLES)
    assert changes == ['update aws_lambda_function.stage["prepare"]']
    stack.terraform.apply(**VARIABLES)
    function = stack.aws.client("lambda").get_function_configuration(FunctionName=stack.functions["prepare"])
    assert function["MemorySize"] == 2048


def empty(bucket, s3):
    """What Terraform's force_destroy does on AWS; against moto it may look for more objects for ever."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def test_destroy_leaves_nothing(stack, execution):
    empty(stack.bucket, stack.aws.client("s3"))
    stack.terraform.run(
        "destroy", "-auto-approve", "-input=false", *(f"-var={k}={v}" for k, v in VARIABLES.items())
    )
    assert stack.aws.client("s3").list_buckets()["Buckets"] == []
    assert stack.aws.client("lambda").list_functions()["Functions"] == []
    assert stack.aws.client("stepfunctions").list_state_machines()["stateMachines"] == []
