"""The command line. Heavy imports live inside the commands, so that --help answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rem.cli.commands import cost, device, dlq, executions, keys, library, recipes, stages, tune, up, upload
from rem.core.errors import EXIT_BAD_INPUT, EXIT_FAILED

if TYPE_CHECKING:
    from rem.home.session import Outcome

app = typer.Typer(
    name="rem",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Turn recordings into who said what, when. The pipeline of the cloud, on this machine.",
)


@app.callback()
def _root() -> None:
    """Recordings in; who said what, when, and what it meant, out."""


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
Whisper = Annotated[
    str,
    typer.Option(
        help="Whisper model: a size (tiny … large-v3, base.en, turbo), a CTranslate2 folder, or 'demo'. "
        "Fetched once, then kept. Default: base.",
        metavar="MODEL",
    ),
]
Diarization = Annotated[
    str,
    typer.Option(
        help="pyannote pipeline: a hub name (gated: needs HF_TOKEN once), a folder, or 'demo'. "
        "Default: pyannote/speaker-diarization-community-1.",
        metavar="MODEL",
    ),
]
Language = Annotated[
    str,
    typer.Option(
        help="Spoken language: German, de, pt-BR, … Default: found in each recording.", metavar="LANGUAGE"
    ),
]
Speakers = Annotated[
    int | None, typer.Option(help="How many people speak, if you know it.", min=1, metavar="N")
]
Recipes = Annotated[
    list[str] | None,
    typer.Option("--recipe", help="Make only this note; may be given several times.", metavar="NAME"),
]
Enrich = Annotated[bool, typer.Option("--enrich/--no-enrich", help="Whether to make notes at all.")]
EnrichModel = Annotated[
    str, typer.Option(help="Language model for the notes. Default: gpt-6-luna.", metavar="MODEL")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for scripts.")]


@app.command()
def run(
    files: Files,
    out: Out = Path("transcripts"),
    whisper: Whisper = "",
    diarization: Diarization = "",
    language: Language = "",
    speakers: Speakers = None,
    recipe: Recipes = None,
    enrich: Enrich = True,
    enrich_model: EnrichModel = "",
    as_json: AsJson = False,
) -> None:
    """Transcribe recordings through the real state machine on this machine.

    Writes FILE.json, .srt, .vtt, .txt and .md for each recording, and prints the transcript of a single one.
    Exit code: 0 all done, 2 a recording or an option was unusable, 3 an execution failed. What worked is
    written in any case. Notes come from OpenAI where OPENAI_API_KEY is set, from any server that speaks its
    protocol where OPENAI_BASE_URL is, else from this machine.

    Examples:

      rem run meeting.m4a interview.mp4 --out notes/

      rem run memo.ogg --whisper small --language en --speakers 2 --json
    """
    from rem.cli.run import RunOptions, run_files

    options = RunOptions(whisper, diarization, language, speakers, tuple(recipe or ()), enrich, enrich_model)
    outcomes = run_files(files, options, out, as_json=as_json)
    raise typer.Exit(exit_code(outcomes))


@app.command()
def demo(
    out: Out = Path("build/demo"),
    as_json: AsJson = False,
) -> None:
    """Run the demo recording with the tiny demo models, offline, and measure it against its reference.

    The demo models were trained on synthetic voices: they understand the demo and nothing else.
    """
    from rem.adapters.models import DEMO, DEMO_DIR
    from rem.cli.run import RunOptions, run_files
    from rem.cli.score import print_score

    recording = DEMO_DIR / "standup.wav"
    options = RunOptions(DEMO, DEMO, "en", None, enrich_engine="offline")
    outcomes = run_files([recording], options, out, as_json=as_json)
    if not exit_code(outcomes) and not as_json:
        print_score(outcomes[0].documents["json"], recording.with_suffix(".json"))
    raise typer.Exit(exit_code(outcomes))


app.command()(up.up)
app.command()(recipes.recipes)
app.command()(cost.cost)
app.command()(stages.stages)
app.command()(tune.tune)
app.command()(executions.executions)
app.command()(executions.show)
app.command()(executions.redrive)
app.command()(executions.stop)
app.command()(executions.doctor)
app.command("list")(library.list_)
app.command()(library.rename)
app.command()(library.delete)
app.command()(upload.upload)
app.command()(device.devices)
app.add_typer(device.app, name="device")
app.add_typer(dlq.app, name="dlq")
app.add_typer(keys.app, name="keys")


def exit_code(outcomes: list[Outcome]) -> int:
    failed = [outcome for outcome in outcomes if outcome.status != "SUCCEEDED"]
    if any(not outcome.is_bad_input for outcome in failed):
        return EXIT_FAILED
    return EXIT_BAD_INPUT if failed else 0


def main() -> None:
    """Entry point: a known error ends in one line, not in a traceback."""
    from rem.core.errors import InputError, SetupError

    try:
        app()
    except (InputError, SetupError) as error:
        sys.stderr.write(f"rem: {error}\n")
        sys.exit(EXIT_BAD_INPUT)
