"""Executions in SQLite: their input, their status and their history.

A history is written here event by event, and read from here, whether its execution runs or has ended: nothing
of it stays in memory. A redrive and a restart go on from it (rem.states.earlier_history).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rem.adapters.sqlite import open_database
from rem.executions.statuses import RUNNING, UNSUCCESSFUL, order_status

REDRIVE_PERIOD = timedelta(days=14)  # AWS's limit, counted from the end
KEPT = timedelta(days=90)  # AWS keeps a closed execution's history for so long
SCHEMA = """
CREATE TABLE IF NOT EXISTS definition(hash TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS execution(
    arn TEXT PRIMARY KEY, machine TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL,
    input TEXT NOT NULL, started TEXT NOT NULL, status TEXT NOT NULL, stopped TEXT, output TEXT,
    error TEXT, cause TEXT, redrives INTEGER NOT NULL DEFAULT 0, redriven TEXT,
    told INTEGER NOT NULL DEFAULT -1);
CREATE INDEX IF NOT EXISTS execution_newest ON execution(machine, started);
CREATE INDEX IF NOT EXISTS execution_running ON execution(status) WHERE status = 'RUNNING';
CREATE TABLE IF NOT EXISTS event(
    arn TEXT, id INTEGER, body TEXT NOT NULL, PRIMARY KEY(arn, id)) WITHOUT ROWID;
DROP TABLE IF EXISTS answer; -- earlier versions kept each function's answer beside the history
"""
COLUMNS = (
    "arn, machine, name, (SELECT text FROM definition WHERE hash = execution.definition), input, started,"
    " status, stopped, output, error, cause, redrives, redriven"
)


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """One execution as it is now. `input` and `output` are JSON text; times are in UTC."""

    arn: str
    machine: str
    name: str
    definition: str
    input: str
    started: datetime
    status: str
    stopped: datetime | None
    output: str | None
    error: str | None
    cause: str | None
    redrives: int
    redriven: datetime | None

    @classmethod
    def from_columns(cls, columns: Sequence[Any]) -> ExecutionRow:
        values = list(columns)
        for place in (5, 7, 12):
            values[place] = datetime.fromisoformat(values[place]) if values[place] else None
        return cls(*values)

    @property
    def order(self) -> int:
        return order_status(self.redrives, self.status)

    def explain_not_redrivable(self, now: datetime) -> str | None:
        """Say why it cannot be redriven; None where it can."""
        if self.status not in UNSUCCESSFUL:
            return f"Execution is {self.status} and cannot be redriven"
        if self.stopped is None or now - self.stopped > REDRIVE_PERIOD:
            return "Execution has exceeded its redrivable period of 14 days"
        return None


class Journal:
    """The executions of one LocalAws, for any thread.

    A write is in SQLite's log when its call returns: it survives a killed process.

    Args:
        path: None keeps everything in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._database = open_database(path, SCHEMA, durability="NORMAL")
        self._database.create_function("order_status", 2, order_status, deterministic=True)
        self._lock = threading.RLock()
        self._closed = False

    def _run(self, statement: str, *values: object) -> list[Any]:
        """Run a statement; after `close` do nothing: executions that end then must stay RUNNING."""
        with self._lock:
            return [] if self._closed else self._database.execute(statement, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._database.close()

    def add(self, row: ExecutionRow) -> bool:
        """Add an execution that starts; return False where there is one of its name."""
        digest = hashlib.sha256(row.definition.encode()).hexdigest()
        with self._lock:
            self._run("INSERT OR IGNORE INTO definition VALUES(?, ?)", digest, row.definition)
            added = self._run(
                "INSERT OR IGNORE INTO execution(arn, machine, name, definition, input, started, status)"
                " VALUES(?, ?, ?, ?, ?, ?, ?) RETURNING arn",
                row.arn, row.machine, row.name, digest, row.input, row.started.isoformat(), RUNNING,
            )  # fmt: skip
        return bool(added)

    def end(
        self,
        arn: str,
        status: str,
        stopped: datetime,
        output: str | None,
        error: str | None,
        cause: str | None,
    ) -> None:
        self._run(
            "UPDATE execution SET status=?, stopped=?, output=?, error=?, cause=? WHERE arn=?",
            status, stopped.isoformat(), output, error, cause, arn,
        )  # fmt: skip

    def reopen(self, arn: str, now: datetime) -> None:
        """Set an execution to RUNNING again, for a redrive."""
        self._run(
            "UPDATE execution SET status=?, stopped=NULL, output=NULL, error=NULL, cause=NULL,"
            " redrives=redrives + 1, redriven=? WHERE arn=?",
            RUNNING, now.isoformat(), arn,
        )  # fmt: skip

    def read(self, arn: str) -> ExecutionRow | None:
        rows = self._run(f"SELECT {COLUMNS} FROM execution WHERE arn=?", arn)
        return ExecutionRow.from_columns(rows[0]) if rows else None

    def read_newest(self, machine: str, status: str | None, first: int, count: int) -> list[ExecutionRow]:
        """Read a machine's executions, newest first, from number `first` on."""
        rows = self._run(
            f"SELECT {COLUMNS} FROM execution WHERE machine=? AND (? IS NULL OR status=?)"
            " ORDER BY started DESC, arn LIMIT ? OFFSET ?",
            machine, status, status, count, first,
        )  # fmt: skip
        return [ExecutionRow.from_columns(row) for row in rows]

    def read_running(self) -> list[ExecutionRow]:
        rows = self._run(f"SELECT {COLUMNS} FROM execution WHERE status='RUNNING' ORDER BY started")
        return [ExecutionRow.from_columns(row) for row in rows]

    def add_event(self, arn: str, event: dict[str, Any]) -> None:
        self._run("INSERT OR REPLACE INTO event VALUES(?, ?, ?)", arn, event["id"], json.dumps(event))

    def read_events(self, arn: str, first: int = 0, count: int = -1, *, newest: bool = False) -> list[Any]:
        """Read `count` events from number `first` on, the oldest or the newest first."""
        order = "DESC" if newest else "ASC"
        rows = self._run(
            f"SELECT body FROM event WHERE arn=? ORDER BY id {order} LIMIT ? OFFSET ?", arn, count, first
        )
        return [json.loads(body) for (body,) in rows]

    def read_undelivered(self) -> list[ExecutionRow]:
        """Read the executions whose latest status event was not delivered yet, the oldest first."""
        rows = self._run(
            f"SELECT {COLUMNS} FROM execution WHERE told < order_status(redrives, status) ORDER BY started"
        )
        return [ExecutionRow.from_columns(row) for row in rows]

    def mark_delivered(self, row: ExecutionRow) -> None:
        self._run("UPDATE execution SET told=? WHERE arn=? AND told < ?", row.order, row.arn, row.order)

    def forget_old(self, now: datetime | None = None) -> int:
        """Remove the executions that closed longer ago than AWS keeps them; return how many."""
        before = ((now or datetime.now(UTC)) - KEPT).isoformat()
        with self._lock:
            old = self._run("SELECT arn FROM execution WHERE stopped < ?", before)
            self._remove(arn for (arn,) in old)
        return len(old)

    def _remove(self, arns: Iterable[str]) -> None:
        for arn in arns:
            for table in ("event", "execution"):
                self._run(f"DELETE FROM {table} WHERE arn=?", arn)
