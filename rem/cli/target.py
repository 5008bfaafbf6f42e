"""Which installation a command talks to: AWS, a running `rem up`, or any other endpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rem.core.errors import InputError, SetupError
from rem.home.endpoint import ENDPOINT_FILE, default_data_dir

if TYPE_CHECKING:
    from rem.adapters.logs import Logs

DEFAULT_STACK = "rem-dev"  # Terraform's project-environment

MISSING = ("StateMachineDoesNotExist", "ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue")

Profile = Annotated[str, typer.Option(help="AWS profile of ~/.aws/config.", metavar="NAME")]
Region = Annotated[str, typer.Option(help="AWS region.", metavar="REGION")]
StackName = Annotated[
    str,
    typer.Option("--stack", envvar="REM_STACK", help="Terraform's project-environment.", metavar="NAME"),
]
EndpointUrl = Annotated[
    str, typer.Option(help="A local AWS that is not `rem up`'s, e.g. http://127.0.0.1:4566.", metavar="URL")
]
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", envvar="REM_DATA", help="Data folder of a running `rem up`.", metavar="DIR"),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for scripts.")]


@dataclass(frozen=True, slots=True)
class Target:
    """One installation: how to reach it and what its parts are called."""

    session: Any  # boto3.Session
    endpoint_url: str | None
    bucket: str
    table: str
    queue_url: str
    machine_arn: str
    keys_table: str
    log_dir: Path | None = None

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    @property
    def dead_letter_url(self) -> str:
        return f"{self.queue_url}-dlq"

    def client(self, service: str) -> Any:
        from botocore.config import Config

        config = Config(
            retries={"max_attempts": 2 if self.is_local else 6, "mode": "standard"},
            s3={"addressing_style": "path"},
            connect_timeout=5,
        )
        return self.session.client(service, endpoint_url=self.endpoint_url, config=config)

    def logs(self) -> Logs:
        from rem.adapters.logs import CloudWatchLogs, LogFiles

        return LogFiles(self.log_dir) if self.log_dir else CloudWatchLogs(self.client("logs"))


def resolve_target(
    profile: str = "",
    region: str = "",
    stack: str = DEFAULT_STACK,
    endpoint_url: str = "",
    data: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Target:
    """The installation that the options name; without any, a `rem up` on the default folder, else AWS.

    REM_BUCKET, REM_TABLE, REM_KEYS_TABLE, REM_QUEUE_URL and REM_STATE_MACHINE_ARN replace single names.

    Raises:
        InputError: options that contradict each other, or a folder on which no `rem up` runs.
        SetupError: no AWS credentials or region.
    """
    asks_for_aws = bool(profile or region)
    if asks_for_aws and endpoint_url:
        raise InputError("--endpoint-url is for a local AWS; --profile and --region are for the real one")
    if endpoint_url:
        return _build_local(endpoint_url, None, environment)
    if not asks_for_aws:
        folder = data or default_data_dir()
        if (folder / ENDPOINT_FILE).exists():
            return _build_local(_read_endpoint(folder), folder, environment)
        if data is not None:
            raise InputError(f"no `rem up` runs on {data}: start it with `rem up --data {data}`")
    return _build_aws(profile, region, stack, environment)


@contextmanager
def open_target(
    profile: str, region: str, stack: str, endpoint_url: str, data: Path | None
) -> Iterator[Target]:
    """resolve_target, and a sentence for what AWS refuses on the way.

    Raises:
        SetupError: nothing answers, the installation does not exist, or a permission is missing.
    """
    from botocore.exceptions import ClientError, EndpointConnectionError

    target = resolve_target(profile, region, stack, endpoint_url, data)
    try:
        yield target
    except EndpointConnectionError as error:
        hint = ": is `rem up` running?" if target.is_local else ""
        raise SetupError(f"nothing answers at {target.endpoint_url or 'AWS'}{hint}") from error
    except ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            raise SetupError(
                f"there is no {target.machine_arn}: name the stack (--stack) or the region (--region)"
            ) from error
        raise SetupError(f"{error.operation_name}: {error.response['Error']['Message']}") from error


def _read_endpoint(folder: Path) -> str:
    path = folder / ENDPOINT_FILE
    try:
        return str(json.loads(path.read_text())["endpointUrl"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: restart `rem up --data {folder}`") from error


def _build_local(endpoint_url: str, folder: Path | None, environment: Mapping[str, str]) -> Target:
    import boto3

    from rem.home import resources as stack
    from rem.lambdas.function import REGION

    log_dir = folder / "logs" if folder and (folder / "logs").is_dir() else stack.default_log_dir()
    return Target(
        boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION),
        endpoint_url,
        bucket=environment.get("REM_BUCKET", stack.BUCKET),
        table=environment.get("REM_TABLE", stack.TABLE),
        queue_url=environment.get("REM_QUEUE_URL", stack.QUEUE_URL),
        machine_arn=environment.get("REM_STATE_MACHINE_ARN", stack.MACHINE_ARN),
        keys_table=environment.get("REM_KEYS_TABLE", stack.KEYS_TABLE),
        log_dir=log_dir,
    )


def _build_aws(profile: str, region: str, stack: str, environment: Mapping[str, str]) -> Target:
    """The names are those of infra/: everything starts with the stack's name, only the bucket is global."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        session = boto3.Session(profile_name=profile or None, region_name=region or None)
        identity = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise SetupError(
            f"{str(error).rstrip('.')}. Name an AWS profile and region (--profile, --region), "
            "or the data folder of a running `rem up` (--data)"
        ) from error
    account, region = identity["Account"], session.region_name
    partition = identity["Arn"].split(":")[1]
    machine_arn = f"arn:{partition}:states:{region}:{account}:stateMachine:{stack}-recording"
    queue_url = f"https://sqs.{region}.amazonaws.com/{account}/{stack}-uploads"
    return Target(
        session,
        None,
        bucket=environment.get("REM_BUCKET", f"{stack}-recordings-{account}-{region}"),
        table=environment.get("REM_TABLE", f"{stack}-recordings"),
        queue_url=environment.get("REM_QUEUE_URL", queue_url),
        machine_arn=environment.get("REM_STATE_MACHINE_ARN", machine_arn),
        keys_table=environment.get("REM_KEYS_TABLE", f"{stack}-keys"),
    )
