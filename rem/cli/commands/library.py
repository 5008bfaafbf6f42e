"""`rem list`, `rem rename`, `rem delete`: a user's recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from rem.cli import tables
from rem.cli.options import AsJson, User, take_groups
from rem.cli.target import TargetOptions
from rem.core.errors import InputError
from rem.library.work import stop_execution
from rem.transcripts.captions import format_clock

app = typer.Typer()

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


@app.command("list")
@take_groups
def list_(where: TargetOptions, user: User = "me", as_json: AsJson = False) -> None:
    """List a user's recordings, the newest first.

    Examples:

      rem list

      rem list --profile work --region eu-central-1 --json
    """
    with where.open() as target:
        records = target.library().list_recordings(user)
    if as_json:
        tables.print_json({"recordings": [record.to_item() for record in records]})
        return
    table = tables.build_table(
        "recording", f"started ({tables.name_zone()})", "status", "length", "title, or what went wrong"
    )
    for record in records:
        table.add_row(
            record.recording_id,
            tables.format_iso(record.started_at)[:16],
            record.status,
            "" if record.duration_s is None else format_clock(record.duration_s),
            record.error.message if record.error else record.title or "",
        )
    tables.build_console().print(table if records else f"{user} has no recordings.", markup=False)


@app.command()
@take_groups
def rename(recording: RecordingId, names: NewNames, where: TargetOptions, user: User = "me") -> None:
    """Name voices in all documents of a recording. The labels stay: they can be renamed at any time.

    Examples:

      rem rename walk-1 SPEAKER_00 Ada

      rem rename walk-1 Anna Ben Ben Anna      (swaps two names)
    """
    new_names = pair_names(names)
    with where.open() as target:
        known = target.library().rename_speakers(user, recording, new_names)
    for label, given in known.items():
        typer.echo(f"{label} is {given}")


def pair_names(words: Sequence[str]) -> dict[str, str]:
    """Read SPEAKER NAME SPEAKER NAME … as names by speaker.

    Raises:
        InputError: a speaker has no name, or two.
    """
    if len(words) % 2:
        raise InputError(f"'{words[-1]}' has no name beside it: give each voice and its name, in pairs")
    names = dict(zip(words[::2], words[1::2], strict=True))
    if len(names) < len(words) // 2:
        raise InputError("a voice is named twice: name each voice once")
    return names


@app.command()
@take_groups
def delete(recording: RecordingId, where: TargetOptions, user: User = "me") -> None:
    """Delete a recording for good: its sound, every artifact, every document, its record.

    Stops a running execution first, and prints what it removed. There is no way back.

    Example: rem delete talk-18f20989
    """
    with where.open() as target:
        library = target.library()
        stopped = stop_execution(library.read(user, recording), library.store, target.executions())
        if stopped is not None:
            typer.echo(f"stopped {stopped.name}")
        removed = library.delete(user, recording)
    for name in removed:
        typer.echo(f"removed {name}")
