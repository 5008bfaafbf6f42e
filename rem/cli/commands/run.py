"""`rem run`: recordings on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rem.cli.options import AsJson, StartedAt, parse_start, take_groups
from rem.cli.run import exit_code, run_files
from rem.cli.run_options import ModelOptions, NoteOptions, RunOptions

app = typer.Typer()

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Sound or video files, in any format that PyAV decodes; or folders of them.", metavar="FILE"
    ),
]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", help="Folder for FILE.json, .srt, .vtt, .txt and .md.", metavar="FOLDER"),
]


@dataclass(frozen=True, slots=True)
class FactOptions:
    """The facts about recordings that a person may know."""

    speakers: Annotated[
        int | None,
        typer.Option(help="How many people speak, if you know it. Default: found.", min=1, metavar="N"),
    ] = None
    started_at: StartedAt = ""


@app.command()
@take_groups
def run(
    files: Files,
    models: ModelOptions,
    notes: NoteOptions,
    facts: FactOptions,
    out: Out = Path("transcripts"),
    as_json: AsJson = False,
) -> None:
    """Transcribe recordings on this machine, through the same state machine as on AWS.

    Writes FILE.json, .srt, .vtt, .txt and .md for each recording, and prints the transcript of a single one.
    Notes come from OpenAI where OPENAI_API_KEY is set, from any server that speaks its protocol where
    OPENAI_BASE_URL is, else from this machine.

    Exit code: 0 all done, 2 a recording or an option was unusable, 3 an execution failed, 130 interrupted.
    The recordings that worked are written in any case.

    Examples:

      rem run meeting.m4a interview.mp4 --out notes/

      rem run memo.ogg --whisper small --language en --speakers 2 --json
    """
    began = parse_start(facts.started_at, files)
    options = RunOptions(models, notes, facts.speakers, started_at=began)
    outcomes = run_files(files, options, out, as_json=as_json)
    raise typer.Exit(exit_code(outcomes))
