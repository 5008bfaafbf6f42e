"""One loopback server: S3, SQS, DynamoDB, Step Functions, and Lambda's Invoke."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from rem.adapters.folder import DataFolder
from rem.lambdas.function import REGION, LocalFunction
from rem.lambdas.pool import REFUSALS, LambdaRuntime, LogListener, ReportListener
from rem.states.journal import ExecutionRow, ExecutionStore
from rem.states.notices import StatusNotices, build_scheduled_event

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
LONG_POLL_S = 1
BATCH = 10
RETRY_S = 1.0  # between two polls of a queue that cannot be read
ROOM_S = 0.2  # between two looks whether another execution may start
LOG_TAIL_BYTES = 4096  # what Lambda sends back of a log
log = logging.getLogger(__name__)


class _InvokeMiddleware:
    """Answers Lambda's Invoke for boto3 clients; everything else is moto's."""

    def __init__(self, application: Any, runtime: LambdaRuntime) -> None:
        self._application, self._runtime = application, runtime

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match = INVOKE.fullmatch(environ["PATH_INFO"])
        if match is None or environ["REQUEST_METHOD"] != "POST":
            answer: Iterable[bytes] = self._application(environ, start_response)
            return answer
        payload = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        name = match[1].rsplit(":function:", 1)[-1].removesuffix(":$LATEST")  # NAME, or NAME:VERSION
        result = self._runtime.invoke(name, payload or b"{}")
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(result.payload)))]
        if environ.get("HTTP_X_AMZ_LOG_TYPE") == "Tail":
            tail = result.log.encode()[-LOG_TAIL_BYTES:]
            headers.append(("X-Amz-Log-Result", base64.b64encode(tail).decode()))
        if result.function_error:
            headers.append(("X-Amz-Function-Error", result.function_error))
        if result.status != 200:
            headers.append(("X-Amzn-ErrorType", REFUSALS[result.status]))
        phrase = {200: "OK", 404: "Not Found", 429: "Too Many Requests"}[result.status]
        start_response(f"{result.status} {phrase}", headers)
        return [result.payload]


class LocalAws:
    """Starts everything on entry, ends everything on exit.

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
        runtime: The functions' sandboxes, with a report per invocation.
    """

    def __init__(
        self,
        functions: Iterable[LocalFunction],
        *,
        port: int = 0,
        data_dir: Path | None = None,
        max_sandboxes: int = 12,
        max_running: int | None = None,
        log_dir: Path | None = None,
        on_log: LogListener | None = None,
        on_report: ReportListener | None = None,
        on_status: Callable[[ExecutionRow], None] | None = None,
    ) -> None:
        self._functions, self._port, self._data_dir = list(functions), port, data_dir
        self._max_sandboxes, self._max_running = max_sandboxes, max_running
        self._log_dir, self._on_log, self._on_report = log_dir, on_log, on_report
        self._listen = on_status or (lambda row: None)
        self._notices: StatusNotices | None = None
        self._stopping = threading.Event()
        self.endpoint_url = ""
        self.runtime: LambdaRuntime

    def __enter__(self) -> Self:
        """Sandboxes can be prewarmed as soon as the port is known: moto's slow import comes after."""
        from werkzeug.serving import WSGIRequestHandler, make_server

        self._folder = None if self._data_dir is None else DataFolder(self._data_dir)
        self._executions = ExecutionStore(self._folder.executions_path if self._folder else None)
        self._executions.forget_old()

        class Handler(WSGIRequestHandler):  # type: ignore[misc]
            protocol_version = "HTTP/1.1"

            def log(self, type: str, message: str, *args: Any) -> None:
                """No access log."""

        self._gate = _Gate()
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", self._port, self._gate, threaded=True, request_handler=Handler
        )
        self._server.daemon_threads = True
        port = self._server.server_port
        self.endpoint_url = f"http://127.0.0.1:{port}"
        if self._log_dir is not None:
            self._log_dir.mkdir(parents=True, exist_ok=True)
        self.runtime = LambdaRuntime(
            self._functions,
            endpoint_url=self.endpoint_url,
            max_sandboxes=self._max_sandboxes,
            max_running=self._max_running,
            log_dir=self._log_dir,
            on_log=self._on_log,
            on_report=self._on_report,
        )
        os.environ["MOTO_PORT"] = str(port)  # moto's engine calls its own services by this port
        self._serving = self._start_thread(lambda: self._server.serve_forever(poll_interval=0.05))
        self._opening = self._start_thread(self._open)
        return self

    def _open(self) -> None:
        """Import and reset moto, then let requests in."""
        try:
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication

            with _moto_batch_left_out():
                from rem.states import engine
                from rem.states.attempts import Wiring

                if self._folder is not None:
                    from rem.states import durable

            _reset_moto()
            self._wiring = Wiring(self.runtime, self._executions, self._on_status)
            engine.install(self._wiring)
            application = DomainDispatcherApplication(engine.create_app)
            if self._folder is not None:
                application = self._durable = durable.Durable(application, self._folder)
            self._gate.open(_InvokeMiddleware(application, self.runtime))
        except BaseException as error:
            self._gate.fail(error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._executions.close()  # first: what ends from here on did not end, it goes on at the next start
        self.runtime.close()
        self._opening.join()  # importing moto here as well, at the same time, ends in a half-imported module
        if self._gate.is_open:
            from rem.states import engine

            engine.uninstall(self._wiring)
            if self._folder is not None:
                from rem.states import durable

                durable.uninstall()
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()  # pollers end by themselves when their long poll comes back
        if self._folder is not None:
            self._folder.close()

    def restore(self) -> tuple[int, int]:
        """Put objects and table items back; how many. Bucket and tables must exist, notifications not yet."""
        self._gate.wait()
        return self._durable.restore() if self._folder is not None else (0, 0)

    def resume(self) -> int:
        """Go on with the executions that ran when the folder's last process ended; how many."""
        self._gate.wait()
        from rem.states import engine

        return engine.resume()

    def count_running(self) -> int:
        """Executions that run now."""
        from rem.states import engine

        return len(engine.find_running())

    def map_status(self, function: str) -> None:
        """EventBridge's rule for "Execution Status Change": the function is told, also of what it missed."""
        self._notices = notices = StatusNotices(self.runtime, function, self._executions)
        for row in self._executions.read_untold():
            notices.add(row)
        self._start_thread(lambda: notices.run(self._stopping))

    def map_schedule(self, function: str, every_s: float) -> None:
        """EventBridge's schedule: invoke the function again and again; a failure waits for the next time."""

        def run() -> None:
            while not self._stopping.wait(every_s):
                self._invoke_quietly(function, build_scheduled_event(function, datetime.now(UTC)))

        self._start_thread(run)

    def _invoke_quietly(self, function: str, event: Mapping[str, Any]) -> None:
        try:
            self.runtime.invoke(function, json.dumps(event).encode())
        except RuntimeError:
            if not self._stopping.is_set():
                raise

    def _on_status(self, row: ExecutionRow) -> None:
        if self._notices is not None:
            self._notices.add(row)
        self._listen(row)

    def client(self, service: str) -> Any:
        """A boto3 client of this server: no retries, so that an error shows at once."""
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

    def map_queue(
        self, queue_url: str, function: str, batch: int = BATCH, max_executions: int | None = None
    ) -> None:
        """Let a queue invoke a function: AWS's event source mapping with ReportBatchItemFailures.

        Args:
            max_executions: Messages wait in the queue while so many executions run. On AWS each has
                processors of its own; here one that waits for a processor uses up its states' time.
        """
        sqs = self.client("sqs")
        arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        self._start_thread(lambda: self._poll(sqs, queue_url, arn, function, batch, max_executions))

    @staticmethod
    def _start_thread(target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        return thread

    def _poll(
        self, sqs: Any, queue_url: str, queue_arn: str, function: str, batch: int, max_executions: int | None
    ) -> None:
        while not self._stopping.is_set():
            room = batch if max_executions is None else min(batch, max_executions - self.count_running())
            if room <= 0:
                self._stopping.wait(ROOM_S)
                continue
            try:
                answer = sqs.receive_message(
                    QueueUrl=queue_url,
                    MaxNumberOfMessages=room,
                    WaitTimeSeconds=LONG_POLL_S,
                    AttributeNames=["All"],
                    MessageAttributeNames=["All"],
                )
                messages = answer.get("Messages", [])
                if messages:
                    self._deliver(sqs, queue_url, queue_arn, function, messages)
            except Exception:
                if not self._stopping.is_set():
                    log.exception("polling %s", queue_url)
                self._stopping.wait(RETRY_S)

    def _deliver(
        self, sqs: Any, queue_url: str, queue_arn: str, function: str, messages: Sequence[dict[str, Any]]
    ) -> None:
        """Delete what succeeded; the rest comes back after its visibility timeout."""
        event = {"Records": [_to_record(message, queue_arn) for message in messages]}
        answer = self.runtime.invoke(function, json.dumps(event).encode())
        if answer.status != 200 or answer.function_error:
            return
        failures = (json.loads(answer.payload) or {}).get("batchItemFailures", [])
        failed = {failure["itemIdentifier"] for failure in failures}
        done = [m for m in messages if m["MessageId"] not in failed]
        if done:
            entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(done)]
            sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)


