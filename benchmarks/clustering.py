"""Costs of Cluster for long recordings, and of fewer points: `python -m benchmarks.clustering`.

Memory and time by length use invented slices: four voices as noisy points, somebody speaking in every
window, on the grid of 10 s windows at the default step; each length runs in a process of its own. The DER
by `cluster_points` is measured on generated hours with the demo models (--seeds; needs espeak-ng).
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.hour import invent_recording
from benchmarks.transcription import HZ, RESULTS, read
from functions.diarize.cluster import count_points
from functions.diarize.diarizer import PyannoteDiarizer
from functions.diarize.handler import BLOCK_WINDOWS
from functions.diarize.slices import Slice, join_slices
from rem.adapters.models import DEMO_DIR
from rem.cli.score import Reference, compare_turns
from rem.core.chunks import window_count
from rem.definition import load_stages
from rem.stage.work import peak_memory_mb

WINDOW_S, FRAMES, DIMENSIONS, VOICES = 10.0, 589, 128, 4
POINTS = (150, 300, 600, 1200, 2400, 15_000)


def invent(hours: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Invent segmentations and embeddings of a conversation: one voice per window, sometimes two."""
    rng = np.random.default_rng(0)
    windows = int(hours * 3600 / (step * WINDOW_S))
    centres = rng.standard_normal((VOICES, DIMENSIONS))
    segmentations = np.zeros((windows, FRAMES, 3), np.float32)
    embeddings = np.zeros((windows, 3, DIMENSIONS), np.float32)
    voice = np.repeat(rng.integers(0, VOICES, windows // 3 + 1), 3)[:windows]
    for i in range(windows):
        cut = FRAMES if rng.random() < 0.6 else int(rng.integers(150, 430))
        segmentations[i, :cut, 0] = 1
        segmentations[i, cut:, 1] = 1
        embeddings[i, 0] = centres[voice[i]] + 0.5 * rng.standard_normal(DIMENSIONS)
        embeddings[i, 1] = centres[(voice[i] + 1) % VOICES] + 0.5 * rng.standard_normal(DIMENSIONS)
    return segmentations, embeddings


def measure(hours: float) -> dict[str, float]:
    step = float(load_stages()["cluster"].settings["segmentation_step"])
    diarizer = PyannoteDiarizer(DEMO_DIR / "diarization", threads=1)
    diarizer._duration_s, diarizer.hop_samples = WINDOW_S, int(step * WINDOW_S * HZ)
    before_mb = peak_memory_mb()
    segmentations, embeddings = invent(hours, step)
    started_s = time.process_time()
    most = int(load_stages()["cluster"].settings["cluster_points"])
    clusters = diarizer.cluster(segmentations, embeddings, None, most)
    points = count_points(segmentations)
    taken = {"cpu_s": time.process_time() - started_s, "voices": len(clusters.embeddings)}
    return {"hours": hours, "points": points, "before_mb": before_mb, "peak_mb": peak_memory_mb(), **taken}


def sweep_points(seeds: list[int], voices: list[int]) -> list[dict[str, Any]]:
    """Measure each recording once and cluster it with each number of points."""
    diarizer = PyannoteDiarizer(DEMO_DIR / "diarization", threads=1)
    rows = []
    for seed, count in itertools.product(seeds, voices):
        recording = invent_recording(60.0, count, seed)
        reference, samples = Reference.load(recording.with_suffix(".json")), read(recording)
        measured = measure_all(diarizer, samples)
        for most in POINTS:
            clusters = diarizer.cluster(*measured, None, most)
            errors, _ = compare_turns(clusters.turns, reference, len(samples) / HZ)
            wrong_s = errors["confusion"] + errors["missed detection"] + errors["false alarm"]
            found = {"points": min(most, count_points(measured[0])), "voices": len(clusters.embeddings)}
            rows.append({"seed": seed, "people": count, "der": wrong_s / errors["total"], **found})
            print(rows[-1], flush=True)
    return rows


def measure_all(diarizer: PyannoteDiarizer, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    windows = window_count(len(samples), diarizer.window_samples, diarizer.hop_samples)
    pieces = []
    for first in range(0, windows, BLOCK_WINDOWS):
        count = min(BLOCK_WINDOWS, windows - first)
        start = first * diarizer.hop_samples
        end = start + (count - 1) * diarizer.hop_samples + diarizer.window_samples
        measured = diarizer.measure_windows(samples[start:end], count, lambda share: None)
        pieces.append(Slice.from_bytes(Slice(*measured, ()).to_bytes()))
    return join_slices(pieces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--hours", type=float, nargs="*", default=[1, 3, 6, 12, 24])
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help="none: keep the last DER by points")
    parser.add_argument("--voices", type=int, nargs="+", default=[3, 4])
    parser.add_argument("--alone", action="store_true", help="one length, in this process")
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(measure(arguments.hours[0])))
        return
    rows = []
    for hours in arguments.hours:
        command = [sys.executable, "-m", "benchmarks.clustering", "--alone", "--hours", str(hours)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(answer.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "clustering.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    found |= {"memory": rows} if rows else {}
    if arguments.seeds:
        found["points"] = sweep_points(arguments.seeds, arguments.voices)
    path.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
