"""The installation that a command talks to: AWS, a running `rem up`, or any other local AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from rem.adapters.connection import Account, Connection, translate_errors
from rem.adapters.dynamodb import DynamoApiKeys, DynamoCatalog
from rem.adapters.lambda_sizes import ONCE, LambdaSizes
from rem.adapters.logs import CloudWatchLogs, LogFiles, Logs
from rem.adapters.s3 import S3Store
from rem.adapters.sqs import UploadQueue
from rem.adapters.step_functions import Executions
from rem.core.errors import InputError
from rem.home import resources
from rem.home.endpoint import ENDPOINT_FILE, Endpoint, default_data_dir, list_running
from rem.lambdas.function import REGION
from rem.library.keyring import Keyring
from rem.library.library import Library
from rem.ports import Catalog, Store

DEFAULT_STACK = "rem-dev"
REPLACEMENTS = {  # environment variable -> the name that it replaces
    "REM_BUCKET": "bucket",
    "REM_TABLE": "table",
    "REM_KEYS_TABLE": "keys_table",
    "REM_QUEUE_URL": "queue_url",
    "REM_STATE_MACHINE_ARN": "machine_arn",
}


@dataclass(frozen=True, slots=True)
class Names:
    """The names of an installation's parts."""

    bucket: str
    table: str
    keys_table: str
    queue_url: str
    machine_arn: str
    stack: str = ""

    @classmethod
    def of_laptop(cls) -> Names:
        """Take the names that rem.home gives."""
        return cls(
            resources.BUCKET,
            resources.TABLE,
            resources.KEYS_TABLE,
            resources.QUEUE_URL,
            resources.MACHINE_ARN,
        )

    @classmethod
    def of_stack(cls, stack: str, account: Account) -> Names:
        """Build the names that infra/ gives: all start with the stack's, and the bucket's is global."""
        number, region = account.number, account.region
        return cls(
            bucket=f"{stack}-recordings-{number}-{region}",
            table=f"{stack}-recordings",
            keys_table=f"{stack}-keys",
            queue_url=f"https://sqs.{region}.amazonaws.com/{number}/{stack}-uploads",
            machine_arn=f"arn:{account.partition}:states:{region}:{number}:stateMachine:{stack}-recording",
            stack=stack,
        )

    def replace_from(self, environment: Mapping[str, str]) -> Names:
        """Take single names from the environment where it has them."""
        given = {field: environment[name] for name, field in REPLACEMENTS.items() if name in environment}
        return replace(self, **given)


class Target:
    """One installation: its stores, its executions, its queue and its logs."""

    def __init__(self, connection: Connection, names: Names, log_dir: Path | None = None) -> None:
        self._connection, self.names, self._log_dir = connection, names, log_dir

    @property
    def endpoint_url(self) -> str | None:
        """The address of a local AWS; None on AWS."""
        return self._connection.endpoint_url

    def store(self) -> Store:
        return S3Store(self.names.bucket, self._connection.client("s3"))

    def catalog(self) -> Catalog:
        return DynamoCatalog(self.names.table, self._connection.client("dynamodb"))

    def library(self) -> Library:
        return Library(self.store(), self.catalog())

    def keyring(self) -> Keyring:
        return Keyring(DynamoApiKeys(self.names.keys_table, self._connection.client("dynamodb")))

    def executions(self) -> Executions:
        return Executions(self.names.machine_arn, self._connection.client("stepfunctions"))

    def queue(self) -> UploadQueue:
        return UploadQueue(self.names.queue_url, self._connection.client("sqs"))

    def logs(self) -> Logs:
        if self._log_dir is not None:
            return LogFiles(self._log_dir)
        return CloudWatchLogs(self.names.stack, self._connection.client("logs"))

    def lambda_sizes(self) -> LambdaSizes:
        return LambdaSizes(self._connection.client("lambda", **ONCE), self.store(), self.executions())

    def locate(self, key: str) -> str:
        """Say where an object is, as other programs understand it."""
        return f"s3://{self.names.bucket}/{key}"


