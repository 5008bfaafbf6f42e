"""moto behind one WSGI application: what imports it, stands in for it and resets it.

Importing this module takes about a second. LocalAws does so in a thread, after its port is known.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import moto
from moto.backends import get_backend
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from rem.adapters.folder import DataFolder
from rem.states.context import EngineContext


@contextlib.contextmanager
def _leave_out_batch() -> Iterator[None]:
    """Import moto's parser without moto.batch's backend, and so without moto.ec2's tables: 0.4 s, not 1.7 s.

    The parser needs one enum of moto.batch.utils; importing it runs moto/batch/__init__.py, which imports
    the backend. An empty package in its place lets the one module through.
    """
    package = ModuleType("moto.batch")
    package.__path__ = [str(Path(moto.__file__).parent / "batch")]
    stands_in = "moto.batch" not in sys.modules
    if stands_in:
        sys.modules["moto.batch"] = package
    try:
        yield
    finally:
        if stands_in:
            del sys.modules["moto.batch"]


with _leave_out_batch():
    from rem.states import durable, engine, responses


class MotoApp:
    """S3, SQS, DynamoDB and Step Functions as one WSGI application.

    moto has one state per process: a new MotoApp empties it, and takes it from an older one.

    Args:
        folder: Where objects and table items are kept before a write is answered; None keeps nothing.
    """

    def __init__(self, context: EngineContext, folder: DataFolder | None) -> None:
        _reset_moto()
        engine.install(context)
        self._context = context
        application = DomainDispatcherApplication(responses.create_app)
        self._durable = None if folder is None else durable.Durable(application, folder)
        self._serve = self._durable or application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._serve(environ, start_response)
        return answer

    def restore(self) -> tuple[int, int]:
        """Put objects and table items of the folder back into moto; return how many of each."""
        return (0, 0) if self._durable is None else self._durable.restore()

    def resume(self) -> int:
        """Go on with the executions that an earlier process left running; return how many."""
        return engine.resume()

    def count_running(self) -> int:
        """Count the executions that run now."""
        return len(engine.find_running())

    def close(self) -> None:
        """End what still runs, and give moto its own functions back."""
        engine.uninstall(self._context)
        if self._durable is not None:
            durable.uninstall()


def _reset_moto() -> None:
    """Empty every backend, whatever an earlier instance in this process left."""
    for service in ("s3", "sqs", "dynamodb"):
        get_backend(service).reset()
    reset_model_data()