class _Gate:
    """Holds requests back until moto is imported, so that the port is known from the first moment."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._application: Any = None
        self._error: BaseException | None = None

    @property
    def is_open(self) -> bool:
        return self._application is not None

    def open(self, application: Any) -> None:
        self._application = application
        self._opened.set()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._opened.set()

    def wait(self) -> None:
        self._opened.wait()
        if self._error is not None:
            raise self._error

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.wait()
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer


@contextlib.contextmanager
def _moto_batch_left_out() -> Iterator[None]:
    """Import moto's parser without moto.batch's backend, and so without moto.ec2's tables: 0.4 s, not 1.7 s.

    The parser needs one enum of moto.batch.utils; importing it runs moto/batch/__init__.py, which imports
    the backend. An empty package in its place lets the one module through.
    """
    import moto

    package = ModuleType("moto.batch")
    package.__path__ = [str(Path(moto.__file__).parent / "batch")]
    stood_in = "moto.batch" not in sys.modules
    if stood_in:
        sys.modules["moto.batch"] = package
    try:
        yield
    finally:
        if stood_in:
            del sys.modules["moto.batch"]


def _reset_moto() -> None:
    """Every backend empty, whatever an earlier instance in this process left."""
    from moto.backends import get_backend
    from moto.core.model_instances import reset_model_data

    for service in ("s3", "sqs", "dynamodb"):
        get_backend(service).reset()
    reset_model_data()


def _to_record(message: dict[str, Any], queue_arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _to_attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _to_attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """Lambda writes the names of an attribute in lower camel case, and bytes in base64."""
    names = {"StringValue": "stringValue", "BinaryValue": "binaryValue", "DataType": "dataType"}
    attribute = {names[name]: content for name, content in value.items() if name in names}
    if "binaryValue" in attribute:
        attribute["binaryValue"] = base64.b64encode(attribute["binaryValue"]).decode()
    return {**attribute, "stringListValues": [], "binaryListValues": []}
