"""`rem list`, `rem rename`, `rem delete`: a user's recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from rem.cli.commands.executions import User, find_execution_of
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

if TYPE_CHECKING:
    from rem.core import Json
    from rem.library.library import Library

RecordingId = Annotated[
    str, typer.Argument(help="A recording's id, as `rem list` shows it.", metavar="RECORDING")
]
NewNames = Annotated[
    list[str],
    typer.Argument(
        help="Label (SPEAKER_00) or present name of a voice, and its new name; '' takes the name away. "
        "Several pairs are taken all at once or not at all.",
        metavar="SPEAKER NAME",
    ),
]


def list_(
    user: User = "me",
    as_json: AsJson = False,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """List a user's recordings, the newest first."""
    from rem.cli import tables as printing
    from rem.transcripts.captions import format_clock

    with open_target(profile, region, stack, endpoint_url, data) as target:
        records = open_library(target).list_recordings(user)
    if as_json:
        printing.print_json({"recordings": records})
        return
    table = printing.build_table("recording", "started", "status", "length", "title, or what went wrong")
    for record in records:
        error = record.get("error") or {}
        table.add_row(
            record["recordingId"],
            str(record.get("startedAt", ""))[:16].replace("T", " "),
            record["status"],
            format_clock(record["durationSeconds"]) if "durationSeconds" in record else "",
            error.get("message") or record.get("title", ""),
        )
    printing.build_console().print(table if records else f"{user} has no recordings.", markup=False)


def rename(
    recording: RecordingId,
    names: NewNames,
    user: User = "me",
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Name voices in all documents of a recording. The labels stay: they can be renamed at any time.

    Examples:

      rem rename walk-1 SPEAKER_00 Ada

      rem rename walk-1 Anna Ben Ben Anna      (swaps two names)
    """
    new_names = pair_names(names)
    with open_target(profile, region, stack, endpoint_url, data) as target:
        known = open_library(target).rename_speakers(user, recording, new_names)
    for label, given in known.items():
        typer.echo(f"{label} is {given}")


def pair_names(words: Sequence[str]) -> dict[str, str]:
    """Read SPEAKER NAME SPEAKER NAME … as names by speaker.

    Raises:
        InputError: a speaker has no name, or two.
    """
    from rem.core.errors import InputError

    if len(words) % 2:
        raise InputError(f"'{words[-1]}' has no name beside it: give each voice and its name, in pairs")
    names = dict(zip(words[::2], words[1::2], strict=True))
    if len(names) < len(words) // 2:
        raise InputError("a voice is named twice: name each voice once")
    return names


def delete(
    recording: RecordingId,
    user: User = "me",
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Delete a recording: its sound, every artifact, every document, its record. Prints what it removed.

    A running execution is stopped first. There is no way back.
    """
    with open_target(profile, region, stack, endpoint_url, data) as target:
        library = open_library(target)
        _stop_execution(target, library.read(user, recording))
        removed = library.delete(user, recording)
    for name in removed:
        typer.echo(f"removed {name}")


def open_library(target: Target) -> Library:
    from rem.adapters.dynamodb import DynamoCatalog
    from rem.adapters.s3 import S3Store
    from rem.library.library import Library

    store = S3Store(target.bucket, target.client("s3"))
    return Library(store, DynamoCatalog(target.table, target.client("dynamodb")))


def _stop_execution(target: Target, record: Json) -> None:
    """A stage that still runs would write after the deletion."""
    from rem.adapters.step_functions import Executions

    execution = find_execution_of(target, record)
    if execution is not None and execution.is_running:
        known = Executions(target.machine_arn, target.client("stepfunctions"))
        known.stop(execution, "The recording was deleted.")
        typer.echo(f"stopped {execution.name}")
