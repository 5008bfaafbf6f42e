"""Start: SQS messages become executions. One bad message never holds back its neighbours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from rem.aws import start_execution
from rem.config import StartSettings
from rem.core.errors import InputError
from rem.core.keys import execution_name
from rem.core.recordings import Recording
from rem.ports import Json


def parse_message(body: Mapping[str, Any]) -> Iterator[tuple[Recording, str]]:
    """The recordings that a message announces, each with what tells its content apart.

    Three kinds arrive on the queue: S3's event notification (one or more uploads), S3's test event (nothing),
    and the older job message, which names a recording by itself.

    Raises:
        InputError: any other message, or a key that is no raw key.
    """
    if "Records" in body:
        for record in body["Records"]:
            bucket, stored = record["s3"]["bucket"]["name"], record["s3"]["object"]
            yield Recording.from_raw_key(bucket, unquote_plus(stored["key"])), stored.get("eTag", "")
    elif body.get("Event") == "s3:TestEvent":
        return
    elif "recordingId" in body:
        yield Recording.from_event({k: str(v) for k, v in body.items()}), ""
    else:
        raise InputError(f"the message is neither an S3 event nor a job: it has {', '.join(sorted(body))}")


def start(record: SQSRecord) -> None:
    settings = StartSettings.from_env()
    try:
        body = json.loads(record.body)
    except json.JSONDecodeError as error:
        raise InputError(f"the message is not JSON: {error}") from error
    for recording, content in parse_message(body):
        name = execution_name(recording.recording_id, recording.key, content)
        start_execution(settings.state_machine_arn, name, recording.to_event())


def handler(event: dict[str, Any], context: Any) -> Json:
    """Report each message that failed, so that SQS delivers only those again."""
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    response = process_partial_response(
        event=event, record_handler=start, processor=processor, context=context
    )
    return dict(response)
