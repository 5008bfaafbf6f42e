import json
from pathlib import Path

import pytest

from functions.ingest import status
from rem.core.recordings import Recording
from rem.core.records import FailureReport, Status
from rem.executions.changes import Change
from tests.fakes import FakeCatalog, FakeExecutions, FakeStore

EVENTS = Path(__file__).parents[1] / "events"


def load(name):
    return json.loads((EVENTS / name).read_text())


FAILED, REDRIVEN = load("execution-failed.json"), load("execution-redriven.json")
RECORDING = Recording.from_event(json.loads(FAILED["detail"]["input"]))
ARN = FAILED["detail"]["executionArn"]


class World:
    """A recording whose execution has the captured history."""

    def __init__(self):
        self.store, self.catalog, self.notices = FakeStore({RECORDING.key: b"x"}), FakeCatalog(), []
        self.executions = FakeExecutions(histories={ARN: load("execution-history.json")["events"]})

    def tell(self, event):
        return status.settle(
            Change.from_event(event),
            store=self.store,
            catalog=self.catalog,
            executions=self.executions,
            notify=lambda *notice: self.notices.append(notice),
        )

    @property
    def record(self):
        return self.catalog.read("me", RECORDING.recording_id)


@pytest.fixture
def world():
    return World()


def test_failure_is_recorded_with_its_stage_and_a_sentence(world):
    world.catalog.advance(RECORDING, Status.TRANSCRIBING, {})
    assert world.tell(FAILED)
    assert world.record.status == Status.ERROR
    sentence = "A service was too busy for Diarize once: somebody else is busy."
    assert world.record.error == FailureReport("diarize", "BusyError", sentence, is_redrivable=True)


def test_failure_before_the_first_stage_wrote_anything_is_recorded_too(world):
    assert world.tell(FAILED)
    assert world.record.key == RECORDING.key


def test_owner_is_told_once(world):
    world.tell(FAILED)
    world.tell(FAILED)
    [(subject, text)] = world.notices
    assert subject == "REM: walk-17 failed in diarize"
    assert "rem doctor walk-17-1f2e3d4c5b6a" in text


def test_redrive_clears_the_error(world):
    world.tell(FAILED)
    world.tell(REDRIVEN)
    assert world.record.error is None
    assert not world.tell(FAILED)


def test_deleted_recording_does_not_come_back(world):
    world.store.objects.clear()
    assert not world.tell(FAILED)
    assert world.record is None


def test_record_that_moves_meanwhile_is_read_again(world):
    """The recording completes while the history of an older failure is read."""

    def complete_meanwhile(arn, *, newest_first):
        world.catalog.advance(RECORDING, Status.COMPLETE, {})
        return iter(load("execution-history.json")["events"][::-1])

    world.catalog.advance(RECORDING, Status.TRANSCRIBING, {})
    world.executions.read_history = complete_meanwhile
    assert not world.tell(FAILED)
    assert world.record.status == Status.COMPLETE
    assert world.notices == []


def test_execution_on_something_else_is_left_alone():
    event = {**FAILED, "detail": {**FAILED["detail"], "input": "{}"}}
    answer = status.handler(event, None)
    assert answer["settled"] is False
    assert "lacks recordingId" in answer["reason"]
