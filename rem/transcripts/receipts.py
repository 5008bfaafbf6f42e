"""Receipts: the seconds, memory and dollars of each invocation, and their sum per stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests to a language model: tokens and dollars. `usd` is None if the model's price is unknown."""

    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            None if self.usd is None or other.usd is None else self.usd + other.usd,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "inputTokens": self.input_tokens,
            "cachedTokens": self.cached_tokens,
            "outputTokens": self.output_tokens,
            "llmUsd": None if self.usd is None else round(self.usd, 8),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Usage:
        names = ("requests", "inputTokens", "cachedTokens", "outputTokens", "llmUsd")
        return cls(*(document[name] for name in names))


@dataclass(frozen=True, slots=True)
class Receipt:
    """The cost of one invocation, or of several added up: wall and processor seconds, memory (MB), tokens.

    Attributes:
        seconds: Time inside the handler, without the start of the process.
        cpu_s: User and system time of the process; 0 in old receipts, which did not measure it.
        cost_usd: AWS's price for the duration, without requests, state transitions and tokens.
    """

    name: str
    seconds: float
    memory_mb: int
    max_memory_mb: int
    usage: Usage = Usage()
    cpu_s: float = 0.0
    cost_usd: float = 0.0
    invocations: int = 1

    @property
    def gb_s(self) -> float:
        """Lambda's billing unit: seconds times configured memory."""
        return self.seconds * self.memory_mb / 1024

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "seconds": round(self.seconds, 3),
            "cpuSeconds": round(self.cpu_s, 3),
            "memoryMb": self.memory_mb,
            "maxMemoryMb": self.max_memory_mb,
            "invocations": self.invocations,
            "costUsd": round(self.cost_usd, 8),
            **(self.usage.to_json() if self.usage.requests else {}),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Receipt:
        usage = Usage.from_json(document) if "requests" in document else Usage()
        return cls(
            document["name"],
            document["seconds"],
            document["memoryMb"],
            document["maxMemoryMb"],
            usage,
            document.get("cpuSeconds", 0.0),
            document["costUsd"],
            document.get("invocations", 1),
        )

    def __add__(self, other: Receipt) -> Receipt:
        """Add everything up, except memory: of two peaks the higher one counts."""
        return Receipt(
            self.name,
            self.seconds + other.seconds,
            other.memory_mb,
            max(self.max_memory_mb, other.max_memory_mb),
            self.usage + other.usage,
            self.cpu_s + other.cpu_s,
            self.cost_usd + other.cost_usd,
            self.invocations + other.invocations,
        )


def sum_by_stage(receipts: Iterable[Receipt]) -> list[Receipt]:
    """Add up receipts into one per stage, in order of first appearance."""
    totals: dict[str, Receipt] = {}
    for receipt in receipts:
        so_far = totals.get(receipt.name)
        totals[receipt.name] = receipt if so_far is None else so_far + receipt
    return list(totals.values())
