"""What an image would do, without Docker: the whole machine, each function in an environment of its own.

A function's code is exactly what its image copies, its packages are exactly what its lock file names, the
network is blocked, and afterwards nothing may have been written beside code and packages.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from infra.images import build_images
from rem.definition import ROOT, load_stages
from rem.home.resources import build_functions, create_stack
from rem.home.session import Session
from rem.lambdas.pool import PoolOptions
from rem.states.local_aws import LocalAws
from tests.functions.requests import build_event
from tests.infra.environments import BLOCK_NETWORK, NO_INDEX, build_environment

pytestmark = [pytest.mark.infra, pytest.mark.slow, pytest.mark.models, pytest.mark.timeout(1500)]
SETTINGS = {
    "whisper_model": ROOT / "models" / "demo" / "whisper",
    "diarization_model": ROOT / "models" / "demo" / "diarization",
    "language": "en",
}


@pytest.fixture(scope="module")
def environments():
    try:
        return {image.name: build_environment(image.name) for image in build_images()}
    except RuntimeError as error:
        if any(words in str(error) for words in NO_INDEX):
            pytest.skip(f"no package index answers: {error}")
        raise


@pytest.fixture(scope="module")
def outcome(environments, tmp_path_factory):
    """The demo recording through all of them."""
    stages, folder = load_stages(), tmp_path_factory.mktemp("images")
    calls = folder / "calls"
    calls.touch()
    (folder / "sitecustomize.py").write_text(BLOCK_NETWORK)
    code = {image.name: folder / image.name for image in build_images()}
    for image in build_images():
        image.stage(code[image.name])
    functions = [
        replace(
            function,
            code_dir=code[stages[function.name].image],
            python=environments[stages[function.name].image].python,
            environment={
                **function.environment,
                "PYTHONPATH": os.pathsep.join([str(folder), str(code[stages[function.name].image])]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "REM_TEST_CALLS": str(calls),
            },
        )
        for function in build_functions(stages, SETTINGS)
    ]
    before = {name: (environments[name].list_files(), list_files(code[name])) for name in code}
    with LocalAws(functions, PoolOptions(max_sandboxes=10, max_running=2)) as aws:
        session = Session(aws, create_stack(aws, stages, at_once=2))
        sound = shutil.copy(ROOT / "models" / "demo" / "standup.wav", folder / "standup.wav")
        done = session.follow(session.upload(sound), lambda upload, states: None)
        health = aws.pool.invoke("api", json.dumps(build_event("GET", "/health")).encode())
        reports = list(aws.pool.reports)
    after = {name: (environments[name].list_files(), list_files(code[name])) for name in code}
    return SimpleNamespace(
        done=done, health=health, reports=reports, before=before, after=after, calls=calls.read_text()
    )


def list_files(folder):
    return {file for file in folder.rglob("*") if file.is_file()}


def test_the_demo_recording_is_transcribed_by_clean_environments(outcome):
    assert outcome.done.status == "SUCCEEDED", outcome.done.message
    transcript = json.loads(outcome.done.documents["json"])
    assert transcript["speakerCount"] == 3
    assert "Good morning" in transcript["fullText"]


def test_the_api_answers_from_a_clean_environment(outcome):
    assert outcome.health.function_error is None, outcome.health.payload
    assert json.loads(outcome.health.payload)["statusCode"] == 200


def test_nobody_called_the_network(outcome):
    assert outcome.calls == ""


def test_nothing_was_written_beside_code_and_packages(outcome):
    assert outcome.after == outcome.before


def test_whisper_has_no_torch_and_diarization_no_whisper(environments):
    assert not (environments["transcribe"].packages / "torch").exists()
    assert not (environments["diarize"].packages / "ctranslate2").exists()


def test_sizes_fit_lambda_and_are_told(environments, outcome, record_property):
    """Lambda takes images of 10 GB; what is told here stands in docs/aws.md."""
    stages = load_stages()
    cold_ms = {report.function: report.init_ms for report in outcome.reports if report.init_ms is not None}
    for name, environment in environments.items():
        inits = [f"{s} {ms:.0f} ms" for s, ms in cold_ms.items() if stages[s].image == name]
        record_property("told", f"{name:10} {environment.size_mb():5} MB installed, init: {', '.join(inits)}")
    assert all(environment.size_mb() < 4000 for environment in environments.values())
