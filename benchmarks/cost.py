"""Cost and makespan of a recording, from measured processor seconds: `python -m benchmarks.cost`.

It measures nothing itself: it reads the results of benchmarks.transcription and benchmarks.diarization in
build/benchmarks/results. DERATES are assumptions of how many times slower a Lambda vCPU is than one thread of
the measuring machine: nobody measured that, so every figure is given for several.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.transcription import RESULTS
from rem.core.sizes import VCPU_MB
from rem.costs.bill import Architecture, write_bill
from rem.costs.prices import load_prices
from rem.definition import load_stages
from rem.transcripts.receipts import Receipt, Usage

DERATES = (1.0, 2.0, 3.0)
CLIP_S = 300.0
SPEECH = (1.0, 0.5, 0.25)
SMALL_STAGES = ("prepare", "cluster", "assemble", "publish")  # their seconds come from a generated clip
NOTE_S = 2.0  # a language model answers within this
NOTE_TOKENS = (1_400, 250)  # input and output for five dense minutes, see docs/adr/0010
NOTE_MODEL = "gpt-6-luna"
COLD_S, HOP_S = 8.0, 0.4  # a cold start with its models; the queue, transition and invoke between two states


@dataclass(frozen=True, slots=True)
class Speed:
    """Processor seconds per second of sound."""

    transcribe: float
    diarize: float


def load_speed(size: str, share: float) -> Speed:
    """Interpolate between the speeds measured at 25 % and at 100 % speech.

    Raises:
        FileNotFoundError: benchmarks.transcription or benchmarks.diarization has not run yet.
    """
    words = json.loads((RESULTS / "transcription.json").read_text())["speed"]
    turns = json.loads((RESULTS / "diarization.json").read_text())["speed"]
    batch = load_stages()["transcribe"].settings["batch_clips"]
    way = f"beam 1, batch {batch}"
    heard = {
        r["speech"]: r["cpu_per_s"] for r in words if (r["model"], r["threads"], r["way"]) == (size, 1, way)
    }
    step = load_stages()["diarize"].settings["segmentation_step"]
    told = {r["speech"]: r["cpu_per_s"] for r in turns if r["way"] == f"ours, step {step}"}
    return Speed(_between(heard, share), _between(told, share))


@functools.cache
def load_small_stages() -> dict[str, float]:
    """Read the seconds of the other stages for five minutes, as benchmarks.hour --minutes 5 measured them."""
    clip = json.loads((RESULTS / "minutes-5.json").read_text())
    seconds = {name: clip["stages"][name]["cpu_s"] * CLIP_S / clip["length_s"] for name in SMALL_STAGES}
    return seconds | {"enrich": NOTE_S}


def _between(measured: dict[float, float], share: float) -> float:
    lowest, highest = min(measured), max(measured)
    if lowest == highest:  # only dense speech was measured: assume that silence costs nothing
        return measured[highest] * share / highest
    slope = (measured[highest] - measured[lowest]) / (highest - lowest)
    return measured[lowest] + slope * (share - lowest)


def bill_clip(size: str, share: float, architecture: Architecture, derate: float, *, llm: bool) -> float:
    """Price a five-minute recording in US dollars, with the language model (`llm`) or AWS alone."""
    speed, stages = load_speed(size, share), load_stages()
    seconds = {name: taken * derate for name, taken in load_small_stages().items()}
    for name, per_s in (("transcribe", speed.transcribe), ("diarize", speed.diarize)):
        threads = max(1, stages[name].memory_mb // VCPU_MB)
        seconds[name] = per_s * CLIP_S * derate / threads
    price = load_prices().llm[NOTE_MODEL]
    tokens = (round(NOTE_TOKENS[0] * share), NOTE_TOKENS[1])
    usage = Usage(1, tokens[0], 0, tokens[1], price.cost_usd(*tokens)) if llm else Usage()
    receipts = [
        Receipt(name, seconds[name], stages[name].memory_mb, 0, usage if name == "enrich" else Usage())
        for name in ("prepare", "transcribe", "diarize", "cluster", "assemble", "enrich", "publish")
    ]
    return write_bill(receipts, load_prices().aws, architecture).total_usd


def build_table(sizes: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "model": size,
            "speech": share,
            "architecture": architecture,
            "derate": derate,
            "aws": bill_clip(size, share, architecture, derate, llm=False),
            "all": bill_clip(size, share, architecture, derate, llm=True),
        }
        for size in sizes
        for share in SPEECH
        for architecture in ("arm64", "x86")
        for derate in DERATES
    ]


def simulate(minutes: float, size: str, share: float, derate: float, workers: int, *, cold: bool) -> float:
    """Estimate the seconds from upload to documents with `workers` invocations of each Map at a time.

    Chunks and slices wait for a free worker, Cluster waits for all slices, Assemble for the slower branch.
    """
    speed, length_s = load_speed(size, share), minutes * 60
    chunk_s = length_s / max(1, round(length_s / 300))
    chunks = round(length_s / chunk_s)
    start_s = COLD_S if cold else 0.0

    def run(per_s: float) -> float:
        free_at = [start_s] * min(workers, chunks)
        for _ in range(chunks):
            free_at.sort()
            free_at[0] += per_s * chunk_s * derate + 2 * HOP_S
        return max(free_at)

    scale = minutes / 5
    growing = {"prepare": scale, "cluster": scale}
    small = {name: taken * derate * growing.get(name, 1.0) for name, taken in load_small_stages().items()}
    listen = max(run(speed.transcribe), run(speed.diarize) + HOP_S + small["cluster"])
    rest = small["prepare"] + small["assemble"] + small["enrich"] + small["publish"]
    return rest + listen + 6 * HOP_S + (start_s if cold else 0.0)


def main() -> None:
    for row in build_table(["base"]):
        print(row)


if __name__ == "__main__":
    main()
