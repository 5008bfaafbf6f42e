"""`rem recipes`: the recipes that there are, checked, and their prices on a transcript."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from functions.enrich.estimate import estimate_usage
from functions.enrich.schemas import check_output
from rem.cli import tables
from rem.cli.options import AsJson
from rem.core.errors import InputError
from rem.core.recipes import Recipe
from rem.definition import load_stages
from rem.stage.recipe_files import load_recipes
from rem.transcripts.transcript import Transcript

app = typer.Typer()

TranscriptFile = Annotated[
    Path | None,
    typer.Argument(help="A transcript (.json) of which to print the prices.", metavar="TRANSCRIPT"),
]
Folder = Annotated[
    str,
    typer.Option(
        "--recipes",
        envvar="REM_RECIPES",
        help="Folder or s3://bucket/prefix with recipes of your own.",
        metavar="FOLDER",
    ),
]
Model = Annotated[
    str, typer.Option("--enrich-model", help="For recipes that name no model.", metavar="MODEL")
]


@app.command()
def recipes(
    transcript: TranscriptFile = None, folder: Folder = "", model: Model = "", as_json: AsJson = False
) -> None:
    """List and check the recipes; with a transcript, print what each would ask and cost at most.

    Nothing is sent anywhere. Exit code: 0 all recipes can be used, 2 one cannot.

    Example: rem recipes transcripts/meeting.json --recipes ~/recipes
    """
    model = model or str(load_stages()["enrich"].settings["enrich_model"])
    found = list(load_recipes(folder).values())
    for recipe in found:
        check_output(recipe)
    spoken = None if transcript is None else _load_transcript(transcript)
    rows = [_describe(recipe, recipe.model or model, spoken) for recipe in found]
    if as_json:
        tables.print_json({"recipes": rows})
    else:
        _print_table(rows)


def _load_transcript(path: Path) -> Transcript:
    try:
        return Transcript.from_json(json.loads(path.read_text("utf8")))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, InputError) as error:
        raise InputError(f"{path} is not a transcript that REM wrote") from error


def _describe(recipe: Recipe, model: str, transcript: Transcript | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": recipe.name,
        "output": recipe.output,
        "model": model,
        "required": recipe.required,
        "languages": list(recipe.languages),
        "minSpeechSeconds": recipe.min_speech_s,
    }
    if transcript is not None:
        row["applies"] = recipe.applies_to(transcript.language, transcript.speech_s)
        row["atMost"] = estimate_usage(transcript, recipe, model).to_json() if row["applies"] else None
    return row


def _print_table(rows: list[dict[str, Any]]) -> None:
    prices = ("requests", "tokens in", "tokens out", "US$ at most") if "applies" in rows[0] else ()
    table = Table("recipe", "output", "model", "", *prices, box=None, padding=(0, 2, 0, 0))
    total_usd, unknown = 0.0, False
    for row in rows:
        cells = [row["name"], row["output"], row["model"], "required" if row["required"] else "optional"]
        if spent := row.get("atMost"):
            usd = spent["llmUsd"]
            total_usd, unknown = total_usd + (usd or 0.0), unknown or usd is None
            counts = [str(spent[name]) for name in ("requests", "inputTokens", "outputTokens")]
            cells += [*counts, "unknown" if usd is None else f"{usd:.6f}"]
        elif prices:
            cells += ["does not apply"]
        table.add_row(*cells)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    if prices:
        more = ", and what the models of unknown price take" if unknown else ""
        console.print(f"Together at most US$ {total_usd:.6f}{more}; with the offline enricher nothing.")
