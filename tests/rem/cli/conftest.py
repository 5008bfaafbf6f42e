"""A small installation: the real names, a machine of two states, functions that fail on demand."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rem.cli.main import app
from rem.core.errors import InputError, SetupError
from rem.definition import load_stages
from rem.home.resources import MACHINE, MACHINE_ARN, QUEUE, build_functions, create_keys_table, create_table
from rem.lambdas.function import LocalFunction
from rem.lambdas.pool import PoolOptions
from rem.states.local_aws import LocalAws
from tests.rem.conftest import TIMEOUT_S, wait_until

HANDLERS = Path(__file__).parent / "handlers"
RECORDING = {
    "recordingId": "walk-17",
    "userId": "me",
    "deviceId": "badge-1",
    "startedAt": "2026-11-24T00:00:00+00:00",
    "bucket": "rem-recordings",
    "key": "raw/me/badge-1/2026/11/24/walk-17.wav",
}


def task(name, **more):
    parameters = {"FunctionName": f"arn:aws:lambda:us-east-1:123456789012:function:{name}", "Payload.$": "$"}
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}
    return {**state, "ResultPath": f"$.{name}", "ResultSelector": {"key.$": "$.Payload.key"}, **more}


@dataclass
class Installation:
    aws: LocalAws
    folder: Path

    def rem(self, *arguments):
        """The command line, told where this installation is: exit code, and all it printed."""
        result = CliRunner().invoke(app, [*arguments, "--endpoint-url", self.aws.endpoint_url])
        if isinstance(result.exception, InputError | SetupError):  # main() prints these
            return 2, f"{result.output}rem: {result.exception}"
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    def rem_json(self, *arguments):
        code, text = self.rem(*arguments, "--json")
        assert code == 0, text
        return json.loads(text)

    def calls(self, stage):
        path = self.folder / f"{stage}.calls"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def switch(self, **stages):
        """How each stage behaves from now on: "work", or an error's name."""
        for stage, behaviour in stages.items():
            (self.folder / stage).write_text(behaviour)

    def run(self, name, **more):
        sfn = self.aws.client("stepfunctions")
        event = {**RECORDING, **more}
        arn = sfn.start_execution(stateMachineArn=MACHINE_ARN, name=name, input=json.dumps(event))[
            "executionArn"
        ]
        wait_until(lambda: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING")
        return sfn.describe_execution(executionArn=arn)


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("switches")
    logs = tmp_path_factory.mktemp("logs")
    patch = pytest.MonkeyPatch()
    patch.setenv("REM_LOGS", str(logs))
    functions = [
        LocalFunction(name, "switched.handler", HANDLERS, 256, TIMEOUT_S, {"SWITCHES": str(folder)})
        for name in ("prepare", "transcribe")
    ]
    functions += build_functions({"status": load_stages()["status"]})
    with LocalAws(functions, PoolOptions(log_dir=logs)) as aws:
        sqs = aws.client("sqs")
        for queue in (QUEUE, f"{QUEUE}-dlq"):
            sqs.create_queue(QueueName=queue)
        aws.client("s3").create_bucket(Bucket="rem-recordings")
        create_table(aws)
        create_keys_table(aws)
        states = {"Prepare": task("prepare", Next="Transcribe"), "Transcribe": task("transcribe", End=True)}
        aws.client("stepfunctions").create_state_machine(
            name=MACHINE,
            definition=json.dumps({"StartAt": "Prepare", "States": states}),
            roleArn="arn:aws:iam::123456789012:role/x",
        )
        aws.map_status("status")
        yield Installation(aws, folder)
    patch.undo()
