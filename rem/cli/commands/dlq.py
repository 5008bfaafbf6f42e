"""`rem dlq`: the messages that the starter could not use, and how they get another chance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

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

BATCH = 10  # SQS's most
MOST_LISTED = 200
HIDDEN_S = 30  # while they are listed, messages are hidden from other readers
NO_MOVE_TASK = (
    "InternalFailure",
    "InternalError",
    "InvalidAction",
    "NotImplemented",
    "UnsupportedOperation",
    "500",
)
SOUND = "the message is sound: the start failed for another reason (see the log of start)"

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Messages that started nothing: list them, queue them again.",
)


@app.command("list")
def list_messages(
    as_json: AsJson = False,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Show what lies in the dead-letter queue, and why. Nothing is taken out."""
    from rem.cli import tables as printing

    with open_target(profile, region, stack, endpoint_url, data) as target:
        rows = [_describe(message) for message in _peek(target)]
    if as_json:
        printing.print_json({"messages": rows})
        return
    table = printing.build_table("sent", "what", "why")
    for row in rows:
        sent = printing.format_moment(row["sentAt"])
        table.add_row(sent, printing.shorten(row["what"], 200), row["why"])
    printing.build_console().print(table if rows else "The dead-letter queue is empty.", markup=False)


@app.command("redrive")
def redrive_messages(
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
    endpoint_url: EndpointUrl = "",
    data: DataFolder = None,
) -> None:
    """Put every message of the dead-letter queue on the uploads queue again."""
    with open_target(profile, region, stack, endpoint_url, data) as target:
        unusable = sum(row["why"] != SOUND for row in map(_describe, _peek(target)))
        moved = move_messages(target)
    typer.echo(f"{moved} message(s) queued again" if moved else "The dead-letter queue is empty.")
    if unusable and moved:
        typer.echo(f"{unusable} of them cannot be understood and will come back: see `rem dlq list`.")


def move_messages(target: Target) -> int:
    """All of them, by SQS's own move task; one by one where the server has no such thing. How many."""
    from botocore.exceptions import ClientError

    sqs = target.client("sqs")
    names = ["QueueArn", "ApproximateNumberOfMessages"]
    about = sqs.get_queue_attributes(QueueUrl=target.dead_letter_url, AttributeNames=names)["Attributes"]
    waiting = int(about["ApproximateNumberOfMessages"])
    if not waiting:
        return 0
    try:
        sqs.start_message_move_task(SourceArn=about["QueueArn"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in NO_MOVE_TASK:
            raise
        return _move_one_by_one(sqs, target)
    return waiting


def _move_one_by_one(sqs: Any, target: Target) -> int:
    """Sent first, deleted then: a crash in between repeats a message, which starts nothing twice."""
    moved = 0
    while messages := _receive(sqs, target.dead_letter_url):
        for message in messages:
            sqs.send_message(QueueUrl=target.queue_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=target.dead_letter_url, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
    return moved


def _peek(target: Target) -> list[dict[str, Any]]:
    """Receive all, then make them visible again."""
    sqs = target.client("sqs")
    found: list[dict[str, Any]] = []
    while len(found) < MOST_LISTED and (messages := _receive(sqs, target.dead_letter_url)):
        found += messages
    for message in found:
        sqs.change_message_visibility(
            QueueUrl=target.dead_letter_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return found


def _receive(sqs: Any, queue_url: str) -> list[dict[str, Any]]:
    answer = sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=BATCH,
        VisibilityTimeout=HIDDEN_S,
        WaitTimeSeconds=1,
        AttributeNames=["All"],
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def _describe(message: dict[str, Any]) -> dict[str, Any]:
    """What the message is and why the starter could not use it: its own parser is asked again."""
    attributes = message.get("Attributes", {})
    what, why = _explain(message["Body"])
    return {
        "messageId": message["MessageId"],
        "sentAt": datetime.fromtimestamp(int(attributes.get("SentTimestamp", 0)) / 1000, UTC),
        "what": what,
        "why": why,
    }


def _explain(body: str) -> tuple[str, str]:
    from rem.core.errors import InputError
    from rem.core.messages import parse_message

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
    """Keys of an S3 event that are no raw keys."""
    for record in document.get("Records", []):
        if key := record.get("s3", {}).get("object", {}).get("key"):
            yield str(key)
