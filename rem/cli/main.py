"""The entry point of the command line. Heavy imports wait in the modules of the commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rem.cli.lazy_group import LazyGroup
from rem.core.errors import EXIT_BAD_INPUT, EXIT_FAILED, BusyError, InputError, SetupError

DISTRIBUTION = "rem-recording-memory"
OURS = ("rem", "functions", "statemachine")  # a module of these that is not there is a bug, not an extra
MISSING = (
    f"{{package}} is not installed: this command runs the pipeline, so install REM with its extra `local` "
    f"(pip install '{DISTRIBUTION}[local]')"
)

app = typer.Typer(
    name="rem", cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import (
            version,
        )  # a mail parser comes with it, which every start would wait for

        typer.echo(f"rem {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def _root(
    is_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Turn recordings into who said what, when, and what it meant: on this machine as on AWS."""


def main() -> None:
    """Run a command; a known error ends in one line, not in a traceback."""
    try:
        app()
    except (InputError, SetupError, BusyError) as error:
        sys.stderr.write(f"rem: {error}\n")
        sys.exit(EXIT_FAILED if isinstance(error, BusyError) else EXIT_BAD_INPUT)
    except ModuleNotFoundError as error:
        if str(error.name).startswith(OURS):
            raise
        sys.stderr.write(f"rem: {MISSING.format(package=error.name)}\n")
        sys.exit(EXIT_BAD_INPUT)
