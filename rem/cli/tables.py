"""Tables, JSON and times as commands print them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 100  # columns of a pipe or a file, where no terminal tells


def build_console() -> Console:
    """Make a console as wide as the terminal, and WIDTH where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def build_table(*columns: str) -> Table:
    """Make a table that folds long cells, but for the first column: names are there to be copied."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    return table


def print_skipped(skipped: Mapping[Path, str], console: Console) -> None:
    """Name the files of a folder that are no recordings, each with the reason."""
    for path, reason in skipped.items():
        console.print(f"skipped {path}: {reason}", markup=False, soft_wrap=True)


def print_json(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, default=_to_text))


def format_seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    return f"{minutes} min {rest_s} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def format_moment(moment: datetime) -> str:
    """Write a time in the zone of this machine, as the person's clock shows it."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def name_zone() -> str:
    """Name the zone of this machine, for the head of a column of times."""
    return f"{datetime.now().astimezone():%Z}"


def format_iso(moment: str | None) -> str:
    """Write an ISO 8601 time for a cell; nothing where there is none."""
    return format_moment(datetime.fromisoformat(moment)) if moment else ""


def shorten(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _to_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone().isoformat(timespec="milliseconds")
    raise TypeError(f"{type(value).__name__} is no JSON")
