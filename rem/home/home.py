"""The home server: the local AWS on a data folder, the HTTP API in front, a watched folder behind."""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from rem.adapters.dynamodb import DynamoApiKeys, DynamoCatalog
from rem.adapters.s3 import S3Store, S3Uploads
from rem.core.errors import SetupError
from rem.definition import load_stages
from rem.home.endpoint import Endpoint, announce
from rem.home.gateway import Gateway
from rem.home.resources import BUCKET, KEYS_TABLE, TABLE, Stack, build_functions, create_stack
from rem.home.session import WARM_ORDER
from rem.home.watch import Receiving, Watch
from rem.lambdas.pool import PoolClosedError, PoolOptions
from rem.library.intake import Intake
from rem.library.keyring import Keyring
from rem.states.journal import ExecutionRow
from rem.states.local_aws import LocalAws

STATUS, SWEEP = "status", "sweep"
SWEEP_S = 300.0
USER = "me"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HomeOptions:
    """Where the server keeps its data and listens; `settings` replace those of stages.yaml by name."""

    data: Path
    host: str
    port: int
    watch: Path | None
    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Home:
    """A server that runs."""

    aws: LocalAws
    stack: Stack
    api_url: str


@contextmanager
def open_home(options: HomeOptions) -> Iterator[Home]:
    """Restore the data folder, go on with what was unfinished, serve; end it all on exit.

    Raises:
        SetupError: the folder cannot be used (another server, no permission), or the port is taken.
    """
    stages = load_stages()
    os.environ["REM_PART_SECRET"] = secrets.token_hex(32)  # tickets are good until the server ends
    functions = build_functions(stages, options.settings)
    running = max(2, os.cpu_count() or 1)
    with LocalAws(
        functions,
        PoolOptions(
            max_sandboxes=2 * len(functions) + running,
            max_running=running,
            log_dir=options.data / "logs",
        ),
        data_dir=options.data,
        on_status=log_status,
    ) as aws:
        aws.pool.prewarm(("api", *WARM_ORDER))
        stack = create_stack(aws, stages, at_once=running, max_executions=2 * running)
        aws.map_status(STATUS)
        aws.map_schedule(SWEEP, SWEEP_S)
        threading.Thread(target=go_on, args=(aws,), name="go-on", daemon=True).start()
        with (
            open_gateway(aws, options) as gateway,
            watch_folder(aws, options.watch),
            announce(Endpoint(options.data.resolve(), aws.endpoint_url, gateway.url, os.getpid())),
        ):
            yield Home(aws, stack, gateway.url)


def add_first_key(home: Home) -> str | None:
    """A key for the person who sets the server up; None where there are keys already."""
    keyring = Keyring(DynamoApiKeys(KEYS_TABLE, home.aws.client("dynamodb")))
    if keyring.list():
        return None
    _, text = keyring.add(USER, name="first")
    return text


def log_status(row: ExecutionRow) -> None:
    log.info("execution", name=row.name, status=row.status, **({"error": row.error} if row.error else {}))


def go_on(aws: LocalAws) -> None:
    """Executions that a crash interrupted run on, uploads that started none are queued again."""
    try:
        resumed = aws.resume()
        answer = aws.pool.invoke(SWEEP, b'{"staleAfterSeconds": 0}')
    except PoolClosedError:  # the server is stopped already
        return
    found = {} if answer.function_error else json.loads(answer.payload)
    if resumed or found:
        log.info("going on", executions=resumed, unfinished=found)


@contextmanager
def open_gateway(aws: LocalAws, options: HomeOptions) -> Iterator[Gateway]:
    try:
        gateway = Gateway(aws.pool, host=options.host, port=options.port)
    except OSError as error:
        where = f"{options.host} port {options.port}"
        raise SetupError(f"nothing can listen on {where}: {error.strerror}; choose another --port") from error
    with gateway:
        yield gateway


def build_receiving(aws: LocalAws) -> Receiving:
    s3 = aws.client("s3")
    catalog = DynamoCatalog(TABLE, aws.client("dynamodb"))
    intake = Intake(S3Store(BUCKET, s3), catalog, S3Uploads(BUCKET, s3), BUCKET)
    return Receiving(intake, s3, USER)


@contextmanager
def watch_folder(aws: LocalAws, folder: Path | None) -> Iterator[None]:
    """Take what is dropped into the folder, in a thread of its own.

    Raises:
        SetupError: there is no such folder.
    """
    if folder is None:
        yield
        return
    if not folder.is_dir():
        raise SetupError(f"{folder} cannot be watched: there is no such folder")

    def report(path: Path, outcome: str) -> None:
        log.info("watched file", file=str(path), outcome=outcome)

    stopping, watch = threading.Event(), Watch(folder, build_receiving(aws).take_file, report)
    thread = threading.Thread(target=watch.run, args=(stopping,), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
