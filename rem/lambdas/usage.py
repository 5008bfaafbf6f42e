"""Memory and processor time of a process and all its descendants."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """Memory and processor time of a process tree.

    Attributes:
        peak_bytes: The highest ever of the first process, at least `resident_bytes`.
        cpu_s: User and system time.
    """

    resident_bytes: int
    peak_bytes: int
    cpu_s: float


def measure_tree(pid: int) -> Usage:
    """Measure a process and its descendants.

    Ended children count through their parent's totals. Zeros if the tree is gone.
    """
    resident_bytes, cpu_s, pending = 0, 0.0, [pid]
    while pending:
        each = pending.pop()
        try:
            bytes_of_it, cpu_s_of_it = _measure(each)
            pending += _children(each)
        except (psutil.Error, OSError):
            continue
        resident_bytes, cpu_s = resident_bytes + bytes_of_it, cpu_s + cpu_s_of_it
    return Usage(resident_bytes, max(resident_bytes, _peak_bytes(pid)), cpu_s)


def _measure(pid: int) -> tuple[int, float]:
    """Measure the bytes that are resident now, and the seconds of the process and its ended children."""
    if sys.platform == "linux":  # psutil takes ten times as long, in every invocation
        fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        ticks = sum(int(field) for field in fields[11:15])
        return int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), ticks / os.sysconf("SC_CLK_TCK")
    process = psutil.Process(pid)
    return process.memory_info().rss, sum(process.cpu_times()[:4])


def _children(pid: int) -> list[int]:
    if sys.platform == "linux":  # psutil would read every process of the machine
        tasks = os.listdir(f"/proc/{pid}/task")  # any thread may have forked
        return [int(child) for task in tasks for child in _read(f"/proc/{pid}/task/{task}/children").split()]
    return [child.pid for child in psutil.Process(pid).children()]


def _peak_bytes(pid: int) -> int:
    """Read the highest resident size (VmHWM), which includes peaks between two measurements."""
    try:
        lines = _read(f"/proc/{pid}/status").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
