"""`rem keys`: who may upload and read. A key is shown once, when it is made; only its hash is kept."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from rem.cli.target import (
    DEFAULT_STACK,
    AsJson,
    DataFolder,
    EndpointUrl,
    Profile,
    Region,
    StackName,
    Target,
    open_target,
)

if TYPE_CHECKING:
    from rem.core.api_keys import Key
    from rem.library.keyring import Keyring

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke the keys with which devices upload and people read.",
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="What it is for, e.g. phone. Only for you.", metavar="NAME")]
KeyId = Annotated[str, typer.Argument(help="The key's id, as `rem keys list` shows it.", metavar="ID")]
User = Annotated[str, typer.Option(help="Whose recordings it is for.", metavar="USER")]
Device = Annotated[
    str, typer.Option(help="The one device that may use it. Default: all of the user's.", metavar="DEVICE")
]
IngestOnly = Annotated[
    bool, typer.Option("--ingest-only", help="It may upload, not read: for a device that may get lost.")
]


@app.command()
def add(
    name: Name = "",
    user: User = "me",
    device: Device = "",
    ingest_only: IngestOnly = False,
    as_json: AsJson = False,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Make a key and print it. It cannot be shown again.

    Example: rem keys add pocket --device badge-1 --ingest-only
    """
    from rem.cli.tables import print_json
    from rem.core.api_keys import Scope

    scope = Scope.INGEST if ingest_only else Scope.ALL
    with open_target(profile, region, stack, endpoint_url, data) as target:
        key, text = open_keyring(target).add(user, scope=scope, device_id=device or None, name=name)
    if as_json:
        print_json({**key.to_json(), "key": text})
        return
    typer.echo(text)
    typer.echo(f"Keep it now: only its hash is stored. {_describe(key)}", err=True)


@app.command("list")
def list_(
    as_json: AsJson = False,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """List the keys, the newest first: what they are for and when they were last used (to the hour)."""
    from rem.cli import tables as printing

    with open_target(profile, region, stack, endpoint_url, data) as target:
        keys = open_keyring(target).list()
    if as_json:
        printing.print_json({"keys": [key.to_json() for key in keys]})
        return
    table = printing.build_table("id", "name", "user", "may", "made", "last used", "revoked")
    for key in keys:
        moments = (key.created_at, key.last_seen_at, key.revoked_at)
        table.add_row(key.key_id, key.name, key.user_id, _describe(key), *map(_show_moment, moments))
    printing.build_console().print(table if keys else "There are no keys: `rem keys add` makes one.")


@app.command()
def revoke(
    key_id: KeyId,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """End a key, from the next request on. What was uploaded with it stays."""
    with open_target(profile, region, stack, endpoint_url, data) as target:
        open_keyring(target).revoke(key_id)
    typer.echo(f"{key_id} is revoked")


def open_keyring(target: Target) -> Keyring:
    from rem.adapters.dynamodb import DynamoKeys
    from rem.library.keyring import Keyring

    return Keyring(DynamoKeys(target.keys_table, target.client("dynamodb")))


def _describe(key: Key) -> str:
    what = "upload" if key.scope == "ingest" else "upload and read"
    return f"{what}, only {key.device_id}" if key.device_id else what


def _show_moment(moment: str | None) -> str:
    from rem.cli.tables import format_moment

    return format_moment(datetime.fromisoformat(moment)) if moment else ""
