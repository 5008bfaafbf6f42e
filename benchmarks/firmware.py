"""Cycles and heap of the firmware: `python -m benchmarks.firmware`. Nothing here ran on an ESP32.

The tests' interpreter runs the compiled Xtensa code of both kernels and counts instructions. Cycles follow
by an assumption: one per instruction, and more per taken branch, load and multiplication (USUAL). The heap
is the one that MicroPython's WebAssembly build reports, which is 32-bit like the device.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from tests.firmware import conftest  # its import makes the firmware importable
from tests.firmware.test_heap import STEPS, measure_heap
from tests.firmware.test_kernels import FRAMES, SAMPLES, compile_kernels, run_beside_twin

RATE_HZ, CPU_HZ = 16_000, 240_000_000
USUAL = {"taken": 2, "loads": 1, "multiplications": 1}  # cycles on top of one per instruction
PESSIMISTIC = {"taken": 4, "loads": 2, "multiplications": 2}


def count_cycles(counts: Counter[str], weights: dict[str, int]) -> int:
    return counts["instructions"] + sum(weight * counts[kind] for kind, weight in weights.items())


def print_cycles() -> None:
    print("| sound | kernel | instructions per sample | cycles per sample | pessimistic | of 240 MHz |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        code = compile_kernels(Path(folder))
    for kind, (pcm, shift, is_wide) in FRAMES.items():
        samples = len(pcm) // SAMPLES * SAMPLES
        counted = run_beside_twin(code, pcm, shift, is_wide)
        for kernel, counts in zip(("condition", "encode"), counted, strict=True):
            per_sample = [
                counts["instructions"] / samples,
                count_cycles(counts, USUAL) / samples,
                count_cycles(counts, PESSIMISTIC) / samples,
            ]
            share = f"{per_sample[1] * RATE_HZ / CPU_HZ:.1%} to {per_sample[2] * RATE_HZ / CPU_HZ:.1%}"
            print(f"| {kind} | {kernel} | " + " | ".join(f"{n:.0f}" for n in per_sample) + f" | {share} |")


def print_heap() -> None:
    with tempfile.TemporaryDirectory() as folder:
        taken = measure_heap(Path(folder), conftest.PLAIN)
    print("\n| loaded | bytes of heap |\n|---|---|")
    for step, size in zip(STEPS, taken, strict=True):
        print(f"| {step} | {size:,} |")
    print(f"| together | {sum(taken):,} |")


if __name__ == "__main__":
    print_cycles()
    print_heap()
