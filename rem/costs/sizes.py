"""Memory sizes of stages: REPORT lines become figures, figures become a recommendation."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rem.core.sizes import VCPU_MB
from rem.definition import StageConfig

REPORT = re.compile(
    r"REPORT RequestId: \S+\s+Duration: (?P<ms>[\d.]+) ms\s+Billed Duration: (?P<billed>\d+) ms\s+"
    r"Memory Size: (?P<size>\d+) MB\s+Max Memory Used: (?P<peak>\d+) MB"
    r"(?:\s+Init Duration: (?P<init>[\d.]+) ms)?"
)
FAILED = re.compile(r"Status: (error|timeout)|Error Type:")
FULL = 0.85  # share of the configured memory above which the next recording may not fit
ROOM = 0.75  # share of a recommended size that the measured peak may fill
STEP_MB = 64  # recommendations are rounded up to this
MODEL_STAGES = {
    "prepare",
    "transcribe",
    "diarize",
    "cluster",
}  # their models use every thread that Lambda gives


@dataclass(frozen=True, slots=True)
class Invocation:
    """The figures of one REPORT line."""

    seconds: float
    billed_s: float
    memory_mb: int
    peak_mb: int
    init_s: float | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """All invocations of one stage at its newest memory size.

    Attributes:
        failed: Invocations that ended with an error, a timeout or too little memory; most were retried.
        gb_s: Billed GB-seconds.
    """

    invocations: int
    failed: int
    p50_s: float
    p95_s: float
    peak_mb: int
    memory_mb: int
    cold_starts: int
    init_p95_s: float
    gb_s: float


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommended memory size and its reason; `memory_mb` is None if the present size is right."""

    memory_mb: int | None
    reason: str


def parse_reports(lines: Iterable[str]) -> list[Invocation]:
    return [
        Invocation(
            seconds=float(found["ms"]) / 1000,
            billed_s=int(found["billed"]) / 1000,
            memory_mb=int(found["size"]),
            peak_mb=int(found["peak"]),
            init_s=float(found["init"]) / 1000 if found["init"] else None,
            failed=bool(FAILED.search(line)),
        )
        for line in lines
        if (found := REPORT.search(line))
    ]


def sum_up(invocations: Sequence[Invocation]) -> Figures | None:
    """Sum up the invocations at the newest memory size; those before the last change say nothing about it."""
    if not invocations:
        return None
    size = invocations[-1].memory_mb
    newest = [each for each in invocations if each.memory_mb == size]
    seconds = sorted(each.seconds for each in newest)
    inits = sorted(each.init_s for each in newest if each.init_s is not None)
    return Figures(
        invocations=len(newest),
        failed=sum(each.failed for each in newest),
        p50_s=statistics.median(seconds),
        p95_s=_percentile(seconds, 0.95),
        peak_mb=max(each.peak_mb for each in newest),
        memory_mb=size,
        cold_starts=len(inits),
        init_p95_s=_percentile(inits, 0.95) if inits else 0.0,
        gb_s=sum(each.billed_s for each in newest) * size / 1024,
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Give the smallest value that at least `share` of all values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def advise(stage: str, config: StageConfig, figures: Figures) -> Advice:
    """Recommend more memory if it is nearly full, less if it pays for a vCPU that no thread uses."""
    peak, size = figures.peak_mb, figures.memory_mb
    used = f"peak {peak:,} of {size:,} MB"
    if figures.p95_s > FULL * config.timeout_s:
        return Advice(None, f"p95 {figures.p95_s:.0f} of {config.timeout_s} s: shorten the chunk or slice")
    if peak > FULL * size:
        return Advice(_round_up(peak / ROOM), f"{used}: the next recording may not fit")
    if stage not in MODEL_STAGES:
        return Advice(None, f"{used}, no model: memory changes neither its time nor its cost much")
    threads, vcpus = max(1, size // VCPU_MB), size / VCPU_MB
    lowest = max(threads * VCPU_MB, _round_up(peak / ROOM))
    if lowest < size:
        saved = 1 - lowest / size
        spare = f"{threads} thread{'s' if threads > 1 else ''} on {vcpus:.2f} vCPU"
        return Advice(lowest, f"{used}, {spare}: {lowest:,} MB saves {saved:.0%} at the same speed")
    return Advice(
        None, f"{used}, {threads} thread{'s' if threads > 1 else ''} on {vcpus:.2f} vCPU: as it should be"
    )


def _round_up(memory_mb: float) -> int:
    return math.ceil(memory_mb / STEP_MB) * STEP_MB


@dataclass(frozen=True, slots=True)
class Trial:
    """A measurement of a stage at one memory size on a sample.

    Attributes:
        seconds: Wall time with Lambda's number of threads at that size, on this machine or on Lambda.
        cpu_s: Processor time; None on Lambda, which does not report it.
    """

    memory_mb: int
    seconds: float
    cpu_s: float | None
    peak_mb: int

    @property
    def threads(self) -> int:
        return max(1, self.memory_mb // VCPU_MB)

    @property
    def lambda_s(self) -> float:
        """Stretch local seconds to less than one vCPU; the speeds of processors are not compared."""
        if self.cpu_s is None:
            return self.seconds
        return self.seconds / min(1.0, self.memory_mb / VCPU_MB)

    @property
    def gb_s(self) -> float:
        return self.lambda_s * self.memory_mb / 1024


def choose(trials: Sequence[Trial]) -> Trial | None:
    """Choose the cheapest size with room for a larger recording, the faster of equals; None if none has."""
    roomy = [trial for trial in trials if trial.peak_mb <= ROOM * trial.memory_mb]
    return min(roomy, key=lambda trial: (round(trial.gb_s, 3), trial.lambda_s), default=None)
