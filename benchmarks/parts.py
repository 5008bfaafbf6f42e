"""Processor time of the models part by part: `python -m benchmarks.parts`.

Networks of the real size with random weights run in one thread with the default settings on dense and sparse
speech. The figures show which part bounds a target in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections import Counter
from typing import Any

import numpy as np

from benchmarks.diarization import build_pair, measure_ours, set_step
from benchmarks.random_models import build_whisper
from benchmarks.transcription import DATA, HZ, RESULTS, limit_tokens, read, thin_out, transcribe, write
from functions.transcribe.whisper import WhisperTranscriber
from rem.adapters.models import DEMO_DIR
from rem.definition import load_stages


class Clock:
    """A sum of processor seconds by part."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Time every later call of a method."""
        work = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            started_s = time.process_time()
            try:
                return work(*args, **options)
            finally:
                self.taken[part] += time.process_time() - started_s

        setattr(owner, name, timed)


class TimedModel:
    """A wrapper around CTranslate2's model, whose own methods cannot be replaced."""

    def __init__(self, model: Any, clock: Clock) -> None:
        self._model = model
        for name, part in (("encode", "encoder"), ("generate", "decoder"), ("align", "word times")):
            setattr(self, name, getattr(model, name))
            clock.watch(self, name, part)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def measure_whisper(size: str, share: float) -> dict[str, float]:
    settings = load_stages()["transcribe"].settings
    dense = np.concatenate([read(DEMO_DIR / "standup.wav"), read(DATA / "heldout-1.wav")])
    path = write(RESULTS.parent / "parts.wav", thin_out(dense, share) if share < 1 else dense)
    model, clock = WhisperTranscriber(build_whisper(size), beam_size=1, threads=1), Clock()
    limit_tokens(model._model)
    model._model.model = TimedModel(model._model.model, clock)
    started_s = time.process_time()
    transcribe(model, path, int(settings["batch_clips"]), settings)
    return finish(clock, time.process_time() - started_s, len(read(path)) / HZ)


def measure_diarization(share: float, seconds: float) -> dict[str, float]:
    _, ours = build_pair()
    clock, network = Clock(), ours._pipeline._embedding.model_
    set_step(ours, float(load_stages()["diarize"].settings["segmentation_step"]))
    clock.watch(ours._pipeline._segmentation, "infer", "segmentation (the demo's beside it)")
    clock.watch(network, "compute_fbank", "filter bank")
    clock.watch(network.resnet, "forward_frames", "ResNet34 trunk")
    clock.watch(network.resnet, "forward_embedding", "pooling")
    spoken = np.tile(read(DEMO_DIR / "standup.wav"), 9)[: int(seconds * share * HZ)]
    samples = thin_out(spoken, share)[: int(seconds * HZ)] if share < 1 else spoken
    whole_s, _ = measure_ours(ours, samples)
    return finish(clock, whole_s, len(samples) / HZ)


def finish(clock: Clock, whole_s: float, length_s: float) -> dict[str, float]:
    """Divide by the seconds of sound, and add the time that no part accounts for."""
    rest = {"everything else": whole_s - sum(clock.taken.values())}
    return {part: taken_s / length_s for part, taken_s in (dict(clock.taken) | rest).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--size", default="base")
    parser.add_argument("--seconds", type=float, default=120.0, help="of sound, for diarization")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ.update(
        {"REM_BUCKET": "bucket", "REM_TABLE": "table", **load_stages()["prepare"].environment()}
    )
    rows = []
    for share in (1.0, 0.25):
        found = {
            f"transcribe, {arguments.size}": measure_whisper(arguments.size, share),
            "diarize": measure_diarization(share, arguments.seconds),
        }
        for stage, parts in found.items():
            for part, per_s in sorted(parts.items(), key=lambda item: -item[1]):
                share_of_all = per_s / sum(parts.values())
                rows.append({"stage": stage, "speech": share, "part": part, "cpu_per_s": per_s})
                rows[-1]["share"] = share_of_all
                print(f"{stage:<16} {share:>4.0%}  {part:<36} {per_s:.4f} CPU s/s  {share_of_all:4.0%}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "parts.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
