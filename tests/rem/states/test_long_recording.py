"""Ten hours through the real state machine: what grows with a recording stays far from AWS's limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rem.definition import load_stages
from rem.home.resources import create_stack
from rem.lambdas.function import LocalFunction
from rem.lambdas.pool import PoolOptions
from rem.states.local_aws import LocalAws
from tests.rem.conftest import TIMEOUT_S, wait_until

HANDLERS = Path(__file__).parents[1] / "handlers"
MOST_EVENTS, MOST_BYTES = 25_000, 256 * 1024
RECORDING = {
    "recordingId": "a-day-at-the-conference-6624e99d",
    "userId": "me",
    "deviceId": "recorder-01",
    "startedAt": "2026-11-24T09:00:00+00:00",
    "bucket": "rem-recordings",
    "key": "raw/me/recorder-01/2026/11/24/a-day-at-the-conference-6624e99d.wav",
}


STAGES = ("prepare", "transcribe", "diarize", "cluster", "assemble", "enrich", "publish")


@pytest.fixture(scope="module")
def history():
    functions = [
        LocalFunction(name, f"long.{name}", HANDLERS, memory_mb=256, timeout_s=TIMEOUT_S) for name in STAGES
    ]
    with LocalAws(functions, PoolOptions(max_sandboxes=9)) as aws:
        stack = create_stack(aws, load_stages(), poll=False)
        sfn = aws.client("stepfunctions")
        arn = sfn.start_execution(stateMachineArn=stack.machine_arn, input=json.dumps(RECORDING))[
            "executionArn"
        ]
        wait_until(lambda: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING")
        pages = sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]


def test_ten_hours_succeed_in_sixty_odd_chunks_and_sixty_slices(history):
    assert history[-1]["type"] == "ExecutionSucceeded"
    iterations = [event for event in history if event["type"] == "MapIterationSucceeded"]
    names = [event["mapIterationSucceededEventDetails"]["name"] for event in iterations]
    assert names.count("DiarizeSlices") == 60
    assert 60 <= names.count("TranscribeChunks") <= 120


def test_history_has_room_for_retries_of_everything(history):
    """Every invocation could be tried again more than once before the history were full."""
    assert len(history) * 3 < MOST_EVENTS


def test_no_state_is_told_or_says_more_than_step_functions_takes(history):
    largest = max(len(text) for event in history for text in find_payloads(event))
    assert 5_000 < largest < MOST_BYTES / 4


def find_payloads(event):
    for details in event.values():
        if isinstance(details, dict):
            yield from (details[name] for name in ("input", "output", "parameters") if name in details)
