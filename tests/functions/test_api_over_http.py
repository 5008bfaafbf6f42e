"""The API through the gateway: its own process, real S3 answers, real HTTP, and the client people use."""

import hashlib
import json
import os

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as described
from typer.testing import CliRunner

from functions.ingest.openapi import FILE
from rem.adapters.dynamodb import DynamoApiKeys
from rem.adapters.s3 import S3Uploads
from rem.cli.main import app
from rem.definition import load_stages
from rem.home.gateway import Gateway
from rem.home.parts import PartDoor
from rem.home.resources import BUCKET, KEYS_TABLE, build_functions, create_stack
from rem.lambdas.pool import PoolOptions
from rem.library.keyring import Keyring
from rem.library.upload_parts import PART_BYTES
from rem.states.local_aws import LocalAws
from tests.functions.requests import WAV
from tests.rem.conftest import LIMIT_S

pytestmark = pytest.mark.slow

EXAMPLES = 25  # requests that schemathesis makes of each of the API's operations
CHECKS = [
    checks.not_a_server_error,
    described.status_code_conformance,
    described.content_type_conformance,
    described.response_schema_conformance,
]


class Served:
    """An installation without a pipeline, and a key for it."""

    def __init__(self, aws, gateway):
        self.s3, self.url = aws.client("s3"), gateway.url
        _, self.key = Keyring(DynamoApiKeys(KEYS_TABLE, aws.client("dynamodb"))).add("me")

    def ask(self, method, path, **request):
        return httpx2.request(
            method, self.url + path, headers={"x-api-key": self.key}, timeout=LIMIT_S, **request
        )

    def upload(self, *arguments):
        return CliRunner().invoke(app, ["upload", "--to", self.url, "--key", self.key, *map(str, arguments)])

    def read_object(self, recording_id):
        key = f"raw/me/cli/{self.ask('GET', f'/recordings/{recording_id}').json()['startedAt'][:10]}"
        return self.s3.get_object(Bucket=BUCKET, Key=f"{key.replace('-', '/')}/{recording_id}.wav")[
            "Body"
        ].read()


@pytest.fixture(scope="module")
def served():
    stages, secret = load_stages(), "a secret of this test"
    functions = build_functions({"api": stages["api"]}, part_secret=secret)
    with LocalAws(functions, PoolOptions(max_sandboxes=4)) as aws:
        create_stack(aws, stages, poll=False)
        parts = PartDoor(S3Uploads(BUCKET, aws.client("s3")), secret)
        with Gateway(aws.pool, parts) as gateway:
            yield Served(aws, gateway)


def test_health_needs_no_key(served):
    answer = httpx2.get(f"{served.url}/health", timeout=LIMIT_S)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_small_and_large_files_arrive_whole(served, tmp_path):
    contents = {"small.wav": WAV, "large.wav": WAV + os.urandom(PART_BYTES + 1000)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    result = served.upload("--json", tmp_path)
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["recordings"]
    assert [row["duplicate"] for row in rows] == [False, False]
    for row in rows:
        assert served.read_object(row["recordingId"]) == contents[row["file"].rsplit("/", 1)[1]]


def test_a_part_that_is_there_is_not_sent_again(served, tmp_path):
    content = WAV + os.urandom(2 * PART_BYTES)
    path = tmp_path / "lecture.wav"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    request = {
        "deviceId": "cli",
        "recordingId": f"lecture-{digest[:8]}",
        "startedAt": "2026-11-24T09:30:00Z",
        "sha256": digest,
        "sizeBytes": len(content),
        "format": "wav",
    }
    state = served.ask("POST", "/uploads", json=request).json()
    put = httpx2.put(state["parts"][0]["url"], content=content[:PART_BYTES], timeout=LIMIT_S)
    assert put.status_code == 200
    before = served.ask("GET", f"/uploads/{request['recordingId']}").json()["parts"]
    assert [(bool(part["etag"]), bool(part["url"])) for part in before] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert served.upload(path).exit_code == 0
    assert served.read_object(request["recordingId"]) == content


def test_a_part_damaged_on_the_way_is_refused(served):
    content = WAV + bytes(PART_BYTES)
    request = {
        "deviceId": "cli",
        "recordingId": "damaged",
        "startedAt": "2026-11-24T09:30:00Z",
        "sha256": hashlib.sha256(content).hexdigest(),
        "sizeBytes": len(content),
        "format": "wav",
    }
    state = served.ask("POST", "/uploads", json=request).json()
    headers = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}  # of nothing
    put = httpx2.put(state["parts"][0]["url"], content=content[:PART_BYTES], headers=headers, timeout=LIMIT_S)
    assert (put.status_code, put.json()["error"]) == (400, "BadDigest")
    assert served.ask("DELETE", "/uploads/damaged").status_code == 200


def test_one_file_that_is_no_recording_does_not_hold_back_the_others(served, tmp_path):
    (tmp_path / "a.wav").write_text("not sound")
    (tmp_path / "b.wav").write_bytes(WAV + b"b")
    result = served.upload("--json", tmp_path / "a.wav", tmp_path / "b.wav")
    assert result.exit_code == 2
    first, second = json.loads(result.stdout)["recordings"]
    assert "is no recording: it is text" in first["error"]
    assert second["recordingId"].startswith("b-")


def test_a_request_too_large_for_the_gateway_says_where_to_go(served):
    answer = served.ask("POST", "/ingest", files={"audio": b"x" * (10 * 2**20 + 1)})
    assert answer.status_code == 413
    assert "POST /uploads" in answer.json()["message"]


DESCRIPTION = json.loads(FILE.read_text())
OPERATIONS = [
    (path, method.upper()) for path, operations in DESCRIPTION["paths"].items() for method in operations
]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_api_answers_as_it_is_described(served, path, method):
    """schemathesis' strategies without its pytest plugin, which knows no pytest 9.2."""
    operation = schemathesis.openapi.from_dict(DESCRIPTION)[path][method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case):
        answer = case.call(base_url=served.url, headers={"x-api-key": served.key}, timeout=LIMIT_S)
        is_busy = answer.status_code == 503  # two requests for one id within two minutes
        case.validate_response(answer, checks=CHECKS[1:] if is_busy else CHECKS)

    ask()
