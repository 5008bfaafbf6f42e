"""`rem upload`: files to a home server or to AWS."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from rem.cli.options import AsJson, StartedAt, parse_start
from rem.cli.tables import print_json, print_skipped
from rem.cli.uploader import Uploader
from rem.core.errors import EXIT_BAD_INPUT, InputError
from rem.library.media import read_folder

app = typer.Typer()

Files = Annotated[
    list[Path], typer.Argument(help="Sound or video files, or folders of them.", metavar="FILE")
]
Url = Annotated[str, typer.Option("--to", envvar="REM_URL", help="The server's address.", metavar="URL")]
Key = Annotated[str, typer.Option(envvar="REM_KEY", help="A key of `rem keys add`.", metavar="KEY")]
Device = Annotated[str, typer.Option(help="The device that the recordings are listed under.", metavar="ID")]


@app.command()
def upload(
    files: Files,
    to: Url = "",
    key: Key = "",
    device: Device = "cli",
    started_at: StartedAt = "",
    as_json: AsJson = False,
) -> None:
    """Send recordings to a REM server. An upload that breaks off goes on when the command is repeated.

    Exit code: 0 all sent, 2 a file cannot be taken (the others are sent) or the server refuses the key.

    Example: rem upload talk.m4a --to http://127.0.0.1:8787 --key rem_…
    """
    if not to.startswith(("http://", "https://")):
        raise InputError("name the server: --to http://HOST:PORT, or REM_URL in the environment")
    if not key:
        raise InputError("name a key: --key KEY, or REM_KEY in the environment; `rem keys add` makes one")
    with httpx2.Client() as client:
        uploader, began = Uploader(client, to, key, device), parse_start(started_at, files)
        rows = _upload_all(uploader, _find_files(files), began, quiet=as_json)
    if as_json:
        print_json({"recordings": rows})
    if any("error" in row for row in rows):
        raise typer.Exit(EXIT_BAD_INPUT)


def _find_files(named: list[Path]) -> list[Path]:
    """Find the files to send; a folder stands for the recordings below it.

    Raises:
        InputError: there are none.
    """
    console = Console(stderr=True, highlight=False)
    found: list[Path] = []
    for path in named:
        if not path.is_dir():
            found.append(path)
            continue
        content = read_folder(path)
        print_skipped(content.skipped, console)
        found += content.taken
    if not found:
        raise InputError("no recording is among the files and folders: name a sound or video file")
    return found


def _upload_all(
    uploader: Uploader, files: list[Path], started_at: datetime | None, *, quiet: bool
) -> list[dict[str, Any]]:
    """Send the files one after the other; a row for each.

    A file that cannot be taken does not hold back the others; a bad key or server ends the command.
    """
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    rows: list[dict[str, Any]] = []
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:
        for path in files:
            bar = progress.add_task(path.name, total=path.stat().st_size if path.is_file() else 0)
            try:
                sent = uploader.upload(path, partial(_move, progress, bar), started_at)
            except InputError as error:
                rows.append({"file": str(path), "error": str(error)})
                console.print(f"{path}: {error}", markup=False, soft_wrap=True)
                continue
            row = {"file": str(path), "recordingId": sent.recording_id, "duplicate": sent.is_duplicate}
            rows.append({**row, "sizeBytes": sent.size_bytes})
            if not quiet:
                typer.echo(f"{sent.recording_id}{' (was there already)' if sent.is_duplicate else ''}")
    return rows


def _move(progress: Progress, bar: TaskID, sent_bytes: int) -> None:
    progress.update(bar, completed=sent_bytes)
