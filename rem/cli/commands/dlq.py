"""`rem dlq`: the messages that the starter could not use, and how they get another chance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import typer

from rem.adapters.sqs import DeadLetter
from rem.cli import tables
from rem.cli.options import AsJson, take_groups
from rem.cli.target import TargetOptions
from rem.core.errors import InputError
from rem.core.messages import parse_message

SOUND = "the message is sound: the start failed for another reason (see the log of start)"

app = typer.Typer()
dlq = typer.Typer(
    no_args_is_help=True, help="Read the dead-letter queue: messages that started nothing; queue them again."
)
app.add_typer(dlq, name="dlq")


@dlq.command("list")
@take_groups
def list_messages(where: TargetOptions, as_json: AsJson = False) -> None:
    """List the dead letters, and why each is one.

    A message comes there after the starter has refused it five times. Nothing is taken out.
    """
    with where.open() as target:
        rows = [_describe(letter) for letter in target.queue().list_dead_letters()]
    if as_json:
        tables.print_json({"messages": rows})
        return
    table = tables.build_table("sent", "what", "why")
    for row in rows:
        sent = tables.format_moment(row["sentAt"])
        table.add_row(sent, tables.shorten(row["what"], 200), row["why"])
    tables.build_console().print(table if rows else "The dead-letter queue is empty.", markup=False)


@dlq.command("redrive")
@take_groups
def redrive_messages(where: TargetOptions) -> None:
    """Queue every dead letter again.

    Do it after the cause is mended: a message that cannot be understood comes back.
    """
    with where.open() as target:
        queue = target.queue()
        unusable = sum(_describe(letter)["why"] != SOUND for letter in queue.list_dead_letters())
        moved = queue.redrive_dead_letters()
    typer.echo(f"{moved} message(s) queued again" if moved else "The dead-letter queue is empty.")
    if unusable and moved:
        typer.echo(f"{unusable} of them cannot be understood and will come back: see `rem dlq list`.")


def _describe(letter: DeadLetter) -> dict[str, Any]:
    recordings, reason = _explain(letter.body)
    return {"messageId": letter.message_id, "sentAt": letter.sent_at, "what": recordings, "why": reason}


def _explain(body: str) -> tuple[str, str]:
    """Tell what a message announces, and why the starter refused it, by the starter's own parser."""
    try:
        document = json.loads(body)
    except json.JSONDecodeError as error:
        return f"text: {body}", f"the message is not JSON: {error}"
    if not isinstance(document, dict):
        return f"JSON: {body}", "the message is no JSON object"
    try:
        announced = [recording.key for recording, _ in parse_message(document)]
    except InputError as error:
        return ", ".join(_find_keys(document)) or f"JSON: {body}", str(error)
    except (KeyError, TypeError) as error:
        return f"JSON: {body}", f"the message is no complete S3 event: {type(error).__name__} {error}"
    return ", ".join(announced) or "S3's test event", SOUND


def _find_keys(document: dict[str, Any]) -> Iterator[str]:
    """Find the object keys of an S3 event, of which none is a raw key."""
    for record in document.get("Records", []):
        if key := record.get("s3", {}).get("object", {}).get("key"):
            yield str(key)
