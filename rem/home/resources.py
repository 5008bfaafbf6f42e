"""The laptop's copy of what infra/ makes on AWS: bucket, table, queues, functions, state machine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rem.definition import ROOT, StageConfig, TableConfig, load_resources, render_definition
from rem.home.endpoint import state_dir
from rem.lambdas.function import ACCOUNT, REGION

if TYPE_CHECKING:
    from rem.lambdas.function import LocalFunction
    from rem.states.local_aws import LocalAws

BUCKET = "rem-recordings"
TABLE = "rem-recordings"
KEYS_TABLE = "rem-keys"
QUEUE = "rem-uploads"
MACHINE = "rem-recording"
MACHINE_ARN = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{MACHINE}"
QUEUE_URL = (
    f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{QUEUE}"  # its path counts, the host is the endpoint's
)
STARTER = "start"
INGEST = "ingest"  # the image of what answers devices, queues and events: it never waits for a model
API_SANDBOXES = 4  # per function of that image; 80 MB each
API, ENRICH = "api", "enrich"
# Variables of this process's environment that Enrich alone is given: it alone talks to a language model.
LANGUAGE_MODEL = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "REM_OPENAI_SECRET",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
)


@dataclass(frozen=True, slots=True)
class Stack:
    """Names and addresses of what was created."""

    bucket: str
    table: str
    queue_url: str
    dead_letter_url: str
    machine_arn: str


def build_functions(
    stages: Mapping[str, StageConfig],
    overrides: Mapping[str, object] | None = None,
    part_secret: str = "",
) -> list[LocalFunction]:
    """Build one local function per entry of stages.yaml.

    Args:
        overrides: Settings by name; they replace those in every stage that has them.
        part_secret: Lets the API sign tickets for parts (docs/adr/0015); without it S3 signs their URLs.
    """
    from rem.lambdas.function import LocalFunction

    shared = {
        **load_resources().environment,
        "REM_BUCKET": BUCKET,
        "REM_TABLE": TABLE,
        "REM_KEYS_TABLE": KEYS_TABLE,
        "REM_STATE_MACHINE_ARN": MACHINE_ARN,
        "REM_QUEUE_URL": QUEUE_URL,
    }
    own = {
        API: {"REM_PART_SECRET": part_secret} if part_secret else {},
        ENRICH: {name: os.environ[name] for name in LANGUAGE_MODEL if os.environ.get(name)},
    }
    return [
        LocalFunction(
            name=name,
            handler=stage.handler,
            code_dir=ROOT,
            memory_mb=stage.memory_mb,
            timeout_s=stage.timeout_s,
            environment={**shared, **stage.environment(overrides), **own.get(name, {})},
            takes_turns=stage.image != INGEST,
            max_sandboxes=API_SANDBOXES if stage.image == INGEST else None,
        )
        for name, stage in stages.items()
    ]


def create_stack(
    aws: LocalAws,
    stages: Mapping[str, StageConfig],
    *,
    poll: bool = True,
    at_once: int | None = None,
    max_executions: int | None = None,
) -> Stack:
    """Create everything and put a data folder's content back, in an order in which no event can be missed.

    Args:
        poll: Let messages on the queue invoke the starter.
        at_once: Most iterations of a Map at a time; waiting for a processor uses up a state's time.
        max_executions: Most executions at a time; more uploads wait on the queue.
    """
    s3, sqs = aws.client("s3"), aws.client("sqs")
    s3.create_bucket(Bucket=BUCKET)
    create_table(aws)
    create_keys_table(aws)
    dead_letter_url = sqs.create_queue(QueueName=f"{QUEUE}-dlq")["QueueUrl"]
    queue_url = sqs.create_queue(QueueName=QUEUE, Attributes=_queue_attributes(stages))["QueueUrl"]
    arns = {name: f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" for name in stages}
    aws.client("stepfunctions").create_state_machine(
        name=MACHINE,
        definition=render_definition(arns, at_once),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/{MACHINE}",
    )
    aws.restore()
    if poll:
        aws.map_queue(queue_url, STARTER, max_executions)
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [_notification()]}
    )
    return Stack(BUCKET, TABLE, queue_url, dead_letter_url, MACHINE_ARN)


def create_table(aws: LocalAws) -> None:
    _create_table(aws, TABLE, load_resources().tables["recordings"])


def create_keys_table(aws: LocalAws) -> None:
    _create_table(aws, KEYS_TABLE, load_resources().tables["keys"])


def _create_table(aws: LocalAws, name: str, table: TableConfig) -> None:
    keys = [(table.partition_key, table.sort_key)]
    keys += [(index.partition_key, index.sort_key) for index in table.indexes.values()]
    names = sorted({key for pair in keys for key in pair if key})
    indexes = [
        {
            "IndexName": index,
            "KeySchema": _build_schema(config.partition_key, config.sort_key),
            "Projection": {"ProjectionType": "ALL"},
        }
        for index, config in table.indexes.items()
    ]
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in names],
        KeySchema=_build_schema(table.partition_key, table.sort_key),
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    )


def _build_schema(partition_key: str, sort_key: str | None) -> list[dict[str, str]]:
    keys = [("HASH", partition_key), ("RANGE", sort_key)]
    return [{"AttributeName": name, "KeyType": kind} for kind, name in keys if name]


def _queue_attributes(stages: Mapping[str, StageConfig]) -> dict[str, str]:
    queue = load_resources().queue
    redrive = {
        "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}-dlq",
        "maxReceiveCount": queue.receives_before_dlq,
    }
    visibility_s = queue.visibility_per_timeout * stages[STARTER].timeout_s
    return {"VisibilityTimeout": str(visibility_s), "RedrivePolicy": json.dumps(redrive)}


def _notification() -> dict[str, object]:
    prefix = load_resources().bucket.event_prefix
    return {
        "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
    }


def default_log_dir() -> Path:
    """Name the folder of the functions' logs: REM_LOGS, else one in the user's state folder."""
    return Path(os.environ.get("REM_LOGS") or state_dir() / "logs")
