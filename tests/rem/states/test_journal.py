"""Executions in SQLite, and files of earlier versions."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from rem.states.journal import RUNNING, ExecutionRow, Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "executions.sqlite"


def build_row(name):
    return ExecutionRow(name, "m", name, "{}", "{}", datetime.now(UTC), RUNNING, *[None] * 4, 0, None)


def test_what_runs_is_found_by_the_next_process_with_its_history(path):
    with closing(Journal(path)) as journal:
        journal.add(build_row("one"))
        journal.add_event("one", {"id": 1, "type": "ExecutionStarted"})
    with closing(Journal(path)) as journal:
        assert [row.arn for row in journal.read_running()] == ["one"]
        assert journal.read_events("one") == [{"id": 1, "type": "ExecutionStarted"}]


def test_a_name_is_taken_once(path):
    with closing(Journal(path)) as journal:
        assert [journal.add(build_row("one")) for _ in range(2)] == [True, False]


def test_the_answers_that_earlier_versions_kept_are_dropped(path):
    with closing(Journal(path)) as journal:
        journal.add(build_row("one"))
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE answer(number INTEGER PRIMARY KEY, arn TEXT, key TEXT, body TEXT)")
        database.execute("CREATE INDEX answer_of ON answer(arn)")
        database.commit()
    with closing(Journal(path)) as journal:
        assert [row.arn for row in journal.read_running()] == ["one"]
    with closing(sqlite3.connect(path)) as database:
        names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert not {name for name in names if name.startswith("answer")}


def test_nothing_is_written_after_the_end(path):
    with closing(Journal(path)) as journal:
        journal.add(build_row("one"))
    journal.end("one", "ABORTED", datetime.now(UTC), None, None, None)
    with closing(Journal(path)) as journal:
        assert journal.read("one").status == RUNNING
