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
from rem.core.records import FailureReport, Record, Status
from rem.executions.changes import Change, apply_change
from rem.executions.execution import Execution

EVENTS = Path(__file__).parents[2] / "events"
ERROR = FailureReport("diarize", "BusyError", "…", is_redrivable=True)


def load(name):
    return json.loads((EVENTS / name).read_text())


FAILED = Change.from_event(load("execution-failed.json"))
AGAIN = Change.from_event(load("execution-redriven.json"))
RUNNING = replace(FAILED, status="RUNNING", is_redrivable=False)
FAILED_AGAIN = replace(FAILED, redrive_count=1)
DONE = replace(AGAIN, status="SUCCEEDED")


def settle(record, *changes):
    for change in changes:
        record = apply_change(record, change, ERROR if change.is_redrivable else None) or record
    return record


def record_in(status):
    return Record.begin(FAILED.recording, status)


def test_event_and_description_of_one_execution_are_the_same_news():
    detail = load("execution-failed.json")["detail"]
    started_at = datetime.fromtimestamp(detail["startDate"] / 1000, UTC)
    asked = Change.from_execution(Execution.from_answer({**detail, "startDate": started_at}))
    assert replace(asked, is_current=False) == FAILED


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_unsuccessful_end_becomes_an_error(status):
    record = settle(record_in(Status.TRANSCRIBING), replace(FAILED, status=status))
    assert (record.status, record.error) == (Status.ERROR, ERROR)


def test_redrive_clears_the_error():
    record = settle(record_in(Status.TRANSCRIBING), FAILED, AGAIN)
    assert record.status == Status.TRANSCRIBING
    assert record.error is None


def test_transcript_that_was_readable_is_so_again_while_a_redrive_runs():
    record = settle(record_in(Status.TRANSCRIBED), FAILED)
    assert record.status == Status.ERROR
    assert settle(record, AGAIN).status == Status.TRANSCRIBED


def test_late_news_of_the_first_run_does_not_undo_the_redrive():
    running_again = settle(None, FAILED, AGAIN)
    assert settle(running_again, FAILED, RUNNING, AGAIN) == running_again


def test_same_news_twice_changes_nothing():
    failed = settle(None, FAILED)
    assert apply_change(failed, FAILED, ERROR) is None


def test_complete_recording_never_becomes_an_error():
    record = record_in(Status.COMPLETE)
    assert apply_change(record, FAILED, ERROR) is None
    assert apply_change(settle(None, DONE), FAILED_AGAIN, ERROR) is None


def test_stage_that_outlived_its_execution_is_overruled_only_by_what_was_asked_just_now():
    moved_on = replace(settle(None, FAILED), status=Status.TRANSCRIBING)
    assert apply_change(moved_on, FAILED, ERROR) is None
    assert settle(moved_on, replace(FAILED, is_current=True)).status == Status.ERROR


def test_of_two_executions_the_one_started_later_counts():
    other = {"execution_arn": FAILED.execution_arn + "x", "started_at": "2026-11-25T00:00:00.000+00:00"}
    later = replace(RUNNING, **other)
    record = settle(None, FAILED, later)
    assert record.status == Status.TRANSCRIBING
    assert settle(record, FAILED_AGAIN) == record
    assert settle(record, replace(FAILED, **other)).status == Status.ERROR


@given(st.permutations([RUNNING, FAILED, AGAIN, FAILED_AGAIN]), st.data())
def test_any_order_with_any_repeats_ends_in_the_newest(changes, data):
    repeats = data.draw(st.lists(st.sampled_from(changes), max_size=4))
    mixed = data.draw(st.permutations([*changes, *repeats]))
    record = settle(None, *mixed)
    assert (record.status, record.execution_order) == (Status.ERROR, FAILED_AGAIN.order)


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
    assert apply_change(record_in(Status.DELETED), change, ERROR) is None
