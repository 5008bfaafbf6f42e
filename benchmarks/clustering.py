"""Peak memory and processor time of Cluster by length of recording: `python -m benchmarks.clustering`.

The slices are made up: four voices as noisy points, somebody speaking in every window, on the grid that the
default step makes of 10 s windows. Each length runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np

from benchmarks.transcription import HZ, RESULTS
from functions.diarize.cluster import count_points
from functions.diarize.diarizer import PyannoteDiarizer
from rem.models import DEMO_DIR
from rem.stage import peak_memory_mb
from rem.stages import load_stages

WINDOW_S, FRAMES, DIMENSIONS, VOICES = 10.0, 589, 128, 4


def invent(hours: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Segmentations and embeddings of conversation: a voice for some windows, sometimes a second one."""
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
    clusters = diarizer.cluster(segmentations, embeddings, None)
    points = count_points(segmentations)
    taken = {"cpu_s": time.process_time() - started_s, "voices": len(clusters.embeddings)}
    return {"hours": hours, "points": points, "before_mb": before_mb, "peak_mb": peak_memory_mb(), **taken}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 3, 6])
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
    (RESULTS / "clustering.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
