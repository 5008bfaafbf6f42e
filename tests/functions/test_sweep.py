import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from functions.ingest.sweep import Sweep
from rem.core.messages import parse_message
from rem.core.places import execution_name
from rem.core.recordings import Recording
from rem.core.records import Status
from rem.library.library import Library
from rem.stage.settings import SweepSettings
from rem.stage.work import Budget
from tests.fakes import FakeCatalog, FakeExecutions, FakeStore

EVENTS = Path(__file__).parents[1] / "events"
KEY = "raw/me/badge-1/2026/11/24/walk 17.wav"
RECORDING = Recording("walk 17", "me", "badge-1", "2026-11-24T00:00:00+00:00", "b", KEY)
SETTINGS = SweepSettings(
    bucket="b",
    table="t",
    state_machine_arn="m",
    queue_url="q",
    stale_after_s=1800,
    lost_upload_after_s=86400,
    records_per_sweep=10,
    describes_per_s=10,
)


@dataclass
class World:
    """One recording, and a clock that starts when its record is written."""

    store: FakeStore = field(default_factory=lambda: FakeStore({KEY: b"x"}))
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    executions: FakeExecutions = field(default_factory=FakeExecutions)
    sent: list = field(default_factory=list)
    notices: list = field(default_factory=list)
    looks: int = 0
    left_s: float = 60.0

    def __post_init__(self):
        self.catalog.advance(RECORDING, Status.UPLOADED, {})

    @property
    def record(self):
        return self.catalog.records["walk 17"]

    @property
    def name(self):
        return execution_name("walk 17", KEY, self.store.read_head(KEY).etag)

    def execute(self, status, name=None, **more):
        """An execution on the recording, by default under the name that its upload gives it; its ARN."""
        text = json.dumps(RECORDING.to_event())
        return self.executions.add(name or self.name, status, input=text, **more)

    def sweep(self, after_s=3600.0):
        def look():
            self.looks += 1

        sweep = Sweep(
            store=self.store,
            catalog=self.catalog,
            executions=self.executions,
            send=self.sent.append,
            notify=lambda *notice: self.notices.append(notice),
            pause=look,
            clock=Budget(lambda: self.left_s),
        )
        return sweep.run(
            datetime.fromtimestamp(self.catalog.clock_s, UTC) + timedelta(seconds=after_s), SETTINGS
        )


@pytest.fixture
def world():
    return World()


def test_upload_without_an_execution_is_queued_under_the_name_it_would_have_had(world):
    assert world.sweep() == {"requeued": 1}
    [(recording, content)] = parse_message(world.sent[0])
    assert (recording.key, recording.recording_id) == (KEY, "walk 17")
    assert execution_name("walk 17", KEY, content) == world.name


def test_fresh_record_is_left_alone(world):
    assert world.sweep(after_s=1799) == {}


def test_record_is_looked_at_once_per_period(world):
    world.sweep()
    assert world.sweep(after_s=1799) == {}
    assert world.sweep(after_s=1801) == {"requeued": 1}


def test_running_execution_is_left_to_run(world):
    world.execute("RUNNING")
    assert world.sweep() == {"running": 1}
    assert world.record["status"] == "UPLOADED"


def test_execution_that_ended_without_an_event_becomes_an_error(world):
    world.execute("TIMED_OUT", redriveStatus="REDRIVABLE")
    assert world.sweep() == {"settled": 1}
    assert world.record["status"] == "ERROR"
    assert world.record["error"]["message"].startswith("The whole execution took longer")
    assert len(world.notices) == 1
    assert world.sweep() == {}


def test_execution_that_succeeded_completes_its_record(world):
    world.execute("SUCCEEDED")
    world.sweep()
    assert world.record["status"] == "COMPLETE"


def test_error_that_a_stage_overwrote_is_found_again(world):
    """A Lambda that outlived its aborted execution moved the record on, and no event will follow."""
    world.execute("ABORTED")
    world.sweep()
    world.catalog.advance(RECORDING, Status.TRANSCRIBING, {})
    assert world.sweep() == {"settled": 1}
    assert world.record["status"] == "ERROR"


def test_execution_of_the_record_is_asked_before_the_one_its_name_would_have(world):
    world.execute("RUNNING")
    other = world.execute("ABORTED", "by-hand")
    world.record["executionArn"], world.record["executionOrder"] = other, 0
    world.record["executionStartedAt"] = "2026-11-24T00:00:00.000+00:00"
    assert world.sweep() == {"settled": 1}


def test_announced_upload_has_a_day_to_arrive(world):
    world.store.objects.clear()
    assert world.sweep() == {"awaited": 1}
    assert world.sweep(after_s=86400) == {"lost": 1}
    assert world.record["error"]["stage"] == "upload"
    assert world.notices[0][0] == "REM: walk 17 never arrived"


def test_sweep_ends_with_its_time(world):
    world.left_s = 0.0
    assert world.sweep() == {}
    assert world.looks == 0


def test_sweep_looks_at_no_more_than_its_share(world):
    for number in range(20):
        recording = Recording(f"r{number}", "me", "d", "2026-11-24T00:00:00+00:00", "b", "raw/me/d/gone.wav")
        world.catalog.advance(recording, Status.UPLOADED, {})
    assert sum(world.sweep().values()) == 10
    assert world.looks == 10


def test_what_was_written_while_its_recording_was_deleted_is_erased():
    world = World()
    library = Library(world.store, world.catalog)
    library.delete("me", "walk 17")
    world.store.write_json("artifacts/walk 17/transcribe/late.json", {})
    assert world.sweep(after_s=900) == {}
    assert world.sweep() == {"erased": 1}
    assert (world.store.objects, world.catalog.records) == ({}, {})
