"""Executions and recordings by the names that people give."""

from __future__ import annotations

from rem.cli.target import Target
from rem.core.errors import InputError
from rem.core.records import Record
from rem.executions.execution import Execution
from rem.library import work


def find_execution(target: Target, user: str, name: str) -> Execution:
    """Find an execution by its name, its ARN, or the recording that it works on.

    Raises:
        InputError: there is none.
    """
    found = target.executions().find(name)
    if found is None:
        found = find_execution_of(target, read_record(target, user, name))
    if found is None:
        raise InputError(f"no execution of the recording {name} is known: `rem executions` lists all")
    return found


def find_execution_of(target: Target, record: Record) -> Execution | None:
    """Find the execution that works, or worked, on a recording; None where none is known."""
    return work.find_execution(record, target.store(), target.executions())


def read_record(target: Target, user: str, recording_id: str) -> Record:
    """Read the record of a recording.

    Raises:
        InputError: there is none; says that no execution has the name either.
    """
    record = target.catalog().read(user, recording_id)
    if record is None:
        raise InputError(f"there is neither an execution nor a recording named '{recording_id}'")
    return record
