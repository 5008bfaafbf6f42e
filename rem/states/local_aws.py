"""The AWS of this machine: one loopback server for S3, SQS, DynamoDB, Step Functions and Lambda's Invoke."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rem.adapters.folder import DataFolder
from rem.lambdas.function import REGION, LocalFunction
from rem.lambdas.pool import PoolOptions, SandboxPool
from rem.states.context import EngineContext, StatusListener
from rem.states.event_bridge import Schedule, StatusEvents
from rem.states.gate import Gate
from rem.states.invoke import InvokeMiddleware
from rem.states.journal import ExecutionRow, Journal
from rem.states.queue_poller import EventSource, QueuePoller

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

    from rem.states.moto_app import MotoApp


class LocalAws:
    """A server that starts on entry, and ends everything that it started on exit.

    With a data folder, objects, table items and executions outlive it: create the bucket and the tables, then
    call `restore`, then `resume`. Queues, machines and mappings are made anew each time. Without a data
    folder nothing is kept.

    Args:
        data_dir: The folder; one LocalAws at a time has it.
        on_status: Called with an execution each time it starts, is redriven or ends, from any thread.

    Raises:
        SetupError: the data folder cannot be used.

    Attributes:
        endpoint_url: For any boto3 client (or AWS_ENDPOINT_URL); loopback only.
        pool: The functions' sandboxes, with a report per invocation.
        folder: The data folder, or None.
    """

    def __init__(
        self,
        functions: Iterable[LocalFunction],
        pool_options: PoolOptions | None = None,
        *,
        data_dir: Path | None = None,
        on_status: StatusListener | None = None,
    ) -> None:
        self._functions, self._pool_options = list(functions), pool_options or PoolOptions()
        self._data_dir, self._on_status = data_dir, on_status
        self._status_events: StatusEvents | None = None
        self._stopping = threading.Event()
        self._moto: MotoApp | None = None
        self.endpoint_url = ""
        self.folder: DataFolder | None = None
        self.pool: SandboxPool

    def __enter__(self) -> Self:
        """Start to serve.

        Sandboxes can be prewarmed at once: moto's slow import comes after the port is known.
        """
        self.folder = None if self._data_dir is None else DataFolder(self._data_dir)
        self._journal = Journal(self.folder.executions_path if self.folder else None)
        self._journal.forget_old()
        self._gate = Gate()
        self._server = _bind(self._gate)
        port = self._server.server_port
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.pool = SandboxPool(self._functions, self.endpoint_url, self._pool_options)
        os.environ["MOTO_PORT"] = str(port)  # moto's engine calls its own services by this port
        self._serving = _start_thread(lambda: self._server.serve_forever(poll_interval=0.05))
        self._opening = _start_thread(self._open)
        return self

    def _open(self) -> None:
        """Import moto, then let requests in."""
        try:
            from rem.states.moto_app import MotoApp

            context = EngineContext(self.pool, self._journal, self._handle_status)
            self._moto = MotoApp(context, self.folder)
            self._gate.open(InvokeMiddleware(self._moto, self.pool))
        except BaseException as error:
            self._gate.fail(error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        # The journal closes first: executions aborted below must stay RUNNING, so that the next start resumes
        # them.
        self._journal.close()
        self.pool.close()
        self._opening.join()  # importing moto here as well, at the same time, ends in a half-imported module
        if self._moto is not None:
            self._moto.close()
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()  # pollers end by themselves when their long poll comes back
        if self.folder is not None:
            self.folder.close()

    def _wait_for_moto(self) -> MotoApp:
        self._gate.wait()
        assert self._moto is not None
        return self._moto

    def restore(self) -> tuple[int, int]:
        """Put the folder's objects and table items back; return how many of each.

        The bucket and the tables must exist, S3's notifications must not yet.
        """
        return self._wait_for_moto().restore()

    def resume(self) -> int:
        """Go on with the executions that ran when the folder's last process ended; return how many."""
        return self._wait_for_moto().resume()

    def count_running(self) -> int:
        """Count the executions that run now."""
        return self._wait_for_moto().count_running()

    def map_status(self, function: str) -> None:
        """Invoke a function with each "Execution Status Change", those first that it missed before."""
        self._status_events = StatusEvents(self.pool, function, self._journal)
        self._start(self._status_events.run)

    def map_schedule(self, function: str, every_s: float) -> None:
        """Invoke a function every so many seconds."""
        self._start(Schedule(self.pool, function, every_s).run)

    def map_queue(self, queue_url: str, function: str, max_executions: int | None = None) -> None:
        """Let the messages of a queue invoke a function, which may report some as failed.

        Args:
            max_executions: Messages wait in the queue while so many executions run.
        """
        source = EventSource(queue_url, function, max_executions)
        self._start(QueuePoller(self.client("sqs"), self.pool, source, self.count_running).run)

    def _start(self, run: Callable[[threading.Event], None]) -> None:
        _start_thread(lambda: run(self._stopping))

    def _handle_status(self, row: ExecutionRow) -> None:
        if self._status_events is not None:
            self._status_events.add(row)
        if self._on_status is not None:
            self._on_status(row)

    def client(self, service: str) -> Any:
        """Build a boto3 client of this server; it does not retry, so that an error shows at once."""
        import boto3
        from botocore.config import Config

        config = Config(
            retries={"max_attempts": 0},
            max_pool_connections=32,
            inject_host_prefix=False,
            s3={"addressing_style": "path"},
        )
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=config,
        )


def _bind(gate: Gate) -> BaseWSGIServer:
    """Listen on a free loopback port."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):  # type: ignore[misc]
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: Any) -> None:
            """Write no access log."""

    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Handler)
    server.daemon_threads = True
    return server


def _start_thread(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread
