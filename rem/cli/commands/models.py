"""`rem models`: the weights that REM knows, fetched, and checked against their hashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from rem.adapters.models import locate_model, resolve_diarization, resolve_whisper
from rem.cli.download import show_download
from rem.cli.options import AsJson
from rem.cli.tables import build_console, build_table, print_json
from rem.core.errors import EXIT_BAD_INPUT, InputError
from rem.weights.identity import MANIFEST, find_damage, read_identity
from rem.weights.sources import Kind, Source, load_sources

app = typer.Typer()
group = typer.Typer(no_args_is_help=True, help="List, fetch and verify model weights.")
app.add_typer(group, name="models")
RESOLVE = {"whisper": resolve_whisper, "diarization": resolve_diarization}
Names = Annotated[list[str], typer.Argument(help="Names of `rem models list`.", metavar="NAME")]


@group.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the models that have an address and a hash.

    Any other size, folder or hub repository can be given to `rem run` too: nothing says then what its files
    should be.
    """
    rows = [_describe(kind, name, source) for kind, name, source in _walk()]
    if as_json:
        print_json({"models": rows})
        return
    table = build_table("name", "kind", "size", "licence", "here")
    for row in rows:
        needs = "needs an account: HF_TOKEN" if row["gated"] else ""
        here = row["folder"] if row["fetched"] else needs
        table.add_row(row["name"], row["kind"], f"{row['bytes'] / 1e6:.0f} MB", row["licence"], here)
    build_console().print(table)


@group.command()
def fetch(names: Names) -> None:
    """Fetch models before they are needed.

    What is here already is left alone.

    Exit code: 0 all are here, 2 one is not to be had.

    Example: rem models fetch base open
    """
    kinds = {name: kind for kind, name, _ in _walk()}
    for name in names:
        if name not in kinds:
            raise InputError(f"there is no model '{name}': `rem models list` names them")
    for name in names:
        with show_download() as report:
            folder = RESOLVE[kinds[name]](name, report=report)
        typer.echo(f"{name}: {folder}")


@group.command()
def verify(as_json: AsJson = False) -> None:
    """Compare the files of fetched models with their hashes.

    Exit code: 0 all are as they were, 2 one is not; remove its folder and fetch it again.
    """
    rows = [_verify(kind, name) for kind, name, _ in _walk() if _has_manifest(kind, name)]
    if as_json:
        print_json({"models": rows})
    console = Console(stderr=True, highlight=False)
    for row in rows:
        if not as_json:
            what = f"damaged: {', '.join(row['damaged'])}" if row["damaged"] else f"fine, {row['identity']}"
            console.print(f"{row['name']}: {what}", markup=False, soft_wrap=True)
    if any(row["damaged"] for row in rows):
        raise typer.Exit(EXIT_BAD_INPUT)


def _walk() -> Iterator[tuple[Kind, str, Source]]:
    for kind, sources in load_sources().items():
        for name, source in sources.items():
            yield kind, name, source


def _has_manifest(kind: Kind, name: str) -> bool:
    return (locate_model(kind, name) / MANIFEST).is_file()


def _describe(kind: Kind, name: str, source: Source) -> dict[str, Any]:
    folder = locate_model(kind, name)
    return {
        "name": name,
        "kind": kind,
        "bytes": source.size_bytes,
        "licence": source.licence,
        "gated": source.gated,
        "fetched": folder.is_dir(),
        "folder": str(folder),
    }


def _verify(kind: Kind, name: str) -> dict[str, Any]:
    folder: Path = locate_model(kind, name)
    return {
        "name": name,
        "kind": kind,
        "identity": read_identity(folder),
        "damaged": find_damage(folder),
    }
