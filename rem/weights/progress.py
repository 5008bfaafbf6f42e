"""Follows a download by the bytes that have arrived on the disk, whoever writes them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Report = Callable[[str, int, int], None]  # a sentence, bytes that are here, bytes in all
POLL_S = 0.2


def ignore_progress(_sentence: str, _done: int, _total: int) -> None:
    """Report nothing."""


def count_bytes(folder: Path) -> int:
    """Sum the sizes of a folder's files; what vanishes meanwhile counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):  # rglob raises where a folder vanishes under it
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(parent, name)).st_size
    return total


@contextmanager
def follow_folder(folder: Path, sentence: str, total_bytes: int, report: Report) -> Iterator[None]:
    """Report how much of a folder is here, until the block ends."""
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(POLL_S):
            report(sentence, min(count_bytes(folder), total_bytes), total_bytes)

    report(sentence, 0, total_bytes)
    thread = threading.Thread(target=follow, name="follow-download", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    report(sentence, total_bytes, total_bytes)
