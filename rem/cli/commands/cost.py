"""`rem cost`: the receipt of recordings, and the projection of a month."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from rem.cli import tables
from rem.cli.options import AsJson, User, parse_length, take_groups
from rem.cli.target import Target, TargetOptions
from rem.core.errors import InputError
from rem.core.places import transcript_key
from rem.costs.bill import DAYS_PER_MONTH, Bill, project_month, read_receipts, write_bill
from rem.costs.prices import load_prices
from rem.transcripts.captions import format_clock
from rem.transcripts.receipts import sum_by_stage
from rem.transcripts.transcript import Transcript

app = typer.Typer()

Which = Annotated[
    str,
    typer.Argument(
        help="A transcript (.json), a folder of transcripts, or a recording's id.", metavar="RECORDING"
    ),
]
Since = Annotated[str, typer.Option(help="Recordings of this long until now: 12h, 30d, 4w.", metavar="TIME")]


@app.command()
@take_groups
def cost(
    where: TargetOptions,
    recording: Which = "",
    since: Since = "30d",
    as_json: AsJson = False,
    user: User = "me",
) -> None:
    """Print the receipt of a recording, or of a user's recordings since a time, and a month's projection.

    Seconds are those that were measured where it ran: a laptop's are not Lambda's. Storage is not included.

    Examples:

      rem cost transcripts/meeting.json

      rem cost --since 7d --profile work
    """
    length = parse_length(since)
    if recording and (path := Path(recording)).exists():
        transcripts = read_folder(path)
    else:
        with where.open() as target:
            transcripts = list(_read_stored(target, user, recording))
        if not recording:
            transcripts = [t for t in transcripts if _is_younger(t, datetime.now(UTC) - length)]
    if not transcripts:
        raise InputError(f"there is no transcript of {recording or f'the last {since}'}")
    report = build_report(transcripts, None if recording else length)
    if as_json:
        tables.print_json(report)
    else:
        _print(report)


def read_folder(path: Path) -> list[Transcript]:
    """Read the transcripts of a file or a folder; in a folder, other JSON files are passed over.

    Raises:
        InputError: the named file is no transcript.
    """
    found = []
    for file in [path] if path.is_file() else sorted(path.rglob("*.json")):
        try:
            found.append(Transcript.from_json(json.loads(file.read_bytes())))
        except (InputError, ValueError, KeyError, TypeError) as error:
            if path.is_file():
                raise InputError(f"{path} is not a transcript that REM wrote") from error
    return found


def _read_stored(target: Target, user: str, recording: str) -> Iterator[Transcript]:
    """Read the transcripts of a user's recordings, or of one; a recording without one is passed over."""
    store, library = target.store(), target.library()
    for record in [library.read(user, recording)] if recording else library.list_recordings(user):
        key = transcript_key(user, record.device_id, record.recording_id)
        if store.exists(key):
            yield Transcript.from_json(store.read_json(key))


def _is_younger(transcript: Transcript, oldest: datetime) -> bool:
    return datetime.fromisoformat(transcript.transcribed_at) >= oldest


def build_report(transcripts: Sequence[Transcript], length: timedelta | None) -> dict[str, Any]:
    """Add up stages, dollars on both architectures, and the cost of a month.

    Args:
        length: The time in which the recordings came; None for one recording, whose month is one like it an
            hour, sixteen hours a day.
    """
    prices = load_prices()
    receipts = [read_receipts(transcript) for transcript in transcripts]
    bills = {
        architecture: [write_bill(each, prices.aws, architecture) for each in receipts]
        for architecture in ("arm64", "x86")
    }
    if length is None:
        per_month = 16.0 * DAYS_PER_MONTH
        month = {name: sum(b.total_usd for b in of) / len(of) * per_month for name, of in bills.items()}
        basis = f"{per_month:.0f} recordings like this"
    else:
        month = {name: project_month(of, length / timedelta(days=1)) for name, of in bills.items()}
        basis = f"a month like the last {length.total_seconds() / 86_400:g} days"
    stages = sum_by_stage(receipt for each in receipts for receipt in each)
    return {
        "recordings": len(transcripts),
        "soundSeconds": sum(transcript.duration_s for transcript in transcripts),
        "speechSeconds": sum(transcript.speech_s for transcript in transcripts),
        "prices": {"date": prices.date, "region": prices.region},
        "stages": [{**receipt.to_json(), "gbSeconds": receipt.gb_s} for receipt in stages],
        "usd": {name: _sum(of) for name, of in bills.items()},
        "month": {"basis": basis, "usd": month},
    }


def _sum(bills: Sequence[Bill]) -> dict[str, Any]:
    stages = dict.fromkeys(name for bill in bills for name in bill.duration)
    llm = [bill.llm_usd for bill in bills]
    return {
        "stages": {name: sum(bill.duration.get(name, 0.0) for bill in bills) for name in stages},
        "transitions": sum(bill.transitions for bill in bills),
        "transitionsUsd": sum(bill.transitions_usd for bill in bills),
        "requestsUsd": sum(bill.requests_usd for bill in bills),
        "llmUsd": None if None in llm else sum(usd for usd in llm if usd is not None),
        "awsUsd": sum(bill.aws_usd for bill in bills),
        "totalUsd": sum(bill.total_usd for bill in bills),
    }


def _print(report: dict[str, Any]) -> None:
    console, arm, x86 = tables.build_console(), report["usd"]["arm64"], report["usd"]["x86"]
    columns = ("", "runs", "wall s", "CPU s", "GB-s", "peak MB", "of MB", "US$ arm64", "US$ x86")
    table = tables.build_table(*columns)
    for stage in report["stages"]:
        name = stage["name"]
        table.add_row(
            name,
            str(stage["invocations"]),
            f"{stage['seconds']:.2f}",
            f"{stage['cpuSeconds']:.2f}",
            f"{stage['gbSeconds']:.2f}",
            str(stage["maxMemoryMb"]),
            str(stage["memoryMb"]),
            f"{arm['stages'][name]:.6f}",
            f"{x86['stages'][name]:.6f}",
        )
    for name, runs, usd in (
        ("state transitions", str(arm["transitions"]), "transitionsUsd"),
        ("requests", "", "requestsUsd"),
        ("language model", "", "llmUsd"),
        ("AWS", "", "awsUsd"),
        ("all", "", "totalUsd"),
    ):
        table.add_row(name, runs, "", "", "", "", "", _dollars(arm[usd]), _dollars(x86[usd]))
    console.print(table)
    sound = format_clock(report["soundSeconds"])
    spoken = report["speechSeconds"] / report["soundSeconds"] if report["soundSeconds"] else 0.0
    console.print(f"\n{report['recordings']} recordings, {sound} of sound, {spoken:.0%} of it speech.")
    month = report["month"]
    dollars = month["usd"]
    console.print(f"{month['basis']}: ${dollars['arm64']:.2f} on arm64, ${dollars['x86']:.2f} on x86.")
    prices = report["prices"]
    console.print(f"List prices of {prices['date']}, {prices['region']}; seconds as measured where it ran.")


def _dollars(usd: float | None) -> str:
    return "unknown" if usd is None else f"{usd:.6f}"
