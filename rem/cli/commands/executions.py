"""`rem executions`, `show`, `redrive`, `stop`, `doctor`: the Step Functions console's work, in a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rem.cli.target import (
    DEFAULT_STACK,
    AsJson,
    DataFolder,
    EndpointUrl,
    Profile,
    Region,
    StackName,
    Target,
    open_target,
)
from rem.core.errors import EXIT_BAD_INPUT, EXIT_FAILED, InputError

if TYPE_CHECKING:
    from rem.adapters.step_functions import Executions
    from rem.core.recordings import Recording
    from rem.executions.doctor import Diagnosis
    from rem.executions.execution import Execution
    from rem.executions.history import Failure

FOLLOW_S = 0.5  # between two looks at an execution that --wait follows

Failed = Annotated[bool, typer.Option("--failed", help="Only those that ended without success.")]
Limit = Annotated[int, typer.Option(min=1, help="How many, the newest first.", metavar="N")]
Name = Annotated[
    str, typer.Argument(help="Name or ARN of an execution, or a recording id.", metavar="EXECUTION")
]
Names = Annotated[
    list[str] | None,
    typer.Argument(help="Names or ARNs of executions, or recording ids.", metavar="EXECUTION…"),
]
AllFailed = Annotated[
    bool,
    typer.Option(
        "--all-failed", help="All that FAILED or TIMED_OUT, but for recordings that can never be used."
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Follow until the end; exit code 3 where one fails.")]
Full = Annotated[bool, typer.Option("--full", help="Every state with its whole input and output.")]
Reason = Annotated[str, typer.Option(help="Kept as the execution's cause.", metavar="TEXT")]
User = Annotated[str, typer.Option(envvar="REM_USER", help="Whose recording it is.", metavar="USER")]


def executions(
    failed: Failed = False,
    limit: Limit = 20,
    as_json: AsJson = False,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """List executions, the newest first: how they stand, and where and why they failed."""
    from rem.cli import tables as printing

    with open_target(profile, region, stack, endpoint_url, data) as target:
        known = _open(target)
        rows = [(each, known.explain(each)) for each in known.list_newest(limit, only_failed=failed)]
    if as_json:
        printing.print_json({"executions": [_to_json(each, failure) for each, failure in rows]})
        return
    table = printing.build_table("execution", "status", "started", "took", "redrives", "failed in, with")
    for each, failure in rows:
        table.add_row(
            each.name,
            _colour(each.status),
            printing.format_moment(each.started_at)[:16],
            printing.format_seconds(each.seconds),
            str(each.redrive_count or ""),
            f"{failure.state} {failure.error}".strip() if failure else "",
        )
    printing.build_console().print(table if rows else "No executions.")


def show(
    name: Name,
    full: Full = False,
    as_json: AsJson = False,
    user: User = "me",
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Show an execution state by state, or a recording with its documents.

    For an execution: when each state ran, how often it was tried, what went in and out, the error, and the
    log lines of the attempt that failed. For a recording: its record, documents, first words and execution.
    """
    from rem.cli import show as showing

    with open_target(profile, region, stack, endpoint_url, data) as target:
        found = _open(target).find(name)
        if found is not None:
            showing.show_execution(target, _open(target), found, full=full, as_json=as_json)
        else:
            record = _read_record(target, user, name)
            execution = find_execution_of(target, record)
            showing.show_recording(target, record, execution, as_json=as_json)


