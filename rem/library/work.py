"""The work that is being done on a recording: its execution."""

from __future__ import annotations

from rem.core.places import execution_name
from rem.core.records import Record
from rem.executions.execution import Execution
from rem.ports import Executions, Store

DELETED = "The recording was deleted."


def find_execution(record: Record, store: Store, executions: Executions) -> Execution | None:
    """Find the execution that the record names, else the one that its upload started.

    A COMPLETE record names none where its status events were lost: the name of the execution follows from
    what was uploaded.
    """
    if record.execution_arn is not None:
        return executions.find(record.execution_arn)
    if not store.exists(record.key):
        return None
    etag = store.read_head(record.key).etag
    return executions.find(execution_name(record.recording_id, record.key, etag))


def stop_execution(record: Record, store: Store, executions: Executions) -> Execution | None:
    """Stop the execution of a recording that is deleted: a stage that still runs would write afterwards.

    Returns:
        The execution that was stopped; None where none ran.
    """
    execution = find_execution(record, store, executions)
    if execution is None or not execution.is_running:
        return None
    executions.stop(execution, DELETED)
    return execution
