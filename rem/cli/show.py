"""The pages of `rem show`: an execution state by state, a recording with its documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rem.cli import tables
from rem.cli.target import Target
from rem.core import Json
from rem.core.places import DOCUMENT_FORMATS, transcript_key
from rem.core.records import Record
from rem.executions.execution import Execution
from rem.executions.failed_notes import FailedNote, find_in_transcript, find_in_visits
from rem.executions.history import Attempt, Failure, StateVisit
from rem.transcripts.captions import format_clock, join_turns
from rem.transcripts.sound import describe_channels, sum_damage
from rem.transcripts.transcript import Transcript

DATA_WIDTH = 56  # columns of the abridged inputs and outputs
# Every state is told these, so that they say nothing about one.
IDENTITY = {"recordingId", "userId", "deviceId", "startedAt", "bucket", "key", "recording"}
EXCERPT_TURNS = 6


def show_execution(target: Target, execution: Execution, *, full: bool, as_json: bool) -> None:
    """Print an execution, with the log lines of the attempt that failed."""
    known = target.executions()
    failure, visits = known.explain(execution), known.read_visits(execution.arn)
    failed = next((v for v in reversed(visits) if failure and v.name == failure.state and v.attempts), None)
    attempt = failed.attempts[-1] if failed else None
    log = target.logs().read(failed.function, attempt.request_id) if failed and attempt else []
    if as_json:
        tables.print_json(_to_json(execution, failure, visits, log))
        return
    console = tables.build_console()
    _print_head(console, execution, failure)
    if full:
        _print_visits(console, execution.started_at, visits)
    else:
        _print_states(console, execution.started_at, [v for v in visits if v.kind == "Task"])
    _print_failed_notes(console, find_in_visits(visits))
    if failure is not None:
        if log:
            console.print(f"\n[bold]Log of the last attempt of {failure.state}[/]")
            console.print("\n".join(f"  {line}" for line in log), markup=False, soft_wrap=True)
        console.print(f"\nWhat to do: rem doctor {execution.name}", soft_wrap=True)


def _print_head(console: Console, execution: Execution, failure: Failure | None) -> None:
    redrives = f", redriven {execution.redrive_count} time(s)" if execution.redrive_count else ""
    took = tables.format_seconds(execution.seconds)
    console.print(f"[bold]{escape(execution.name)}[/]  {execution.status}{redrives}", soft_wrap=True)
    console.print(f"recording {execution.recording_id or 'unknown'}", markup=False, soft_wrap=True)
    console.print(f"started {tables.format_moment(execution.started_at)}, took {took}")
    if failure is not None:
        where = f"{failure.state}: " if failure.state else ""
        console.print(
            f"[red]{escape(where + (failure.error or failure.status))}[/]: {escape(failure.message)}"
        )
    console.print()


def _print_states(console: Console, start: datetime, visits: Sequence[StateVisit]) -> None:
    """Print a row per state.

    The iterations of a Map share a row, with the data of a failed iteration, else of the first.
    """
    table = tables.build_table("state", "start", "took", "tries", "what went in and out")
    for name in dict.fromkeys(visit.name for visit in visits):
        same = [visit for visit in visits if visit.name == name]
        chosen = next((visit for visit in same if visit.failed_attempt), same[0])
        left = [visit.left_at for visit in same if visit.left_at]
        entered = min(visit.entered_at for visit in same)
        ended = max([*left, *(a.ended_at for v in same for a in v.attempts if a.ended_at)], default=None)
        went_in, came_out = abridge(chosen)
        went = f"in   {tables.shorten(went_in, DATA_WIDTH)}\n"
        went += f"out  {tables.shorten(came_out, DATA_WIDTH)}" if chosen.output else _tell_end(chosen)
        tries = sum(len(visit.attempts) for visit in same)
        table.add_row(
            f"{name} ({len(same)})" if len(same) > 1 else name,
            f"+{tables.format_seconds((entered - start).total_seconds())}",
            tables.format_seconds((ended - entered).total_seconds()) if ended else "runs",
            str(tries),
            escape(went),
        )
    console.print(table)


def abridge(visit: StateVisit) -> tuple[str, str]:
    """Leave out of a visit's input what every state is told, and of its output what it only passes on."""
    before, after = _parse(visit.input), _parse(visit.output)
    if not isinstance(before, dict):
        return visit.input, visit.output
    told = {name: value for name, value in before.items() if name not in IDENTITY} or before
    if not isinstance(after, dict):
        return _dump(told), visit.output
    new = {name: value for name, value in after.items() if before.get(name) != value} or after
    return _dump(told), _dump(new)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def _dump(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)


def _tell_end(visit: StateVisit) -> str:
    failed = visit.failed_attempt
    return f"✗    {failed.error}" if failed else "not left"


