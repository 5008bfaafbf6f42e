"""Progress of a download: its sentence, and how much of it is here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from rem.weights.progress import Report

COLUMNS = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())


@contextmanager
def show_download() -> Iterator[Report]:
    """Give a report that draws a bar on a terminal, and writes one line for each sentence elsewhere."""
    console = Console(stderr=True, highlight=False)
    bars: dict[str, TaskID] = {}
    with Progress(*COLUMNS, console=console, disable=not console.is_terminal, transient=True) as progress:

        def report(sentence: str, done_bytes: int, total_bytes: int) -> None:
            if sentence not in bars:
                bars[sentence] = progress.add_task(sentence, total=total_bytes or None)
                console.print(_describe(sentence, total_bytes), markup=False, soft_wrap=True)
            progress.update(bars[sentence], completed=done_bytes)

        yield report


def _describe(sentence: str, total_bytes: int) -> str:
    return f"{sentence} ({total_bytes / 1e6:.0f} MB)" if total_bytes else sentence
