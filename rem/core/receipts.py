"""What a stage took: seconds, memory and dollars, per invocation and per stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

USD_PER_GB_S_ARM64 = 0.0000133334  # AWS Lambda, arm64, us-east-1, list price of November 2026


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked of a language model. `usd` is None where the model's price is not known."""

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
    """One invocation: wall seconds inside the handler, configured and peak memory (MB), and tokens."""

    name: str
    seconds: float
    memory_mb: int
    max_memory_mb: int
    usage: Usage = Usage()

    @property
    def cost_usd(self) -> float:
        """What AWS bills for the duration on arm64; requests, transitions and tokens not included."""
        return self.seconds * self.memory_mb / 1024 * USD_PER_GB_S_ARM64

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "seconds": round(self.seconds, 3),
            "memoryMb": self.memory_mb,
            "maxMemoryMb": self.max_memory_mb,
            "costUsd": round(self.cost_usd, 8),
            **(self.usage.to_json() if self.usage.requests else {}),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Receipt:
        usage = Usage.from_json(document) if "requests" in document else Usage()
        return cls(
            document["name"], document["seconds"], document["memoryMb"], document["maxMemoryMb"], usage
        )


def sum_by_stage(receipts: Iterable[Receipt]) -> list[Receipt]:
    """One receipt per stage, in order of first appearance: sums, but the highest memory peak."""
    totals: dict[str, Receipt] = {}
    for receipt in receipts:
        so_far = totals.get(receipt.name, Receipt(receipt.name, 0.0, receipt.memory_mb, 0))
        totals[receipt.name] = Receipt(
            receipt.name,
            so_far.seconds + receipt.seconds,
            receipt.memory_mb,
            max(so_far.max_memory_mb, receipt.max_memory_mb),
            so_far.usage + receipt.usage,
        )
    return list(totals.values())
