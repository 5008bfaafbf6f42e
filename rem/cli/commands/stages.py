"""`rem stages`: time and memory of every stage in real runs, and a recommendation for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from rem.adapters.logs import LogFiles
from rem.cli import tables
from rem.cli.options import AsJson, parse_length, take_groups
from rem.cli.target import AccountOptions
from rem.core.errors import SetupError
from rem.costs.sizes import Figures, advise, parse_reports, sum_up
from rem.definition import load_stages
from rem.home.resources import default_log_dir

app = typer.Typer()

LogFolder = Annotated[
    Path | None,
    typer.Option(
        help="Read this machine's logs from here. Default: REM_LOGS, else ~/.local/state/rem/logs.",
        metavar="DIR",
    ),
]
Since = Annotated[str, typer.Option(help="On AWS: this long until now (12h, 30d).", metavar="TIME")]


@app.command()
@take_groups
def stages(
    where: AccountOptions, logs: LogFolder = None, since: Since = "7d", as_json: AsJson = False
) -> None:
    """Show invocations, duration, memory, failures and cost share of every stage, with a recommendation.

    Reads the REPORT lines of this machine's log folder; with --profile or --region those in CloudWatch Logs.
    A home server logs into the folder `logs` of its data folder.

    Examples:

      rem stages --logs /srv/rem/logs

      rem stages --region eu-central-1 --since 30d
    """
    start = datetime.now(UTC) - parse_length(since)
    if where.asks_for_aws:
        with where.open() as target:
            cloud = target.logs()
            figures = _sum_up_all(lambda stage: cloud.read_reports(stage, start))
    else:
        files = LogFiles(logs or default_log_dir())
        figures = _sum_up_all(lambda stage: files.read_reports(stage, start))
    rows = _build_rows(figures)
    if as_json:
        tables.print_json({"stages": rows})
    else:
        _print(rows)


def _sum_up_all(read: Callable[[str], Iterable[str]]) -> dict[str, Figures]:
    """Sum up the REPORT lines of every stage that has any.

    Raises:
        SetupError: none has.
    """
    found = {name: sum_up(parse_reports(read(name))) for name in load_stages()}
    figures = {name: each for name, each in found.items() if each is not None}
    if not figures:
        raise SetupError(
            "there are no REPORT lines yet: run a recording first, or name the log folder (--logs)"
        )
    return figures


def _build_rows(figures: dict[str, Figures]) -> list[dict[str, Any]]:
    configured, whole = load_stages(), sum(each.gb_s for each in figures.values())
    rows = []
    for name, each in figures.items():
        advice = advise(name, configured[name], each)
        row = {"stage": name, **_to_json(each), "costShare": each.gb_s / whole if whole else 0.0}
        rows.append(row | {"recommendedMemoryMb": advice.memory_mb, "reason": advice.reason})
    return rows


def _print(rows: list[dict[str, Any]]) -> None:
    columns = ("stage", "runs", "failed", "p50 s", "p95 s", "peak MB", "of MB", "cost", "recommended")
    table = tables.build_table(*columns)
    for row in rows:
        size = row["recommendedMemoryMb"]
        table.add_row(
            row["stage"],
            str(row["invocations"]),
            str(row["failed"]),
            f"{row['p50Seconds']:.2f}",
            f"{row['p95Seconds']:.2f}",
            str(row["peakMb"]),
            str(row["memoryMb"]),
            f"{row['costShare']:.0%}",
            (f"{size:,} MB: " if size else "") + row["reason"],
        )
    tables.build_console().print(table)


def _to_json(figures: Figures) -> dict[str, Any]:
    return {
        "invocations": figures.invocations,
        "failed": figures.failed,
        "coldStarts": figures.cold_starts,
        "p50Seconds": figures.p50_s,
        "p95Seconds": figures.p95_s,
        "initP95Seconds": figures.init_p95_s,
        "peakMb": figures.peak_mb,
        "memoryMb": figures.memory_mb,
        "gbSeconds": figures.gb_s,
    }