def _print_visits(console: Console, start: datetime, visits: Sequence[StateVisit]) -> None:
    for visit in visits:
        begun = tables.format_seconds((visit.entered_at - start).total_seconds())
        took = "not left"
        if visit.left_at is not None:
            took = f"took {tables.format_seconds((visit.left_at - visit.entered_at).total_seconds())}"
        console.print(f"[bold]{visit.name}[/]  {visit.kind}, +{begun}, {took}")
        for attempt in visit.attempts:
            console.print(
                f"  try at {tables.format_moment(attempt.started_at)}: {_tell(attempt)}", markup=False
            )
        for label, text in (("in", visit.input), ("out", visit.output)):
            if text:
                console.print(f"  {label}:", style="dim")
                console.print(_indent(text), markup=False, soft_wrap=True)
        console.print()


def _tell(attempt: Attempt) -> str:
    if attempt.error:
        return f"{attempt.error}: {attempt.cause}"
    return "done" if attempt.ended_at else "running or cut off"


def _indent(text: str) -> str:
    document = _parse(text)
    if document is not None:
        text = json.dumps(document, indent=2, ensure_ascii=False)
    return "\n".join(f"    {line}" for line in text.splitlines())


def _to_json(
    execution: Execution, failure: Failure | None, visits: Sequence[StateVisit], log: Sequence[str]
) -> dict[str, Any]:
    return {
        "execution": execution.name,
        "arn": execution.arn,
        "status": execution.status,
        "recordingId": execution.recording_id,
        "startedAt": execution.started_at,
        "stoppedAt": execution.stopped_at,
        "redriveCount": execution.redrive_count,
        "failure": failure
        and {"state": failure.state, "error": failure.error, "message": failure.message, "log": list(log)},
        "failedNotes": [note.to_json() for note in find_in_visits(visits)],
        "states": [
            {
                "state": visit.name,
                "type": visit.kind,
                "enteredAt": visit.entered_at,
                "leftAt": visit.left_at,
                "attempts": [
                    {"startedAt": a.started_at, "endedAt": a.ended_at, "error": a.error, "cause": a.cause}
                    for a in visit.attempts
                ],
                "input": visit.input,
                "output": visit.output,
            }
            for visit in visits
        ],
    }


def show_recording(target: Target, record: Record, execution: Execution | None, *, as_json: bool) -> None:
    """Print a recording's record, its documents and its first words."""
    store = target.store()
    keys = [
        transcript_key(record.user_id, record.device_id, record.recording_id, extension)
        for extension in DOCUMENT_FORMATS
    ]
    documents = [key for key in keys if store.exists(key)]
    transcript = store.read_json(keys[0]) if keys[0] in documents else {}
    failed = find_in_transcript(transcript)
    if as_json:
        found = {"documents": documents, "failedNotes": [note.to_json() for note in failed]}
        tables.print_json({**record.to_item(), **found, "execution": execution and execution.name})
        return
    console = tables.build_console()
    _print_record(console, record)
    for key in documents:
        console.print(f"  {target.locate(key)}", markup=False, soft_wrap=True)
    if transcript:
        _print_excerpt(console, transcript)
    _print_failed_notes(console, failed)
    if execution is not None:
        console.print(f"\nExecution: rem show {execution.name}", markup=False, soft_wrap=True)


def _print_failed_notes(console: Console, failed: Sequence[FailedNote]) -> None:
    if failed:
        console.print("\n[bold]Notes that failed[/]")
        console.print("\n".join(f"  {note}" for note in failed), markup=False, soft_wrap=True)


def _print_record(console: Console, record: Record) -> None:
    console.print(f"[bold]{escape(record.recording_id)}[/]  {record.status}", soft_wrap=True)
    if record.title:
        console.print(record.title, markup=False)
    facts = [
        f"{record.user_id} / {record.device_id}",
        f"started {tables.format_iso(record.started_at)} {tables.name_zone()}",
    ]
    if record.duration_s is not None:
        facts.append(f"{format_clock(record.duration_s)} of sound")
    if record.speaker_count is not None:
        facts.append(f"{record.speaker_count} speaker(s)")
    console.print(", ".join(facts), markup=False)
    if error := record.error:
        console.print(f"[red]{escape(error.stage)}: {escape(error.error)}[/]: {escape(error.message)}")


def _print_excerpt(console: Console, document: Json) -> None:
    transcript = Transcript.from_json(document)
    turns = join_turns(transcript)
    lines = Table.grid(padding=(0, 2, 0, 0))
    for start_s, name, text in turns[:EXCERPT_TURNS]:
        row = (f"[dim]{format_clock(start_s):>5}[/]", f"[bold]{escape(name)}[/]")
        lines.add_row(*row, escape(tables.shorten(text, 200)))
    console.print()
    for line in filter(None, (sum_damage(transcript), describe_channels(transcript))):
        console.print(escape(line), style="yellow", soft_wrap=True)
    console.print(lines)
    if len(turns) > EXCERPT_TURNS:
        console.print(f"       … and {len(turns) - EXCERPT_TURNS} more turns", style="dim")
