"""What a stage took: seconds, memory and dollars, per invocation and per stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

USD_PER_GB_S_ARM64 = 0.0000133334  # AWS Lambda, arm64, us-east-1, list price of November 2026


@dataclass(frozen=True, slots=True)
class Receipt:
    """One invocation: wall seconds inside the handler, configured and peak memory (MB)."""

    name: str
    seconds: float
    memory_mb: int
    max_memory_mb: int

    @property
    def cost_usd(self) -> float:
        """What AWS bills for the duration on arm64; requests and transitions not included."""
        return self.seconds * self.memory_mb / 1024 * USD_PER_GB_S_ARM64

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "seconds": round(self.seconds, 3),
            "memoryMb": self.memory_mb,
            "maxMemoryMb": self.max_memory_mb,
            "costUsd": round(self.cost_usd, 8),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Receipt:
        return cls(document["name"], document["seconds"], document["memoryMb"], document["maxMemoryMb"])


def sum_by_stage(receipts: Iterable[Receipt]) -> list[Receipt]:
    """One receipt per stage, in order of first appearance: seconds added, the highest memory peak."""
    totals: dict[str, Receipt] = {}
    for receipt in receipts:
        so_far = totals.get(receipt.name, Receipt(receipt.name, 0.0, receipt.memory_mb, 0))
        totals[receipt.name] = Receipt(
            receipt.name,
            so_far.seconds + receipt.seconds,
            receipt.memory_mb,
            max(so_far.max_memory_mb, receipt.max_memory_mb),
        )
    return list(totals.values())
