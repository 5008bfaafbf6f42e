"""What `rem show` prints: an execution state by state, a recording with its documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rem.cli import tables as printing
from rem.core.places import DOCUMENT_FORMATS, transcript_key
from rem.transcripts.captions import format_clock, join_turns

if TYPE_CHECKING:
    from rem.adapters.step_functions import Executions
    from rem.cli.target import Target
    from rem.executions.execution import Execution
    from rem.executions.history import Attempt, Failure, StateVisit

DATA_WIDTH = 56  # columns of the abridged inputs and outputs
IDENTITY = {"recordingId", "userId", "deviceId", "startedAt", "bucket", "key", "recording"}  # in every input
EXCERPT_TURNS = 6


def show_execution(
    target: Target, known: Executions, execution: Execution, *, full: bool, as_json: bool
) -> None:
    failure, visits = known.explain(execution), known.read_visits(execution.arn)
    failed = next((v for v in reversed(visits) if failure and v.name == failure.state and v.attempts), None)
    attempt = failed.attempts[-1] if failed else None
    log = target.logs().read(failed.function, attempt.request_id) if failed and attempt else []
    if as_json:
        printing.print_json(_to_json(execution, failure, visits, log))
        return
    console = printing.build_console()
    _print_head(console, execution, failure)
    if full:
        _print_visits(console, execution.started_at, visits)
    else:
        _print_states(console, execution.started_at, [v for v in visits if v.kind == "Task"])
    if failure is not None:
        if log:
            console.print(f"\n[bold]Log of the last attempt of {failure.state}[/]")
            console.print("\n".join(f"  {line}" for line in log), markup=False, soft_wrap=True)
        console.print(f"\nWhat to do: rem doctor {execution.name}", soft_wrap=True)


def _print_head(console: Console, execution: Execution, failure: Failure | None) -> None:
    redrives = f", redriven {execution.redrive_count} time(s)" if execution.redrive_count else ""
    took = printing.format_seconds(execution.seconds)
    console.print(f"[bold]{escape(execution.name)}[/]  {execution.status}{redrives}", soft_wrap=True)
    console.print(f"recording {execution.recording_id or 'unknown'}", markup=False, soft_wrap=True)
    console.print(f"started {printing.format_moment(execution.started_at)}, took {took}")
    if failure is not None:
        where = f"{failure.state}: " if failure.state else ""
        console.print(
            f"[red]{escape(where + (failure.error or failure.status))}[/]: {escape(failure.message)}"
        )
    console.print()


def _print_states(console: Console, start: datetime, visits: Sequence[StateVisit]) -> None:
    """A row per state; the iterations of a Map share one, with the data of a failed one, else the first."""
    table = printing.build_table("state", "start", "took", "tries", "what went in and out")
    for name in dict.fromkeys(visit.name for visit in visits):
        same = [visit for visit in visits if visit.name == name]
        chosen = next((visit for visit in same if visit.failed_attempt), same[0])
        left = [visit.left_at for visit in same if visit.left_at]
        entered = min(visit.entered_at for visit in same)
        ended = max([*left, *(a.ended_at for v in same for a in v.attempts if a.ended_at)], default=None)
        went_in, came_out = abridge(chosen)
        went = f"in   {printing.shorten(went_in, DATA_WIDTH)}\n"
        went += f"out  {printing.shorten(came_out, DATA_WIDTH)}" if chosen.output else _tell_end(chosen)
        tries = sum(len(visit.attempts) for visit in same)
        table.add_row(
            f"{name} ({len(same)})" if len(same) > 1 else name,
            f"+{printing.format_seconds((entered - start).total_seconds())}",
            printing.format_seconds((ended - entered).total_seconds()) if ended else "runs",
            str(tries),
            escape(went),
        )
    console.print(table)


def abridge(visit: StateVisit) -> tuple[str, str]:
    """Input and output without what every state is told, and without what the output only passes on."""
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
        begun = printing.format_seconds((visit.entered_at - start).total_seconds())
        took = "not left"
        if visit.left_at is not None:
            took = f"took {printing.format_seconds((visit.left_at - visit.entered_at).total_seconds())}"
        console.print(f"[bold]{visit.name}[/]  {visit.kind}, +{begun}, {took}")
        for attempt in visit.attempts:
            console.print(
                f"  try at {printing.format_moment(attempt.started_at)}: {_tell(attempt)}", markup=False
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


def show_recording(
    target: Target, record: dict[str, Any], execution: Execution | None, *, as_json: bool
) -> None:
    from rem.adapters.s3 import S3Store

    store = S3Store(target.bucket, target.client("s3"))
    keys = [
        transcript_key(record["userId"], record["deviceId"], record["recordingId"], extension)
        for extension in DOCUMENT_FORMATS
    ]
    documents = [key for key in keys if store.exists(key)]
    if as_json:
        printing.print_json({**record, "documents": documents, "execution": execution and execution.name})
        return
    console = printing.build_console()
    _print_record(console, record)
    for key in documents:
        console.print(f"  s3://{target.bucket}/{key}", markup=False, soft_wrap=True)
    if documents and documents[0] == keys[0]:
        _print_excerpt(console, store.read_json(keys[0]))
    if execution is not None:
        console.print(f"\nExecution: rem show {execution.name}", markup=False, soft_wrap=True)


def _print_record(console: Console, record: dict[str, Any]) -> None:
    console.print(f"[bold]{escape(record['recordingId'])}[/]  {record['status']}", soft_wrap=True)
    if title := record.get("title"):
        console.print(title, markup=False)
    facts = [f"{record['userId']} / {record['deviceId']}", f"started {record['startedAt']}"]
    if "durationSeconds" in record:
        facts.append(f"{format_clock(record['durationSeconds'])} of sound")
    if "speakerCount" in record:
        facts.append(f"{record['speakerCount']} speaker(s)")
    console.print(", ".join(facts), markup=False)
    if error := record.get("error"):
        console.print(
            f"[red]{escape(error['stage'])}: {escape(error['error'])}[/]: {escape(error['message'])}"
        )


def _print_excerpt(console: Console, document: dict[str, Any]) -> None:
    from rem.transcripts.transcript import Transcript

    turns = join_turns(Transcript.from_json(document))
    lines = Table.grid(padding=(0, 2, 0, 0))
    for start_s, name, text in turns[:EXCERPT_TURNS]:
        row = (f"[dim]{format_clock(start_s):>5}[/]", f"[bold]{escape(name)}[/]")
        lines.add_row(*row, escape(printing.shorten(text, 200)))
    console.print()
    console.print(lines)
    if len(turns) > EXCERPT_TURNS:
        console.print(f"       … and {len(turns) - EXCERPT_TURNS} more turns", style="dim")
