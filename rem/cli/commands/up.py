"""`rem up`: the home server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="REM_DATA", help="Folder for everything. Default: ~/.local/share/rem.", metavar="DIR"
    ),
]
Port = Annotated[int, typer.Option(help="Port of the HTTP API.", min=0, max=65535, envvar="REM_PORT")]
Host = Annotated[
    str,
    typer.Option(
        help="Address to listen on. The default is this machine alone; 0.0.0.0 opens it to your network.",
        metavar="ADDRESS",
    ),
]
WatchFolder = Annotated[
    Path | None,
    typer.Option("--watch", help="Take recordings that are dropped into this folder.", metavar="DIR"),
]
Whisper = Annotated[str, typer.Option(help="As for `rem run`.", metavar="MODEL")]
Diarization = Annotated[str, typer.Option(help="As for `rem run`.", metavar="MODEL")]
Language = Annotated[
    str, typer.Option(help="Spoken language: German, de, pt-BR, … Default: found.", metavar="LANGUAGE")
]
JsonLogs = Annotated[bool, typer.Option("--json-logs", help="Log JSON lines, also on a terminal.")]


def up(
    data: Data = None,
    port: Port = 8787,
    host: Host = "127.0.0.1",
    watch: WatchFolder = None,
    whisper: Whisper = "",
    diarization: Diarization = "",
    language: Language = "",
    json_logs: JsonLogs = False,
) -> None:
    """Serve this machine's private REM: devices upload to it, recordings become transcripts.

    What it accepts is on the disk before it answers; what a crash interrupts goes on at the next start. The
    first start prints a key, `rem keys add` makes more. Ctrl-C stops it.

    Examples:

      rem up

      rem up --data /srv/rem --host 0.0.0.0 --watch ~/memos --language en
    """
    from rem.cli.run import RunOptions
    from rem.home.endpoint import default_data_dir
    from rem.home.home import HomeOptions
    from rem.home.serve import serve

    settings = RunOptions(whisper, diarization, language, None).to_settings()
    serve(HomeOptions(data or default_data_dir(), host, port, watch, settings), json_logs=json_logs)
