"""`rem demo`: the recording that REM brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rem.adapters.models import DEMO, DEMO_DIR
from rem.cli.options import AsJson
from rem.cli.run import exit_code, run_files
from rem.cli.run_options import ModelOptions, RunOptions
from rem.cli.score import print_score

app = typer.Typer()

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the documents.", metavar="FOLDER")]


@app.command()
def demo(out: Out = Path("build/demo"), as_json: AsJson = False) -> None:
    """Run the demo recording with the tiny demo models, offline, and measure it against its reference.

    The demo models were trained on synthetic voices: they understand the demo and nothing else. No network
    and no key is used.

    Exit code: 0 done, 3 the execution failed.
    """
    recording = DEMO_DIR / "standup.wav"
    options = RunOptions(ModelOptions(DEMO, DEMO, "en"), enrich_engine="offline")
    outcomes = run_files([recording], options, out, as_json=as_json)
    if not exit_code(outcomes) and not as_json:
        print_score(outcomes[0].documents["json"], recording.with_suffix(".json"))
    raise typer.Exit(exit_code(outcomes))
