"""`rem stages`: what every stage took in real runs, and what it should be given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rem.cli.commands.cost import parse_length
from rem.cli.target import DEFAULT_STACK, AsJson, Profile, Region, StackName
from rem.core.errors import SetupError

if TYPE_CHECKING:
    from rem.costs.sizes import Figures

LogFolder = Annotated[
    Path | None,
    typer.Option(help="Read this machine's logs from here. Default: REM_LOGS, else ~/.local/state/rem/logs."),
]
Since = Annotated[str, typer.Option(help="On AWS: this long until now (12h, 30d).", metavar="TIME")]
TAIL_BYTES = 64 * 2**20  # of a log file: its newest part


def stages(
    logs: LogFolder = None,
    since: Since = "7d",
    as_json: AsJson = False,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
) -> None:
    """Show invocations, duration, memory, failures and cost share of every stage, with a recommendation.

    Reads the REPORT lines of this machine's log folder; with --profile or --region those in CloudWatch Logs.
    """
    from rem.cli import tables as printing
    from rem.costs.sizes import advise, parse_reports, sum_up
    from rem.definition import load_stages

    configured = load_stages()
    if profile or region:
        lines = _CloudWatch(profile, region, stack, datetime.now(UTC) - parse_length(since)).read
    else:
        lines = _Files(logs).read
    found = {name: sum_up(parse_reports(lines(name))) for name in configured}
    figures = {name: each for name, each in found.items() if each is not None}
    if not figures:
        raise SetupError(
            "there are no REPORT lines yet: run a recording first, or name the log folder (--logs)"
        )
    whole = sum(each.gb_s for each in figures.values())
    rows = []
    for name, each in figures.items():
        advice = advise(name, configured[name], each)
        row = {"stage": name, **_to_json(each), "costShare": each.gb_s / whole if whole else 0.0}
        rows.append(row | {"recommendedMemoryMb": advice.memory_mb, "reason": advice.reason})
    if as_json:
        printing.print_json({"stages": rows})
        return
    columns = ("stage", "runs", "failed", "p50 s", "p95 s", "peak MB", "of MB", "cost", "recommended")
    table = printing.build_table(*columns)
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
    printing.build_console().print(table)


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


class _Files:
    def __init__(self, folder: Path | None) -> None:
        from rem.home.resources import default_log_dir

        self._folder = folder or default_log_dir()

    def read(self, stage: str) -> Iterator[str]:
        path = self._folder / f"{stage}.log"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            for line in file:
                if line.startswith(b"REPORT"):
                    yield line.decode(errors="replace")


class _CloudWatch:
    def __init__(self, profile: str, region: str, stack: str, start: datetime) -> None:
        from rem.cli.target import resolve_target

        self._client = resolve_target(profile, region, stack).client("logs")
        self._stack, self._start_ms = stack, int(start.timestamp() * 1000)

    def read(self, stage: str) -> Iterator[str]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self._stack}-{stage}",
            filterPattern='"REPORT RequestId:"',
            startTime=self._start_ms,
        )
        try:
            for page in pages:
                yield from (event["message"] for event in page["events"])
        except self._client.exceptions.ResourceNotFoundException:
            return
