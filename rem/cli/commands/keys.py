"""`rem keys`: who may upload and read. A key is shown once, when it is made; only its hash is kept."""

from __future__ import annotations

from typing import Annotated

import typer

from rem.cli import tables
from rem.cli.options import AsJson, take_groups
from rem.cli.target import TargetOptions
from rem.core.api_keys import ApiKey, Scope

app = typer.Typer()
keys = typer.Typer(
    no_args_is_help=True, help="Make, list and revoke the keys with which devices upload and people read."
)
app.add_typer(keys, name="keys")

Name = Annotated[str, typer.Argument(help="What it is for, e.g. phone. Only for you.", metavar="NAME")]
KeyId = Annotated[str, typer.Argument(help="The key's id, as `rem keys list` shows it.", metavar="ID")]
User = Annotated[str, typer.Option(help="Whose recordings it is for.", metavar="USER")]
Device = Annotated[
    str, typer.Option(help="The one device that may use it. Default: all of the user's.", metavar="DEVICE")
]
IngestOnly = Annotated[
    bool, typer.Option("--ingest-only", help="It may upload, not read: for a device that may get lost.")
]


@keys.command()
@take_groups
def add(
    where: TargetOptions,
    name: Name = "",
    user: User = "me",
    device: Device = "",
    ingest_only: IngestOnly = False,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it.

    It cannot be shown again: only its hash is stored. The first line on standard output is the key alone,
    for scripts.

    Example: rem keys add pocket --device badge-1 --ingest-only
    """
    scope = Scope.INGEST if ingest_only else Scope.ALL
    with where.open() as target:
        key, text = target.keyring().add(user, scope=scope, device_id=device or None, name=name)
    if as_json:
        tables.print_json({**key.to_json(), "key": text})
        return
    typer.echo(text)
    typer.echo(f"Keep it now: only its hash is stored. {_describe(key)}", err=True)


@keys.command("list")
@take_groups
def list_(where: TargetOptions, as_json: AsJson = False) -> None:
    """List the keys, the newest first.

    Shows for each whose it is, what it may do and when it was last used (to the hour).
    """
    with where.open() as target:
        found = target.keyring().list()
    if as_json:
        tables.print_json({"keys": [key.to_json() for key in found]})
        return
    table = tables.build_table("id", "name", "user", "may", "made", "last used", "revoked")
    for key in found:
        moments = (key.created_at, key.last_seen_at, key.revoked_at)
        table.add_row(key.key_id, key.name, key.user_id, _describe(key), *map(tables.format_iso, moments))
    tables.build_console().print(table if found else "There are no keys: `rem keys add` makes one.")


@keys.command()
@take_groups
def revoke(key_id: KeyId, where: TargetOptions) -> None:
    """End a key.

    From the next request on it is refused. The recordings that it uploaded stay.

    Example: rem keys revoke fm7eslp5l4
    """
    with where.open() as target:
        target.keyring().revoke(key_id)
    typer.echo(f"{key_id} is revoked")


def _describe(key: ApiKey) -> str:
    allowed = "upload" if key.scope == Scope.INGEST else "upload and read"
    return f"{allowed}, only {key.device_id}" if key.device_id else allowed
