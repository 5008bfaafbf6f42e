"""`rem device` and `rem devices`: settings for a recorder, its firmware without one, how all are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from urllib.parse import quote

import segno
import typer

from rem.cli import tables
from rem.cli.options import AsJson, User, take_groups
from rem.cli.simulator import Host
from rem.cli.simulator import simulate as simulate_device
from rem.cli.target import TargetOptions, find_server
from rem.core import Json
from rem.core.api_keys import ApiKey, Scope
from rem.core.errors import EXIT_FAILED, InputError
from rem.core.ledger import MOST_COUNTED, find_last_said, read_records
from rem.library.library import Library

app = typer.Typer()
device = typer.Typer(
    no_args_is_help=True,
    help="Set up recorders of your own (docs/devices.md): their key, and their firmware on this machine.",
)
app.add_typer(device, name="device")

PORTAL_URL = "http://192.168.4.1/"  # firmware/app/portal.py
NAME = re.compile("[A-Za-z0-9_-]{1,40}")  # firmware/app/config.py
NEWEST = 1000  # recordings among which devices are looked for, as by GET /devices
SIMULATED_NETWORK = ["home", "correct horse"]  # name and password; firmware/sim knows no other

Name = Annotated[str, typer.Argument(help="Its name: up to 40 letters, digits, - and _.", metavar="NAME")]
Url = Annotated[
    str,
    typer.Option(
        help="The server as the device reaches it. Default: the running `rem up`.",
        metavar="URL",
    ),
]
Sound = Annotated[Path, typer.Option("--wav", help="What it hears: 16 kHz, mono, 16 bits.", metavar="FILE")]
Server = Annotated[str, typer.Option(help="Where it uploads to, e.g. http://127.0.0.1:8787.", metavar="URL")]
KeyText = Annotated[
    str, typer.Option(envvar="REM_KEY", help="A key that may upload, from `rem device add`.", metavar="KEY")
]
Device = Annotated[str, typer.Option("--device", help="The device that the key is for.", metavar="NAME")]
Flash = Annotated[
    Path | None,
    typer.Option(help="Folder that is its flash; what it could not send waits there.", metavar="DIR"),
]


@device.command()
@take_groups
def add(
    name: Name,
    where: TargetOptions,
    url: Url = "",
    user: User = "me",
    as_json: AsJson = False,
) -> None:
    """Make a device's key and print its settings.

    Prints them as JSON and as a QR code, which opens the device's own page on a phone. The key may upload as
    this device and do nothing else. It cannot be shown again.

    Example: rem device add badge --url http://192.168.1.5:8787
    """
    if not NAME.fullmatch(name):
        raise InputError(f"'{name}' cannot be a device's name: use up to 40 letters, digits, - and _")
    server = check_url(url.rstrip("/") or find_url(where))
    with where.open() as target:
        _, text = target.keyring().add(user, scope=Scope.INGEST, device_id=name, name=name)
    settings = json.dumps({"server": server, "device": name, "key": text})
    typer.echo(settings)
    if not as_json:
        _draw(settings)


@device.command()
def simulate(
    wav: Sound,
    server: Server,
    key: KeyText,
    device_id: Device = "simulator",
    flash: Flash = None,
    as_json: AsJson = False,
) -> None:
    """Run the firmware on this machine.

    It runs in MicroPython, hears a file in the place of its microphone, and sends the speech in it.

    Exit code: 0 all was sent, 3 something still waits.

    Example: rem device simulate --wav memo.wav --server http://127.0.0.1:8787 --key rem_…
    """
    if not wav.is_file():
        raise InputError(f"there is no file {wav}")
    settings = {"server": check_url(server.rstrip("/")), "device": device_id, "key": key}
    with TemporaryDirectory() as folder:
        report = _run_firmware(wav, settings, flash or Path(folder), is_quiet=as_json)
    if as_json:
        tables.print_json(report)
    elif report["waiting"]:
        typer.echo(f"{report['waiting']} not sent: {report['error']}", err=True)
    else:
        typer.echo(f"{report['sent']} sent")
    raise typer.Exit(EXIT_FAILED if report["waiting"] else 0)


@app.command()
@take_groups
def devices(where: TargetOptions, user: User = "me", as_json: AsJson = False) -> None:
    """List devices: when each was seen last (to the hour), its battery, lost and missing chunks, its clock.

    Example: rem devices --user anna
    """
    with where.open() as target:
        keys = [key for key in target.keyring().list() if key.user_id == user]
        found = describe_devices(target.library(), user, keys)
    if as_json:
        tables.print_json({"devices": found})
        return
    table = tables.build_table(
        "device",
        "last seen",
        "last recording",
        "recordings",
        "battery",
        "lost",
        "missing",
        "clock",
        "firmware",
    )
    for one in found:
        battery = "" if one["battery"] is None else f"{one['battery']:.0f} %"
        moments = [tables.format_iso(one[name]) for name in ("lastSeenAt", "lastStartedAt")]
        rest = [_show(one[name]) for name in ("lost", "missing", "clock", "fw")]
        table.add_row(one["deviceId"], *moments, str(one["recordings"]), battery, *rest)
    tables.build_console().print(table if found else f"{user} has no devices: `rem device add` makes one.")


def describe_devices(library: Library, user: str, keys: Iterable[ApiKey]) -> list[Json]:
    """Describe the devices that have a key of their own or sent something lately, by name."""
    seen_at: dict[str, str] = {}
    for key in keys:
        if key.device_id is not None:
            seen_at[key.device_id] = max(seen_at.get(key.device_id, ""), key.last_seen_at or "")
    newest = library.page(user, limit=NEWEST).records
    found = []
    for device_id in sorted({*seen_at, *(record.device_id for record in newest)}):
        page = library.page(user, device_id=device_id, limit=MOST_COUNTED)
        records = page.records
        found.append(
            {
                "deviceId": device_id,
                "lastSeenAt": seen_at.get(device_id) or None,
                "lastStartedAt": records[0].started_at if records else None,
                "recordings": len(records),
                "missing": read_records(records, is_all=page.cursor is None).count_missing(),
                **find_last_said(records),
            }
        )
    return found


def find_url(where: TargetOptions) -> str:
    """Find the address at which the running server that is meant answers devices.

    Raises:
        InputError: none runs here, or it listens where no device reaches it.
    """
    example = "name the server with --url, e.g. --url http://192.168.1.5:8787"
    server = None if where.asks_for_aws or where.endpoint_url else find_server(where.data)
    if server is None:
        raise InputError(f"the address of the server is not known: {example}")
    if re.match(r"http://(127\.|localhost|0\.0\.0\.0|\[::)", server.api_url):
        raise InputError(f"a device cannot reach {server.api_url} by that address: {example}")
    return server.api_url


def check_url(url: str) -> str:
    """Return the address as it is.

    Raises:
        InputError: the firmware would refuse it.
    """
    if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", url):
        raise InputError(f"'{url}' is no address of a server: it looks like http://192.168.1.5:8787")
    return url


def _draw(settings: str) -> None:
    """Print a QR code that opens the device's page with the settings filled in.

    It is for a phone that has joined the device's own network.
    """
    segno.make(f"{PORTAL_URL}?c={quote(settings)}", error="l").terminal(compact=True)
    typer.echo(
        "Join the device's network, then scan this, or paste the line above on "
        f"{PORTAL_URL}. Keep it now: only the key's hash is stored.",
        err=True,
    )


def _run_firmware(wav: Path, settings: Json, folder: Path, *, is_quiet: bool) -> dict[str, Any]:
    """Run the firmware until it has nothing to do; the device's last report."""

    def tell(event: Any) -> None:
        if "state" in event and not is_quiet:
            typer.echo(f"{event['at_ms'] / 1000:8.1f} s  {event['state']}")

    host = Host(on_say=tell)
    simulate_device(wav, {**settings, "networks": [SIMULATED_NETWORK]}, folder, host)
    report: dict[str, Any] = next(event["report"] for event in host.said if "end" in event)
    return report


def _show(value: object) -> str:
    return "" if value is None else str(value)