@dataclass(frozen=True, slots=True)
class AccountOptions:
    """The options that name an installation on AWS."""

    profile: Annotated[str, typer.Option(help="AWS profile of ~/.aws/config.", metavar="NAME")] = ""
    region: Annotated[str, typer.Option(help="AWS region, e.g. eu-central-1.", metavar="REGION")] = ""
    stack: Annotated[
        str,
        typer.Option(
            envvar="REM_STACK",
            help="Terraform's project-environment: what all names on AWS begin with.",
            metavar="NAME",
        ),
    ] = DEFAULT_STACK

    @property
    def asks_for_aws(self) -> bool:
        return bool(self.profile or self.region)

    def resolve(self, environment: Mapping[str, str] = os.environ) -> Target:
        """Find the installation on AWS.

        Raises:
            SetupError: no credentials or region.
        """
        connection = Connection.to_aws(self.profile, self.region)
        names = Names.of_stack(self.stack, connection.identify())
        return Target(connection, names.replace_from(environment))

    @contextmanager
    def open(self) -> Iterator[Target]:
        """Find the installation, and give what it refuses meanwhile a sentence.

        Raises:
            InputError: options that contradict each other, or a folder on which no `rem up` runs.
            SetupError: nothing answers, the installation does not exist, or a permission is missing.
        """
        target = self.resolve()
        hint = ": is `rem up` running?" if target.endpoint_url else ": is there a network?"
        machine = target.names.machine_arn
        with translate_errors(
            unreachable=f"nothing answers at {target.endpoint_url or 'AWS'}{hint}",
            missing=f"there is no {machine}: name the stack (--stack) or the region (--region)",
        ):
            yield target


@dataclass(frozen=True, slots=True)
class TargetOptions(AccountOptions):
    """The options that name an installation on AWS or on this machine."""

    endpoint_url: Annotated[
        str,
        typer.Option(help="A local AWS that is not `rem up`'s, e.g. http://127.0.0.1:4566.", metavar="URL"),
    ] = ""
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="REM_DATA",
            help="Data folder of a running `rem up`. Default: that on ~/.local/share/rem, else the only one.",
            metavar="DIR",
        ),
    ] = None

    def resolve(self, environment: Mapping[str, str] = os.environ) -> Target:
        """Find what the options name; without any, a running `rem up`, else AWS.

        REM_BUCKET, REM_TABLE, REM_KEYS_TABLE, REM_QUEUE_URL and REM_STATE_MACHINE_ARN replace single names.

        Raises:
            InputError: options that contradict each other, a folder on which no `rem up` runs, or several
                servers that run.
            SetupError: no AWS credentials or region.
        """
        if self.asks_for_aws and self.endpoint_url:
            raise InputError("--endpoint-url is for a local AWS; --profile and --region are for the real one")
        if self.endpoint_url:
            return _build_local(self.endpoint_url, resources.default_log_dir(), environment)
        server = None if self.asks_for_aws else find_server(self.data)
        if server is not None:
            return _build_local(server.endpoint_url, _find_logs(server.data), environment)
        return AccountOptions.resolve(self, environment)


def find_server(data: Path | None) -> Endpoint | None:
    """Find the `rem up` that is meant.

    Args:
        data: Its data folder. None means the server on the default folder, else the only one that runs.

    Returns:
        None where no folder is named and no server of this user runs.

    Raises:
        InputError: no server runs on the folder, or several run and none is named.
    """
    if data is not None:
        server = _read_endpoint(data)
        if server is None:
            raise InputError(f"no `rem up` runs on {data}: start it with `rem up --data {data}`")
        return server
    default, running = default_data_dir(), list_running()
    for server in running:
        if server.data == default.resolve():
            return server
    if len(running) > 1:
        choices = ", ".join(f"--data {server.data} ({server.api_url})" for server in running)
        raise InputError(f"{len(running)} servers run on this machine, name one: {choices}")
    return running[0] if running else _read_endpoint(default)


def _read_endpoint(folder: Path) -> Endpoint | None:
    """Read the addresses that a server keeps in its data folder; None where none runs there."""
    path = folder / ENDPOINT_FILE
    try:
        return Endpoint.parse(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged: restart `rem up --data {folder}`") from error


def _find_logs(folder: Path) -> Path:
    logs = folder / "logs"
    return logs if logs.is_dir() else resources.default_log_dir()


def _build_local(endpoint_url: str, log_dir: Path, environment: Mapping[str, str]) -> Target:
    connection = Connection.to_address(endpoint_url, REGION)
    return Target(connection, Names.of_laptop().replace_from(environment), log_dir)
