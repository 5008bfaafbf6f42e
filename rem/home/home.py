"""The home server: the local AWS on a data folder, the HTTP API in front, a watched folder behind."""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from rem.adapters.dynamodb import DynamoApiKeys, DynamoCatalog
from rem.adapters.s3 import S3Store, S3Uploads
from rem.core.errors import SetupError
from rem.definition import load_stages
from rem.home.endpoint import Endpoint, announce
from rem.home.gateway import Gateway
from rem.home.parts import PartDoor
from rem.home.resources import BUCKET, KEYS_TABLE, TABLE, Stack, build_functions, create_stack
from rem.home.session import WARM_ORDER
from rem.home.watch import watch_folder
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
    """The server's data folder and address; `settings` replace those of stages.yaml by name."""

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
    """Restore the data folder, resume what was unfinished, serve; end it all on exit.

    Raises:
        SetupError: the folder cannot be used (another server, no permission), or the port is taken.
    """
    part_secret = secrets.token_hex(32)  # tickets are good until the server ends
    with ExitStack() as parts:
        aws, stack = parts.enter_context(_open_aws(options, part_secret))
        uploads = S3Uploads(BUCKET, aws.client("s3"))
        gateway = parts.enter_context(_open_gateway(aws, PartDoor(uploads, part_secret), options))
        if options.watch is not None:
            parts.enter_context(watch_folder(options.watch, _build_intake(aws), USER))
        endpoint = Endpoint(options.data.resolve(), aws.endpoint_url, gateway.url, os.getpid())
        parts.enter_context(announce(endpoint))
        yield Home(aws, stack, gateway.url)


@contextmanager
def _open_aws(options: HomeOptions, part_secret: str) -> Iterator[tuple[LocalAws, Stack]]:
    stages = load_stages()
    functions = build_functions(stages, options.settings, part_secret)
    running = max(2, os.cpu_count() or 1)
    pool_options = PoolOptions(
        max_sandboxes=2 * len(functions) + running, max_running=running, log_dir=options.data / "logs"
    )
    with LocalAws(functions, pool_options, data_dir=options.data, on_status=_log_status) as aws:
        aws.pool.prewarm(("api", *WARM_ORDER))
        stack = create_stack(aws, stages, at_once=running, max_executions=2 * running)
        aws.map_status(STATUS)
        aws.map_schedule(SWEEP, SWEEP_S)
        threading.Thread(target=_resume, args=(aws,), name="resume", daemon=True).start()
        yield aws, stack


def _resume(aws: LocalAws) -> None:
    """Resume the executions that a crash interrupted, and queue the uploads that started none."""
    try:
        resumed = aws.resume()
        answer = aws.pool.invoke(SWEEP, b'{"staleAfterSeconds": 0}')
    except PoolClosedError:  # the server is stopped already
        return
    found = {} if answer.function_error else json.loads(answer.payload)
    if resumed or found:
        log.info("resumed", executions=resumed, unfinished=found)


@contextmanager
def _open_gateway(aws: LocalAws, parts: PartDoor, options: HomeOptions) -> Iterator[Gateway]:
    try:
        gateway = Gateway(aws.pool, parts, host=options.host, port=options.port)
    except OSError as error:
        where = f"{options.host} port {options.port}"
        raise SetupError(f"nothing can listen on {where}: {error.strerror}; choose another --port") from error
    with gateway:
        yield gateway


def _build_intake(aws: LocalAws) -> Intake:
    s3, catalog = aws.client("s3"), DynamoCatalog(TABLE, aws.client("dynamodb"))
    return Intake(S3Store(BUCKET, s3), catalog, S3Uploads(BUCKET, s3), BUCKET)


def _log_status(row: ExecutionRow) -> None:
    log.info("execution", name=row.name, status=row.status, **({"error": row.error} if row.error else {}))


def add_first_key(home: Home) -> str | None:
    """Add a key for the person who sets the server up; return None where there are keys already."""
    keyring = Keyring(DynamoApiKeys(KEYS_TABLE, home.aws.client("dynamodb")))
    if keyring.list():
        return None
    _, text = keyring.add(USER, name="first")
    return text
