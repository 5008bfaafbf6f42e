"""pyannote.audio as a Diarizer: the map over windows and the clustering, both its own code.

Segmentation and embedding run on a slice of the recording's one window grid; the clustering and the
reconstruction then run on all slices at once, as if the recording had never been cut.
"""

from __future__ import annotations

import gc
import os
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from functions.diarize.trunk import WindowEmbedder, is_wespeaker
from rem.core.errors import SetupError
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.ports import Samples
from rem.transcripts.transcript import Turn

Floats = npt.NDArray[np.float32]
PROGRESS_STEPS = 50


@dataclass(frozen=True, slots=True)
class PyannoteClusters:
    turns: Sequence[Turn]
    embeddings: dict[str, list[float]]


def _import_pipeline() -> Any:
    """pyannote.audio reports usage and asks the hub at import unless told not to before."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    os.environ["HF_HUB_OFFLINE"] = "1"
    from functions.diarize.torchaudio_shim import install

    install()
    with _without_compiler(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchcodec without FFmpeg: we pass waveforms, nothing is decoded
        from pyannote.audio import Pipeline

    return Pipeline


@contextmanager
def _without_collector() -> Iterator[None]:
    """Imports make a million objects that all stay: looking among them for garbage is a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()  # what was imported is never looked at again


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Keep torch's compiler out of the import: a quarter of its time, for something never used here.

    lightning asks it for one class and one decorator (lightning.fabric.wrappers). Afterwards the real
    compiler can still be imported. Measured in docs/adr/0007.
    """
    name = "torch._dynamo"
    if name in sys.modules:
        yield
        return
    stub: Any = types.ModuleType(name)
    stub.OptimizedModule = type("OptimizedModule", (), {})
    stub.disable = lambda function, *args, **kwargs: function
    sys.modules[name] = stub
    try:
        yield
    finally:
        del sys.modules[name]


def _follow_embeddings(on_progress: Callable[[float], None]) -> Callable[..., None]:
    """A pyannote hook. Nearly all of the time goes into embeddings, so their share is the whole's."""

    def hook(step: str, artifact: object, *, total: int, completed: int) -> None:
        if completed == total or completed % max(1, total // PROGRESS_STEPS) == 0:
            on_progress(completed / total)

    return hook


def _spread(choose: Callable[..., Any], most: int) -> Callable[..., Any]:
    """pyannote's choice of what is compared, or as many of it as are allowed, evenly spread."""

    def choose_some(*args: Any, **kwargs: Any) -> Any:
        chosen = choose(*args, **kwargs)
        points = len(chosen[0])
        some = np.linspace(0, points - 1, min(points, most)).round().astype(int)
        return tuple(part[some] for part in chosen)

    return choose_some


class PyannoteDiarizer:
    """A SpeakerDiarization pipeline from a local folder (config.yaml), on the CPU.

    Args:
        threads: torch's; never more than there are vCPUs, its threads spin while they wait.
        step: From one window to the next, as a share of the window; None for the pipeline's own.
    """

    def __init__(self, model_dir: Path, *, threads: int, step: float | None = None) -> None:
        if not (model_dir / "config.yaml").is_file():
            raise SetupError(
                f"there is no diarization model in {model_dir}: expected a pyannote folder (config.yaml)"
            )
        with _without_collector():
            pipeline_class = _import_pipeline()
            import torch

            torch.set_num_threads(threads)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._pipeline = pipeline_class.from_pretrained(model_dir)
        self._pipeline.segmentation_batch_size = 8
        self._pipeline.embedding_batch_size = 1  # measured: larger batches cost more CPU time and memory
        self.name = model_dir.name
        self._duration_s = self._pipeline._segmentation.duration
        if step is not None:
            self._pipeline._segmentation.step = step * self._duration_s
        self.window_samples = round(self._duration_s * SAMPLE_RATE_HZ)
        self.hop_samples = round(self._pipeline._segmentation.step * SAMPLE_RATE_HZ)
        self._embedder = self._build_embedder()

    def _build_embedder(self) -> WindowEmbedder | None:
        """None for a network that is not WeSpeaker's: pyannote's own loop then does the work."""
        embedding = self._pipeline._embedding
        if not is_wespeaker(embedding):
            return None
        return WindowEmbedder(embedding.model_, leave_out_overlap=self._pipeline.embedding_exclude_overlap)

    def measure_windows(
        self, samples: Samples, windows: int, on_progress: Callable[[float], None]
    ) -> tuple[Floats, Floats]:
        import torch

        file = {"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE_HZ, "uri": "slice"}
        with torch.inference_mode():
            measured = self._pipeline.get_segmentations(file)
            segmentations = measured.data.astype(np.float32)
            if len(segmentations) != windows:
                raise AssertionError(
                    f"the grid has {windows} windows here, pyannote made {len(segmentations)}"
                )
            if self._embedder:
                embeddings = self._embedder.embed(
                    samples, self.hop_samples, self.window_samples, segmentations, on_progress
                )
                return segmentations, embeddings
            embeddings = self._pipeline.get_embeddings(
                file,
                measured,
                exclude_overlap=self._pipeline.embedding_exclude_overlap,
                hook=_follow_embeddings(on_progress),
            )
        return segmentations, np.asarray(embeddings, np.float32)

    def cluster(
        self, segmentations: Floats, embeddings: Floats, speakers: int | None, most_points: int
    ) -> PyannoteClusters:
        import torch
        from pyannote.core import SlidingWindow, SlidingWindowFeature

        grid = SlidingWindow(start=0.0, duration=self._duration_s, step=self.hop_samples / SAMPLE_RATE_HZ)
        measured = SlidingWindowFeature(segmentations, grid)
        pipeline, clustering = self._pipeline, self._pipeline.clustering
        stock = pipeline.get_segmentations, pipeline.get_embeddings, clustering.filter_embeddings
        pipeline.get_segmentations = lambda file, hook=None: measured
        pipeline.get_embeddings = lambda *args, **kwargs: embeddings
        clustering.filter_embeddings = _spread(clustering.filter_embeddings, most_points)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # fewer voices than asked for: the result says how many
                silence = {"waveform": torch.zeros(1, 16), "sample_rate": SAMPLE_RATE_HZ, "uri": "recording"}
                output = pipeline(silence, num_speakers=speakers)
        finally:
            pipeline.get_segmentations, pipeline.get_embeddings, clustering.filter_embeddings = stock
        exclusive = output.exclusive_speaker_diarization
        turns = [Turn(s.start, s.end, label) for s, _, label in exclusive.itertracks(yield_label=True)]
        labels = output.speaker_diarization.labels()
        vectors = np.nan_to_num(output.speaker_embeddings)
        return PyannoteClusters(turns, {label: vectors[i].tolist() for i, label in enumerate(labels)})
