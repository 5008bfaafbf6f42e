"""`rem executions`, `show`, `doctor`, `stop`: the Step Functions console's work, in a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rem.adapters.logs import find_max_memory_mb
from rem.cli import tables
from rem.cli.lookup import find_execution, find_execution_of, read_record
from rem.cli.options import AsJson, User, take_groups
from rem.cli.show import show_execution, show_recording
from rem.cli.target import Target, TargetOptions
from rem.core.errors import InputError
from rem.definition import load_stages
from rem.executions.doctor import Diagnosis, FailureFacts, Limits, diagnose
from rem.executions.execution import Execution
from rem.executions.failed_notes import diagnose_notes, find_in_visits
from rem.executions.history import Failure
from rem.executions.statuses import ABORTED, FAILED, SUCCEEDED, TIMED_OUT

app = typer.Typer()

Failed = Annotated[bool, typer.Option("--failed", help="Only those that ended without success.")]
Limit = Annotated[int, typer.Option(min=1, help="How many, the newest first.", metavar="N")]
Name = Annotated[
    str, typer.Argument(help="Name or ARN of an execution, or a recording id.", metavar="EXECUTION")
]
Full = Annotated[bool, typer.Option("--full", help="Every state with its whole input and output.")]
Reason = Annotated[str, typer.Option(help="Kept as the execution's cause.", metavar="TEXT")]


@app.command()
@take_groups
def executions(
    where: TargetOptions, failed: Failed = False, limit: Limit = 20, as_json: AsJson = False
) -> None:
    """List executions, the newest first: how they stand, and where and why they failed.

    Example: rem executions --failed --limit 50
    """
    with where.open() as target:
        known = target.executions()
        rows = [(each, known.explain(each)) for each in known.list_newest(limit, only_failed=failed)]
    if as_json:
        tables.print_json({"executions": [_to_json(each, failure) for each, failure in rows]})
        return
    table = tables.build_table("execution", "status", "started", "took", "redrives", "failed in, with")
    for each, failure in rows:
        table.add_row(
            each.name,
            _colour(each.status),
            tables.format_moment(each.started_at)[:16],
            tables.format_seconds(each.seconds),
            str(each.redrive_count or ""),
            f"{failure.state} {failure.error}".strip() if failure else "",
        )
    tables.build_console().print(table if rows else "No executions.")


@app.command()
@take_groups
def show(
    name: Name, where: TargetOptions, full: Full = False, as_json: AsJson = False, user: User = "me"
) -> None:
    """Show an execution state by state, or a recording with its documents.

    For an execution: when each state ran, how often it was tried, what went in and out, the error, and the
    log lines of the attempt that failed. For a recording: its record, documents, first words and execution.

    Example: rem show talk-18f20989 --full
    """
    with where.open() as target:
        found = target.executions().find(name)
        if found is not None:
            show_execution(target, found, full=full, as_json=as_json)
        else:
            record = read_record(target, user, name)
            show_recording(target, record, find_execution_of(target, record), as_json=as_json)


@app.command()
@take_groups
def stop(
    name: Name, where: TargetOptions, reason: Reason = "Stopped with `rem stop`", user: User = "me"
) -> None:
    """Stop a running execution. The results of its stages are kept: `rem redrive` continues it.

    Example: rem stop talk-18f20989 --reason "wrong file"
    """
    with where.open() as target:
        execution = find_execution(target, user, name)
        if not execution.is_running:
            raise InputError(f"{execution.name} is not running: it is {execution.status}")
        target.executions().stop(execution, reason)
    typer.echo(f"{execution.name} stopped; `rem redrive {execution.name}` continues it")


@app.command()
@take_groups
def doctor(name: Name, where: TargetOptions, as_json: AsJson = False, user: User = "me") -> None:
    """Say in one sentence why an execution failed, and the commands that mend it.

    Example: rem doctor talk-18f20989
    """
    with where.open() as target:
        execution = find_execution(target, user, name)
        diagnosis = diagnose_execution(target, execution)
    if as_json:
        found = diagnosis and {
            "kind": diagnosis.kind,
            "sentence": diagnosis.sentence,
            "commands": diagnosis.commands,
        }
        tables.print_json({"execution": execution.name, "status": execution.status, "diagnosis": found})
    elif diagnosis is None:
        typer.echo(f"{execution.name} is {execution.status}: there is nothing to mend.")
    else:
        typer.echo("\n".join([diagnosis.sentence, "", *(f"  {command}" for command in diagnosis.commands)]))


def diagnose_execution(target: Target, execution: Execution) -> Diagnosis | None:
    """Gather the facts of a failure and judge them; None where neither the execution nor a note failed."""
    known = target.executions()
    failure, visits = known.explain(execution), known.read_visits(execution.arn)
    if failure is None:
        return diagnose_notes(find_in_visits(visits))
    visits = [visit for visit in visits if visit.name == failure.state]
    failed = next((visit for visit in reversed(visits) if visit.failed_attempt), None)
    lines = target.logs().read(failed.function, failed.attempts[-1].request_id) if failed else []
    stage = load_stages().get(failure.state.lower())
    facts = FailureFacts(
        execution=execution.name,
        failure=failure,
        attempts=sum(bool(attempt.error) for attempt in failed.attempts) if failed else 1,
        is_redrivable=execution.is_redrivable,
        limits=Limits(stage.memory_mb, stage.timeout_s) if stage else None,
        max_memory_mb=find_max_memory_mb(lines),
    )
    return diagnose(facts)


def _colour(status: str) -> str:
    colour = {SUCCEEDED: "green", FAILED: "red", TIMED_OUT: "red", ABORTED: "yellow"}.get(status)
    return f"[{colour}]{status}[/]" if colour else status


def _to_json(execution: Execution, failure: Failure | None) -> dict[str, Any]:
    return {
        "execution": execution.name,
        "arn": execution.arn,
        "status": execution.status,
        "startedAt": execution.started_at,
        "stoppedAt": execution.stopped_at,
        "seconds": round(execution.seconds, 3),
        "redriveCount": execution.redrive_count,
        "redrivable": execution.is_redrivable,
        "failure": failure and {"state": failure.state, "error": failure.error, "message": failure.message},
    }
