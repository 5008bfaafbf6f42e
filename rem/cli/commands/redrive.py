"""`rem redrive`: failed executions go on where they broke."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console

from rem.adapters.step_functions import Executions
from rem.cli.lookup import find_execution
from rem.cli.options import User, take_groups
from rem.cli.progress import LiveProgress
from rem.cli.tables import format_seconds
from rem.cli.target import TargetOptions
from rem.core.errors import EXIT_BAD_INPUT, EXIT_FAILED, InputError
from rem.executions.execution import Execution
from rem.executions.history import read_states
from rem.executions.statuses import ABORTED, SUCCEEDED

FOLLOW_S = 0.5  # between two looks at an execution that --wait follows
MOST = 10_000  # failed executions that --all-failed looks at

app = typer.Typer()

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


@app.command()
@take_groups
def redrive(
    where: TargetOptions,
    names: Names = None,
    all_failed: AllFailed = False,
    wait: Wait = False,
    user: User = "me",
) -> None:
    """Continue failed executions in the state in which they failed; finished states are not run again.

    Exit code: 0 all redriven, 2 one cannot be, 3 one failed again (with --wait).

    Examples:

      rem redrive talk-18f20989 --wait

      rem redrive --all-failed
    """
    if bool(names) == all_failed:
        raise InputError("name the executions to redrive, or give --all-failed")
    with where.open() as target:
        known = target.executions()
        if all_failed:
            chosen = list(choose_failed(known))
        else:
            chosen = [find_execution(target, user, name) for name in names or ()]
        continued = [each for each in chosen if _redrive(known, each)]
        if all_failed and not chosen:
            typer.echo("Nothing to redrive.")
        statuses = follow(known, continued) if wait and continued else []
    if any(status != SUCCEEDED for status in statuses):
        raise typer.Exit(EXIT_FAILED)
    if len(continued) < len(chosen):
        raise typer.Exit(EXIT_BAD_INPUT)


def choose_failed(known: Executions) -> Iterator[Execution]:
    """Choose the failed executions that a redrive may help.

    An ABORTED one was stopped on purpose; one that failed on its input would fail again.
    """
    for execution in known.list_newest(MOST, only_failed=True):
        if execution.status == ABORTED:
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
    typer.echo(f"{execution.name} continues")
    return True


def follow(known: Executions, chosen: Sequence[Execution]) -> list[str]:
    """Show the progress of executions until all have ended; their statuses."""
    console = Console(stderr=True, highlight=False)
    waiting, statuses = list(chosen), []
    with LiveProgress(console, len(waiting), boot="Redrive") as progress:
        while waiting:
            for execution in list(waiting):
                now = known.find(execution.arn)
                assert now is not None
                progress.show(now.name, now.name, read_states(known.read_history(now.arn)))
                if not now.is_running:
                    waiting.remove(execution)
                    statuses.append(now.status)
                    _print_end(console, known, now)
            time.sleep(FOLLOW_S)
    return statuses


def _print_end(console: Console, known: Executions, execution: Execution) -> None:
    failure = known.explain(execution)
    reason = f": {failure.state} {failure.error}: {failure.message}" if failure else ""
    took = format_seconds(execution.seconds)
    line = f"{execution.name}: {execution.status} after {took}{reason}"
    console.print(line, markup=False, soft_wrap=True)
