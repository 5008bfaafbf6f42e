"""The output of a sandbox, line by line."""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable

BLOCK_BYTES = 1 << 16
LONGEST_LINE_BYTES = 262_144  # CloudWatch's largest log event; a longer line is cut there as well
KEPT_LINES = 200  # enough for the 4 KiB that Invoke sends back


class Output:
    """A pipe that is read as soon as something is in it, between invocations too.

    `take` reads what was written before the call: a handler's last lines come before its REPORT.

    Args:
        on_line: Called with each line; one caller at a time.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._read_fd, self.write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        self._on_line = on_line
        self._rest = b""
        self._newest: deque[str] = deque(maxlen=KEPT_LINES)
        self._lock = threading.Lock()
        self._ended = False

    def start(self) -> None:
        """Start to read; call it when the process has its copy of `write_fd`.

        Ours is closed, so that the pipe ends with the process.
        """
        os.close(self.write_fd)
        threading.Thread(target=self._read, name="sandbox-output", daemon=True).start()

    def drain(self) -> None:
        """Pass on the lines that are there."""
        with self._lock:
            while not self._ended and (block := self._read_block()):
                self._split(block)

    def take(self) -> str:
        """Pass on all lines, the last one even without its newline; return the newest since the last call."""
        self.drain()
        with self._lock:
            if self._rest:
                self._pass_on(self._rest)
                self._rest = b""
            text = "\n".join(self._newest)
            self._newest.clear()
            return text

    def _read(self) -> None:
        waiting = select.poll()
        waiting.register(self._read_fd, select.POLLIN)
        while not self._ended:
            waiting.poll()
            self.drain()
        os.close(self._read_fd)

    def _read_block(self) -> bytes:
        try:
            block = os.read(self._read_fd, BLOCK_BYTES)
        except BlockingIOError:
            return b""
        self._ended = not block
        return block

    def _split(self, block: bytes) -> None:
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self._pass_on(line)
        if len(self._rest) > LONGEST_LINE_BYTES:
            self._pass_on(self._rest)
            self._rest = b""

    def _pass_on(self, line: bytes) -> None:
        for start in range(0, len(line) or 1, LONGEST_LINE_BYTES):
            text = line[start : start + LONGEST_LINE_BYTES].decode("utf8", "replace").rstrip("\r")
            self._newest.append(text)
            self._on_line(text)
