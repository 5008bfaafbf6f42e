"""`rem device` and `rem devices`: settings for a recorder, its firmware without one, how all are."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rem.cli.commands.executions import User
from rem.cli.commands.keys import open_keyring
from rem.cli.commands.library import open_library
from rem.cli.target import (
    DEFAULT_STACK,
    AsJson,
    DataFolder,
    EndpointUrl,
    Profile,
    Region,
    StackName,
    open_target,
)
from rem.core.errors import InputError
from rem.home.endpoint import ENDPOINT_FILE, default_data_dir

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rem.core import Json
    from rem.core.api_keys import Key
    from rem.library.library import Library

app = typer.Typer(
    no_args_is_help=True,
    help="Recorders of your own (docs/devices.md): their settings and key, their firmware on this machine.",
    rich_markup_mode=None,
)

PORTAL_URL = "http://192.168.4.1/"  # firmware/app/portal.py
NAME = re.compile("[A-Za-z0-9_-]{1,40}")  # firmware/app/config.py
NEWEST = 1000  # recordings among which devices are looked for, as GET /devices does
SIMULATED_NETWORK = ["home", "correct horse"]  # the one that firmware/sim knows

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
Device = Annotated[str, typer.Option(help="The device that the key is for.", metavar="NAME")]
Flash = Annotated[
    Path | None,
    typer.Option(help="Folder that is its flash; what it could not send waits there.", metavar="DIR"),
]


@app.command()
def add(
    name: Name,
    url: Url = "",
    user: User = "me",
    as_json: AsJson = False,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Make a key for one device, and print the settings for its page: as JSON, and as a QR code for a phone.

    The key may upload as this device and do nothing else. It cannot be shown again.

    Example: rem device add badge --url http://192.168.1.5:8787
    """
    from rem.core.api_keys import Scope

    if not NAME.fullmatch(name):
        raise InputError(f"'{name}' cannot be a device's name: use up to 40 letters, digits, - and _")
    server = check_url(url.rstrip("/") or find_url(data or default_data_dir()))
    with open_target(profile, region, stack, endpoint_url, data) as target:
        _, text = open_keyring(target).add(user, scope=Scope.INGEST, device_id=name, name=name)
    settings = json.dumps({"server": server, "device": name, "key": text})
    typer.echo(settings)
    if not as_json:
        _draw(settings)


@app.command()
def simulate(
    wav: Sound,
    server: Server,
    key: KeyText,
    device: Device = "simulator",
    flash: Flash = None,
    as_json: AsJson = False,
) -> None:
    """Run the firmware in MicroPython on this machine: it hears a file, and sends what was said in it.

    Exit code: 0 all was sent, 3 something still waits.

    Example: rem device simulate --wav memo.wav --server http://127.0.0.1:8787 --key rem_…
    """
    from tempfile import TemporaryDirectory

    from rem.cli.tables import print_json

    if not wav.is_file():
        raise InputError(f"there is no file {wav}")
    settings = {"server": check_url(server.rstrip("/")), "device": device, "key": key}
    with TemporaryDirectory() as folder:
        report = _run_firmware(wav, settings, flash or Path(folder), is_quiet=as_json)
    if as_json:
        print_json(report)
    elif report["waiting"]:
        typer.echo(f"{report['waiting']} not sent: {report['error']}", err=True)
    else:
        typer.echo(f"{report['sent']} sent")
    raise typer.Exit(3 if report["waiting"] else 0)


def devices(
    user: User = "me",
    as_json: AsJson = False,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """List devices: seen last (to the hour), battery, what is lost or missing, clock."""
    from rem.cli import tables as printing

    with open_target(profile, region, stack, endpoint_url, data) as target:
        keys = [key for key in open_keyring(target).list() if key.user_id == user]
        found = describe_devices(open_library(target), user, keys)
    if as_json:
        printing.print_json({"devices": found})
        return
    table = printing.build_table(
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
        moments = [_show_moment(one[name]) for name in ("lastSeenAt", "lastStartedAt")]
        rest = [_show(one[name]) for name in ("lost", "missing", "clock", "fw")]
        table.add_row(one["deviceId"], *moments, str(one["recordings"]), battery, *rest)
    printing.build_console().print(table if found else f"{user} has no devices: `rem device add` makes one.")


def describe_devices(library: Library, user: str, keys: Iterable[Key]) -> list[Json]:
    """The devices that have a key of their own or sent something lately, by name."""
    from rem.core.ledger import MOST_COUNTED, find_last_said, read_records

    seen_at: dict[str, str] = {}
    for key in keys:
        if key.device_id is not None:
            seen_at[key.device_id] = max(seen_at.get(key.device_id, ""), key.last_seen_at or "")
    newest = library.page(user, limit=NEWEST).records
    found = []
    for device_id in sorted({*seen_at, *(record["deviceId"] for record in newest)}):
        page = library.page(user, device_id=device_id, limit=MOST_COUNTED)
        records = page.records
        found.append(
            {
                "deviceId": device_id,
                "lastSeenAt": seen_at.get(device_id) or None,
                "lastStartedAt": records[0]["startedAt"] if records else None,
                "recordings": len(records),
                "missing": read_records(records, is_all=page.cursor is None).count_missing(),
                **find_last_said(records),
            }
        )
    return found


def find_url(folder: Path) -> str:
    """Where the `rem up` on this folder answers devices.

    Raises:
        InputError: none runs there, or it listens where no device reaches it.
    """
    path = folder / ENDPOINT_FILE
    example = "name the server with --url, e.g. --url http://192.168.1.5:8787"
    if not path.exists():
        raise InputError(f"no `rem up` runs on {folder}: {example}")
    url: str = json.loads(path.read_text()).get("apiUrl", "")
    if not url or re.match(r"http://(127\.|localhost|0\.0\.0\.0|\[::)", url):
        raise InputError(f"a device cannot reach {url or 'this server'} by that address: {example}")
    return url


def check_url(url: str) -> str:
    """Raises: InputError: the firmware would refuse it."""
    if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", url):
        raise InputError(f"'{url}' is no address of a server: it looks like http://192.168.1.5:8787")
    return url


def _draw(settings: str) -> None:
    """For a phone that has joined the device's network: opens the page with the settings filled in."""
    from urllib.parse import quote

    import segno

    segno.make(f"{PORTAL_URL}?c={quote(settings)}", error="l").terminal(compact=True)
    typer.echo(
        "Join the device's network, then scan this, or paste the line above on "
        f"{PORTAL_URL}. Keep it now: only the key's hash is stored.",
        err=True,
    )


def _run_firmware(wav: Path, settings: Json, folder: Path, *, is_quiet: bool) -> dict[str, Any]:
    """The device's last report."""
    from rem.cli.simulator import Host, simulate

    def tell(event: Any) -> None:
        if "state" in event and not is_quiet:
            typer.echo(f"{event['at_ms'] / 1000:8.1f} s  {event['state']}")

    host = Host(on_say=tell)
    simulate(wav, {**settings, "networks": [SIMULATED_NETWORK]}, folder, host)
    report: dict[str, Any] = next(event["report"] for event in host.said if "end" in event)
    return report


def _show_moment(moment: str | None) -> str:
    from rem.cli.tables import format_moment

    return format_moment(datetime.fromisoformat(moment)) if moment else ""


def _show(value: object) -> str:
    return "" if value is None else str(value)
