"""A LocalAws on a data folder in a process of its own, to be killed: durable_server.py DIR."""

import json
import sys
import threading
from pathlib import Path

from rem.core.errors import SetupError
from rem.lambdas.pool import PoolOptions
from rem.states.local_aws import LocalAws
from tests.rem.conftest import function
from tests.rem.states.test_engine import ROLE, task

BUCKET, TABLE, MACHINE = "things", "things", "things"


def build_definition() -> str:
    each = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"folder.$": "$.folder", "word.$": "$$.Map.Item.Value", "seconds": 0.2},
        "MaxConcurrency": 2,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Item",
            "States": {"Item": task("count")},
        },
        "ResultPath": "$.words",
    }
    last = task("count")
    last["Parameters"]["Payload"] = {"folder.$": "$.folder", "word.$": "$.name"}
    del last["Parameters"]["Payload.$"]
    del last["OutputPath"]
    return json.dumps(
        {
            "StartAt": "Early",
            "States": {
                "Early": {**each, "Next": "Late"},
                "Late": {**json.loads(json.dumps(each).replace('"Item"', '"LateItem"')), "Next": "Last"},
                "Last": {**last, "ResultPath": "$.last"},
            },
        }
    )


def main(folder: Path) -> None:
    with LocalAws([function("count")], PoolOptions(max_sandboxes=4), data_dir=folder) as aws:
        aws.client("s3").create_bucket(Bucket=BUCKET)
        aws.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        machine = aws.client("stepfunctions").create_state_machine(
            name=MACHINE, definition=build_definition(), roleArn=ROLE
        )
        restored = aws.restore()
        resumed = aws.resume()
        told = {"endpoint": aws.endpoint_url, "machine": machine["stateMachineArn"]}
        print(json.dumps({**told, "restored": restored, "resumed": resumed}), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except SetupError as refused:
        print(json.dumps({"refused": str(refused)}), flush=True)
