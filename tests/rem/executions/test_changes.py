"""Late, lost and repeated news: the record ends where the execution does."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem.core.errors import InputError
from rem.executions.changes import Change, apply_change
from rem.executions.execution import Execution

EVENTS = Path(__file__).parents[2] / "events"
ERROR = {"stage": "diarize", "error": "BusyError", "message": "…", "redrivable": True}


def load(name):
    return json.loads((EVENTS / name).read_text())


FAILED = Change.from_event(load("execution-failed.json"))
AGAIN = Change.from_event(load("execution-redriven.json"))
RUNNING = replace(FAILED, status="RUNNING", is_redrivable=False)
FAILED_AGAIN = replace(FAILED, redrive_count=1)
DONE = replace(AGAIN, status="SUCCEEDED")


def settle(record, *changes):
    for change in changes:
        fields = apply_change(record, change, ERROR if change.is_redrivable else None)
        record = {k: v for k, v in {**record, **(fields or {})}.items() if v is not None}
    return record


def test_event_and_description_of_one_execution_are_the_same_news():
    detail = load("execution-failed.json")["detail"]
    started_at = datetime.fromtimestamp(detail["startDate"] / 1000, UTC)
    asked = Change.from_execution(Execution.from_answer({**detail, "startDate": started_at}))
    assert replace(asked, is_current=False) == FAILED


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_unsuccessful_end_becomes_an_error(status):
    record = settle({"status": "TRANSCRIBING", "statusRank": 1}, replace(FAILED, status=status))
    assert (record["status"], record["error"]) == ("ERROR", ERROR)


def test_redrive_clears_the_error():
    record = settle({"status": "TRANSCRIBING", "statusRank": 1}, FAILED, AGAIN)
    assert record["status"] == "TRANSCRIBING"
    assert "error" not in record


def test_transcript_that_was_readable_is_so_again_while_a_redrive_runs():
    record = settle({"status": "TRANSCRIBED", "statusRank": 2}, FAILED)
    assert record["status"] == "ERROR"
    assert settle(record, AGAIN)["status"] == "TRANSCRIBED"


def test_late_news_of_the_first_run_does_not_undo_the_redrive():
    running_again = settle({}, FAILED, AGAIN)
    assert settle(running_again, FAILED, RUNNING, AGAIN) == running_again


def test_same_news_twice_changes_nothing():
    failed = settle({}, FAILED)
    assert apply_change(failed, FAILED, ERROR) is None


def test_complete_recording_never_becomes_an_error():
    record = {"status": "COMPLETE", "statusRank": 3}
    assert apply_change(record, FAILED, ERROR) is None
    assert apply_change(settle({}, DONE), FAILED_AGAIN, ERROR) is None


def test_stage_that_outlived_its_execution_is_overruled_only_by_what_was_asked_just_now():
    moved_on = settle({}, FAILED) | {"status": "TRANSCRIBING"}
    assert apply_change(moved_on, FAILED, ERROR) is None
    assert settle(moved_on, replace(FAILED, is_current=True))["status"] == "ERROR"


def test_of_two_executions_the_one_started_later_counts():
    other = {"execution_arn": FAILED.execution_arn + "x", "started_at": "2026-11-25T00:00:00.000+00:00"}
    later = replace(RUNNING, **other)
    record = settle({}, FAILED, later)
    assert record["status"] == "TRANSCRIBING"
    assert settle(record, FAILED_AGAIN) == record
    assert settle(record, replace(FAILED, **other))["status"] == "ERROR"


@given(st.permutations([RUNNING, FAILED, AGAIN, FAILED_AGAIN]), st.data())
def test_any_order_with_any_repeats_ends_in_the_newest(changes, data):
    repeats = data.draw(st.lists(st.sampled_from(changes), max_size=4))
    mixed = data.draw(st.permutations([*changes, *repeats]))
    record = settle({}, *mixed)
    assert (record["status"], record["executionOrder"]) == ("ERROR", FAILED_AGAIN.order)


@pytest.mark.parametrize(
    "event",
    [{}, {"source": "aws.s3", "detail": {}}, {"source": "aws.states"}],
)
def test_other_events_are_refused(event):
    with pytest.raises(InputError, match="no status change"):
        Change.from_event(event)


@pytest.mark.parametrize("text", ["{}", "no json", "[1]", '{"hello": 1}', None])
def test_execution_on_something_else_is_refused(text):
    event = load("execution-failed.json")
    event["detail"]["input"] = text
    with pytest.raises(InputError):
        Change.from_event(event)


def test_orders_of_an_execution_grow():
    orders = [change.order for change in (RUNNING, FAILED, AGAIN, FAILED_AGAIN)]
    assert all(a < b for a, b in itertools.pairwise(orders))


@pytest.mark.parametrize("change", [RUNNING, FAILED, AGAIN, DONE])
def test_no_news_brings_a_deleted_recording_back(change):
    assert apply_change({"status": "DELETED", "statusRank": 4}, change, ERROR) is None
