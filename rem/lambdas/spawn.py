"""Processes that do not outlive the program that started them."""

from __future__ import annotations

import ctypes
import queue
import signal
import subprocess
import sys
import threading
from typing import Any

PR_SET_PDEATHSIG = 1


class _Spawner:
    """One thread that never ends and forks every sandbox.

    Linux's parent-death signal is bound to the forking *thread*: forked from a request's thread, a sandbox
    would die with that request; forked from here, it dies with the program, even by kill -9. What the
    sandbox itself forked does not: its children live on after a kill -9 (not after any other end).
    """

    def __init__(self) -> None:
        self._jobs: queue.Queue[tuple[dict[str, Any], queue.Queue[Any]]] = queue.Queue()
        threading.Thread(target=self._serve, name="sandbox-spawner", daemon=True).start()

    def spawn(self, **arguments: Any) -> subprocess.Popen[bytes]:
        answer: queue.Queue[Any] = queue.Queue()
        self._jobs.put((arguments, answer))
        process = answer.get()
        if isinstance(process, Exception):
            raise process
        assert isinstance(process, subprocess.Popen)
        return process

    def _serve(self) -> None:
        while True:
            arguments, answer = self._jobs.get()
            try:
                process = subprocess.Popen(
                    preexec_fn=_die_with_parent,  # noqa: PLW1509  # one system call, made by the child only
                    start_new_session=True,
                    **arguments,
                )
                answer.put(process)
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                answer.put(error)


_spawner: _Spawner | None = None
_spawner_lock = threading.Lock()
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def spawn(**arguments: Any) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, from the thread that never ends."""
    global _spawner  # noqa: PLW0603  # one per process, made when the first sandbox is
    with _spawner_lock:
        _spawner = _spawner or _Spawner()
    return _spawner.spawn(**arguments)


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
