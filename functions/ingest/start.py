"""Start: executions for the messages of SQS. One bad message never holds back its neighbours."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from functions.ingest.route import choose_machine
from rem.adapters.s3 import S3Store
from rem.adapters.step_functions import Executions
from rem.core import Json
from rem.core.errors import InputError
from rem.core.messages import parse_message
from rem.core.places import execution_name
from rem.stage.observe import observed
from rem.stage.settings import RouteSettings


def start(record: SQSRecord) -> None:
    settings = RouteSettings.from_env()
    try:
        body = json.loads(record.body)
    except json.JSONDecodeError as error:
        raise InputError(f"the message is not JSON: {error}") from error
    for recording, content in parse_message(body):
        name = execution_name(recording.recording_id, recording.key, content)
        machine = choose_machine(body, recording, store=S3Store(recording.bucket), settings=settings)
        Executions(machine).start(name, recording.to_event())


@observed("start")
def handler(event: dict[str, Any], context: Any) -> Json:
    """Start a batch, and report each message that failed, so that SQS delivers only those again."""
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    response = process_partial_response(
        event=event, record_handler=start, processor=processor, context=context
    )
    return dict(response)