def redrive(
    names: Names = None,
    all_failed: AllFailed = False,
    wait: Wait = False,
    user: User = "me",
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Let failed executions go on where they broke; finished states are not run again.

    Exit code: 0 all redriven, 2 one cannot be, 3 one failed again (with --wait).
    """
    if bool(names) == all_failed:
        raise InputError("name the executions to redrive, or give --all-failed")
    with open_target(profile, region, stack, endpoint_url, data) as target:
        known = _open(target)
        chosen = (
            list(choose_failed(known)) if all_failed else [_find(target, user, name) for name in names or ()]
        )
        gone_on = [each for each in chosen if _redrive(known, each)]
        if all_failed and not chosen:
            typer.echo("Nothing to redrive.")
        statuses = _follow(known, gone_on) if wait and gone_on else []
    if any(status != "SUCCEEDED" for status in statuses):
        raise typer.Exit(EXIT_FAILED)
    if len(gone_on) < len(chosen):
        raise typer.Exit(EXIT_BAD_INPUT)


def stop(
    name: Name,
    reason: Reason = "Stopped with `rem stop`",
    user: User = "me",
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Stop a running execution. What its stages stored is kept: `rem redrive` lets it go on."""
    with open_target(profile, region, stack, endpoint_url, data) as target:
        execution = _find(target, user, name)
        if not execution.is_running:
            raise InputError(f"{execution.name} is not running: it is {execution.status}")
        _open(target).stop(execution, reason)
    typer.echo(f"{execution.name} stopped; `rem redrive {execution.name}` lets it go on")


def doctor(
    name: Name,
    as_json: AsJson = False,
    user: User = "me",
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Say in one sentence why an execution failed, and the commands that mend it."""
    from rem.cli import tables as printing

    with open_target(profile, region, stack, endpoint_url, data) as target:
        execution = _find(target, user, name)
        diagnosis = diagnose_execution(target, _open(target), execution)
    if as_json:
        found = diagnosis and {
            "kind": diagnosis.kind,
            "sentence": diagnosis.sentence,
            "commands": diagnosis.commands,
        }
        printing.print_json({"execution": execution.name, "status": execution.status, "diagnosis": found})
    elif diagnosis is None:
        typer.echo(f"{execution.name} is {execution.status}: there is nothing to mend.")
    else:
        typer.echo("\n".join([diagnosis.sentence, "", *(f"  {command}" for command in diagnosis.commands)]))


def diagnose_execution(target: Target, known: Executions, execution: Execution) -> Diagnosis | None:
    """Gather the facts and judge them; None where the execution did not fail."""
    from rem.adapters.logs import find_max_memory_mb
    from rem.definition import load_stages
    from rem.executions.doctor import Case, Limits, diagnose

    failure = known.explain(execution)
    if failure is None:
        return None
    visits = [visit for visit in known.read_visits(execution.arn) if visit.name == failure.state]
    failed = next((visit for visit in reversed(visits) if visit.failed_attempt), None)
    lines = target.logs().read(failed.function, failed.attempts[-1].request_id) if failed else []
    stage = load_stages().get(failure.state.lower())
    case = Case(
        execution=execution.name,
        failure=failure,
        attempts=sum(bool(attempt.error) for attempt in failed.attempts) if failed else 1,
        is_redrivable=execution.is_redrivable,
        limits=Limits(stage.memory_mb, stage.timeout_s) if stage else None,
        max_memory_mb=find_max_memory_mb(lines),
    )
    return diagnose(case)


def _open(target: Target) -> Executions:
    from rem.adapters.step_functions import Executions

    return Executions(target.machine_arn, target.client("stepfunctions"))


def _find(target: Target, user: str, name: str) -> Execution:
    """By name, ARN, or the recording that it works on.

    Raises:
        InputError: there is none.
    """
    found = _open(target).find(name)
    if found is None:
        found = find_execution_of(target, _read_record(target, user, name))
    if found is None:
        raise InputError(f"the recording {name} has no execution that is known: see `rem executions`")
    return found


def find_execution_of(target: Target, record: Mapping[str, Any]) -> Execution | None:
    """The one that the record names, else the one that its upload started, by its deterministic name."""
    from rem.adapters.s3 import S3Store
    from rem.core.places import execution_name

    if arn := record.get("executionArn"):
        return _open(target).find(arn)
    store = S3Store(target.bucket, target.client("s3"))
    if not store.exists(record["key"]):
        return None
    etag = store.read_head(record["key"]).etag
    return _open(target).find(execution_name(record["recordingId"], record["key"], etag))


def _read_record(target: Target, user: str, recording_id: str) -> dict[str, Any]:
    from rem.adapters.dynamodb import DynamoCatalog

    record = DynamoCatalog(target.table, target.client("dynamodb")).read(user, recording_id)
    if record is None:
        raise InputError(f"there is neither an execution nor a recording named '{recording_id}'")
    return record


def choose_failed(known: Executions) -> Iterator[Execution]:
    """What ABORTED was stopped on purpose; what is bad input fails again."""
    for execution in known.list_newest(10_000, only_failed=True):
        if execution.status == "ABORTED":
            continue
        failure = known.explain(execution)
        if failure is not None and failure.error == InputError.__name__:
            typer.echo(f"{execution.name} left out: {failure.message}")
        else:
            yield execution


def _redrive(known: Executions, execution: Execution) -> bool:
    """Redrive one; say so, or why not, and go on with the others."""
    try:
        known.redrive(execution)
    except InputError as error:
        typer.echo(f"rem: {error}", err=True)
        return False
    typer.echo(f"{execution.name} goes on")
    return True


@dataclass(frozen=True, slots=True)
class _Followed:
    """An execution as the progress display knows it."""

    path: Path
    recording: Recording


def _follow(known: Executions, chosen: Sequence[Execution]) -> list[str]:
    """Show the progress until all have ended; their statuses."""
    from rich.console import Console

    from rem.cli.progress import Display
    from rem.cli.tables import format_seconds
    from rem.core.recordings import Recording
    from rem.executions.history import read_states

    console = Console(stderr=True, highlight=False)
    waiting, statuses = list(chosen), []
    with Display(console, len(waiting), boot="Redrive") as display:
        while waiting:
            for execution in list(waiting):
                now = known.find(execution.arn)
                assert now is not None
                recording = Recording(now.name, "", "", "", "", "")
                display.show(_Followed(Path(now.name), recording), read_states(known.read_history(now.arn)))
                if not now.is_running:
                    waiting.remove(execution)
                    statuses.append(now.status)
                    failure = known.explain(now)
                    why = f": {failure.state} {failure.error}: {failure.message}" if failure else ""
                    console.print(
                        f"{now.name}: {now.status} after {format_seconds(now.seconds)}{why}",
                        markup=False,
                        soft_wrap=True,
                    )
            time.sleep(FOLLOW_S)
    return statuses


def _colour(status: str) -> str:
    colour = {"SUCCEEDED": "green", "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "yellow"}.get(status)
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
