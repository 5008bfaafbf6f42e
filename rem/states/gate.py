"""The door of a server whose application is still being imported."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Gate:
    """A WSGI application that holds requests back until the real one is there.

    The server's port is known from the first moment, although moto takes about a second to import.
    """

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._application: Application | None = None
        self._error: BaseException | None = None

    def open(self, application: Application) -> None:
        """Let every request through to this application, those that wait first."""
        self._application = application
        self._opened.set()

    def fail(self, error: BaseException) -> None:
        """Let everybody who waits fail with the error that kept the application from starting."""
        self._error = error
        self._opened.set()

    def wait(self) -> Application:
        """Return the application as soon as it is there.

        Raises:
            BaseException: what `fail` was given.
        """
        self._opened.wait()
        if self._error is not None:
            raise self._error
        assert self._application is not None
        return self._application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self.wait()(environ, start_response)
