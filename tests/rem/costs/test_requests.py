"""The bill's requests per stage against the calls that one real run makes on the local AWS."""

import json
from dataclasses import replace

import pytest

from rem.costs.bill import REQUESTS, Requests, count_requests, read_receipts
from rem.definition import ROOT, load_stages
from rem.home.resources import build_functions, create_stack
from rem.home.session import Session
from rem.lambdas.pool import PoolOptions
from rem.states.local_aws import LocalAws
from rem.transcripts.transcript import Transcript
from tests.infra.calls import Recorder

pytestmark = [pytest.mark.slow, pytest.mark.models]
SETTINGS = {
    "whisper_model": ROOT / "models" / "demo" / "whisper",
    "diarization_model": ROOT / "models" / "demo" / "diarization",
    "language": "en",
    "transcribe_chunk_s": 40,  # two chunks and two slices of the demo's 68 s
    "diarize_slice_s": 40,
}


@pytest.fixture(scope="module")
def run():
    """The demo recording, every function with a key of its own; gives its receipts and the requests."""
    stages = load_stages()
    functions = [
        replace(function, environment={**function.environment, "AWS_ACCESS_KEY_ID": function.name})
        for function in build_functions(stages, SETTINGS)
    ]
    with (
        pytest.MonkeyPatch.context() as patch,
        LocalAws(functions, PoolOptions(max_sandboxes=10, max_running=2)) as aws,
    ):
        session = Session(aws, create_stack(aws, stages, at_once=2))
        recorder = Recorder(patch)
        upload = session.upload(ROOT / "models" / "demo" / "standup.wav")
        done = session.follow(upload, lambda upload, states: None)
    assert done.status == "SUCCEEDED", done.message
    transcript = Transcript.from_json(json.loads(done.documents["json"]))
    return read_receipts(transcript), recorder.requests


@pytest.mark.parametrize("stage", REQUESTS)
def test_a_stage_makes_the_requests_that_the_bill_counts(run, stage):
    receipts, made = run
    recorded = Requests(
        puts=made[stage, "PUT"],
        gets=made[stage, "GET"] + made[stage, "HEAD"],
        writes=made[stage, "UpdateItem"],
        reads=made[stage, "GetItem"],
    )
    assert count_requests(receipts)[stage] == recorded


def test_stages_make_no_request_that_the_bill_does_not_know(run):
    receipts, made = run
    assert set(count_requests(receipts)) == set(REQUESTS)
    known = {"PUT", "GET", "HEAD", "UpdateItem", "GetItem"}
    assert {request for (caller, request) in made if caller in REQUESTS} <= known


def test_the_maps_of_this_run_had_several_iterations(run):
    receipts, _ = run
    assert all(r.invocations > 1 for r in receipts if r.name in ("transcribe", "diarize", "enrich"))
