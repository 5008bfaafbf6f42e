"""Diarization against stock pyannote.audio, networks of the real size: `python -m benchmarks.diarization`.

Embeddings come from WeSpeaker's ResNet34 with random weights. The demo's segmentation runs beside a random
PyanNet of segmentation-3.0's size: masks and silences are real, and the costs are those of the real
network. Both ways measure the same windows in alternating rounds. The DER of wider steps is measured with
the demo models on generated dialogues (--dialogues; needs espeak-ng).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.transcription import HZ, RESULTS, read
from functions.diarize.diarizer import PyannoteDiarizer
from functions.diarize.trunk import WindowEmbedder
from rem.adapters.models import DEMO_DIR
from rem.core.chunks import window_count

WINDOW_S = 10.0
STEPS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


def enlarge(pipeline: Any) -> None:
    """Put the large networks into a loaded demo pipeline, with 10 s windows, one per second."""
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.models.segmentation import PyanNet
    from pyannote.audio.pipelines.speaker_verification import PyannoteAudioPretrainedSpeakerEmbedding

    torch.manual_seed(0)
    segmentation = PyanNet(lstm={"num_layers": 4, "hidden_size": 128, "bidirectional": True})
    segmentation.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=WINDOW_S,
        warm_up=(0.0, 0.0),
        classes=["speaker#1", "speaker#2", "speaker#3"],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    segmentation.build()
    segmentation.eval()
    network = WeSpeakerResNet34().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    pipeline._embedding = PyannoteAudioPretrainedSpeakerEmbedding(network)
    inference = pipeline._segmentation
    inference.duration, inference.step = WINDOW_S, 0.1 * WINDOW_S
    infer = inference.infer

    def infer_with_real_cost(chunks: Any) -> Any:
        with torch.inference_mode():
            segmentation(chunks)
        return infer(chunks)

    inference.infer = infer_with_real_cost


def build_pair() -> tuple[Any, PyannoteDiarizer]:
    """Build stock pyannote and ours with the same large weights."""
    ours = PyannoteDiarizer(
        DEMO_DIR / "diarization", threads=1
    )  # it comes first because it makes pyannote importable
    from pyannote.audio import Pipeline

    stock = Pipeline.from_pretrained(DEMO_DIR / "diarization")
    enlarge(stock)
    stock._embedding.min_num_samples  # noqa: B018  # pyannote finds it once, by trials that are no part of the comparison
    enlarge(ours._pipeline)
    ours._duration_s, ours.window_samples = WINDOW_S, int(WINDOW_S * HZ)
    ours._embedder = WindowEmbedder(
        ours._pipeline._embedding.model_, leave_out_overlap=ours._pipeline.embedding_exclude_overlap
    )
    return stock, ours


def set_step(ours: PyannoteDiarizer, step: float) -> None:
    ours._pipeline._segmentation.step = step * WINDOW_S
    ours.hop_samples = round(step * WINDOW_S * HZ)


def measure_stock(stock: Any, samples: np.ndarray) -> tuple[float, Any]:
    import torch

    file = {"waveform": torch.from_numpy(samples)[None], "sample_rate": HZ, "uri": "recording"}
    started_s = time.process_time()
    segmentations = stock.get_segmentations(file)
    embeddings = stock.get_embeddings(file, segmentations, exclude_overlap=stock.embedding_exclude_overlap)
    return time.process_time() - started_s, (segmentations.data, embeddings)


def measure_ours(ours: PyannoteDiarizer, samples: np.ndarray) -> tuple[float, Any]:
    windows = window_count(len(samples), ours.window_samples, ours.hop_samples)
    started_s = time.process_time()
    measured = ours.measure_windows(samples, windows, lambda share: None)
    return time.process_time() - started_s, measured


def compare(seconds: float, rounds: int, speech: list[float]) -> list[dict[str, Any]]:
    from benchmarks.transcription import thin_out

    stock, ours = build_pair()
    rows = []
    for share in speech:
        spoken = np.tile(read(DEMO_DIR / "standup.wav"), 9)[: int(seconds * share * HZ)]
        samples = thin_out(spoken, share)[: int(seconds * HZ)] if share < 1 else spoken
        length_s = len(samples) / HZ
        taken: dict[str, list[float]] = {"stock": []}
        for _ in range(rounds):
            stock_s, expected = measure_stock(stock, samples)
            taken["stock"].append(stock_s)
            for step in (0.1, 0.25):
                set_step(ours, step)
                ours_s, found = measure_ours(ours, samples)
                taken.setdefault(f"ours, step {step}", []).append(ours_s)
                if step == 0.1:
                    np.testing.assert_array_equal(found[0], expected[0])
                    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)
        base = statistics.median(taken["stock"])
        for way, values in taken.items():
            middle = statistics.median(values)
            rows.append({"way": way, "speech": share, "cpu_per_s": middle / length_s, "ratio": middle / base})
            print(
                f"{share:.0%} speech, {way:<16} {middle / length_s:.4f} CPU s/s  {middle / base:.3f} x stock",
                flush=True,
            )
    return rows


def sweep_steps(count: int, seed: int) -> list[dict[str, Any]]:
    from benchmarks.accuracy import invent_dialogues
    from benchmarks.accuracy import measure as measure_accuracy
    from benchmarks.pipeline import Pipeline

    folder, rows = invent_dialogues(count, seed), []
    for step in STEPS:
        models = DEMO_DIR / "whisper", DEMO_DIR / "diarization"
        pipeline = Pipeline(*models, language="en", segmentation_step=step)
        score = measure_accuracy(pipeline, folder, show=False)
        found = {"der": score.der, "speakers": score.speakers, "expected": score.speakers_expected}
        rows.append({"step": step, "speaker_accuracy": score.speaker_accuracy, **found})
        print(
            f"step {step}: DER {score.der:.1%}, speakers {score.speakers}/{score.speakers_expected}",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--seconds", type=float, default=120.0, help="of sound, per round")
    parser.add_argument("--rounds", type=int, default=3, help="0: keep the last speeds")
    parser.add_argument("--speech", type=float, nargs="+", default=[1.0, 0.25])
    parser.add_argument("--dialogues", type=int, default=0, help="0: keep the last DER by step")
    parser.add_argument("--seed", type=int, default=11, help="of the dialogues")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "diarization.json"
    found: dict[str, Any] = {}
    if arguments.rounds:
        found["speed"] = compare(arguments.seconds, arguments.rounds, arguments.speech)
    if arguments.dialogues:
        found["steps"] = sweep_steps(arguments.dialogues, arguments.seed)
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(kept | found, indent=1))


if __name__ == "__main__":
    main()
