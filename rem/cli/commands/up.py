"""`rem up`: the home server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rem.cli.options import take_groups
from rem.cli.run_options import ModelOptions, RunOptions
from rem.home.endpoint import default_data_dir
from rem.home.home import HomeOptions
from rem.home.serve import serve

app = typer.Typer()

Data = Annotated[
    Path | None,
    typer.Option(
        envvar="REM_DATA", help="Folder for everything. Default: ~/.local/share/rem.", metavar="DIR"
    ),
]
WatchFolder = Annotated[
    Path | None,
    typer.Option("--watch", help="Take recordings that are dropped into this folder.", metavar="DIR"),
]
JsonLogs = Annotated[bool, typer.Option("--json-logs", help="Log JSON lines, also on a terminal.")]


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """The address of the HTTP API."""

    port: Annotated[int, typer.Option(help="Port of the HTTP API.", min=0, max=65535, envvar="REM_PORT")] = (
        8787
    )
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. The default is this machine alone; 0.0.0.0 opens it to your network.",
            metavar="ADDRESS",
        ),
    ] = "127.0.0.1"


@app.command()
@take_groups
def up(
    models: ModelOptions,
    listen: ListenOptions,
    data: Data = None,
    watch: WatchFolder = None,
    json_logs: JsonLogs = False,
) -> None:
    """Serve this machine's private REM: devices upload to it, recordings become transcripts.

    An upload that was acknowledged is on the disk; work that a crash interrupts goes on at the next start.
    The first start prints a key, `rem keys add` makes more. Ctrl-C stops the server.

    Exit code: 0 stopped as asked, 2 the folder, the address or a model cannot be used.

    Examples:

      rem up

      rem up --data /srv/rem --host 0.0.0.0 --watch ~/memos --language en
    """
    settings = RunOptions(models).to_settings()
    options = HomeOptions(data or default_data_dir(), listen.host, listen.port, watch, settings)
    serve(options, json_logs=json_logs)
