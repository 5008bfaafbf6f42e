import json
from datetime import datetime
from pathlib import Path

import pytest

from rem.core.errors import parse_cause
from rem.executions.history import Failure, find_failure, read_visits

EVENTS = Path(__file__).parents[2] / "events"


def load_history():
    events = json.loads((EVENTS / "execution-history.json").read_text())["events"]
    return [{**event, "timestamp": datetime.fromisoformat(event["timestamp"])} for event in events]


def redriven(events):
    """The same execution after a redrive: AWS goes on in Diarize without entering it again."""
    at, last = events[-1]["timestamp"], events[-1]["id"]
    scheduled = next(e for e in events if e["type"] == "TaskScheduled" and "diarize" in str(e))
    return [
        *events,
        {"id": last + 1, "previousEventId": 0, "timestamp": at, "type": "ExecutionRedriven"},
        {**scheduled, "id": last + 2, "previousEventId": last + 1, "timestamp": at},
        {"id": last + 3, "previousEventId": last + 2, "timestamp": at, "type": "TaskStarted"},
    ]


def fail_again(events):
    at, last = events[-1]["timestamp"], events[-1]["id"]
    details = {"error": "SetupError", "cause": "no model"}
    more = [("TaskFailed", "taskFailedEventDetails"), ("ExecutionFailed", "executionFailedEventDetails")]
    return events + [
        {"id": last + n, "previousEventId": last + n - 1, "timestamp": at, "type": kind, key: details}
        for n, (kind, key) in enumerate(more, 1)
    ]


def test_failing_state_is_followed_back_through_its_retries():
    failure = find_failure("FAILED", reversed(load_history()))
    assert (failure.state, failure.error, failure.message) == (
        "Diarize",
        "BusyError",
        "somebody else is busy",
    )


def test_only_as_much_history_is_read_as_the_answer_needs():
    seen = []
    find_failure("FAILED", (seen.append(e["id"]) or e for e in reversed(load_history())))
    assert seen[-1] == 13  # where Diarize was entered


def test_failure_after_a_redrive_is_that_of_the_state_that_went_on():
    failure = find_failure("FAILED", reversed(fail_again(redriven(load_history()))))
    assert (failure.state, failure.error) == ("Diarize", "SetupError")


@pytest.mark.parametrize(("status", "kind"), [("ABORTED", "Aborted"), ("TIMED_OUT", "TimedOut")])
def test_stopped_execution_names_the_state_that_was_running(status, kind):
    running = load_history()[
        :28
    ]  # Transcribe runs for the second and third item, Diarize waits for its retry
    details = {f"execution{kind}EventDetails": {"error": "Enough", "cause": "I said so"}}
    end = {"id": 29, "previousEventId": 28, "type": f"Execution{kind}", **details}
    assert find_failure(status, [end, *reversed(running)]) == Failure(
        status, "Transcribe", "Enough", "I said so"
    )


def test_execution_that_failed_outside_of_any_state_names_none():
    end = {"id": 2, "previousEventId": 1, "type": "ExecutionFailed", "executionFailedEventDetails": {}}
    assert (
        find_failure("FAILED", [end, {"id": 1, "previousEventId": 0, "type": "ExecutionStarted"}]).state == ""
    )


def test_every_iteration_of_a_map_is_a_visit_of_its_own():
    visits = read_visits(load_history())
    assert [v.name for v in visits] == [
        "Prepare",
        "Listen",
        "Each",
        "Transcribe",
        "Diarize",
        "Transcribe",
        "Transcribe",
    ]
    inputs = {v.input: json.loads(v.output)["event"] for v in visits if v.name == "Transcribe"}
    assert inputs == {"1": 1, "2": 2, "3": 3}
    assert all(v.left_at for v in visits if v.name not in ("Listen", "Diarize"))


def test_attempts_carry_their_errors_and_the_way_to_their_log():
    [diarize] = [v for v in read_visits(load_history()) if v.name == "Diarize"]
    assert [attempt.error for attempt in diarize.attempts] == ["BusyError", "BusyError"]
    assert diarize.function.endswith(":function:diarize")
    assert diarize.failed_attempt is diarize.attempts[-1]
    assert diarize.failed_attempt.request_id == "8e29e4ae-ec0a-4516-af00-93a4a3ae6027"


def test_redrive_adds_attempts_to_the_unfinished_visit():
    [diarize] = [v for v in read_visits(redriven(load_history())) if v.name == "Diarize"]
    assert [attempt.error for attempt in diarize.attempts] == ["BusyError", "BusyError", ""]
    assert diarize.failed_attempt is None


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ('{"errorMessage": "the file is empty", "errorType": "InputError"}', "the file is empty"),
        ("Iteration limit reached", "Iteration limit reached"),
        ('["a"]', '["a"]'),
        ("", ""),
    ],
)
def test_sentence_inside_a_cause(cause, sentence):
    assert parse_cause(cause) == sentence
