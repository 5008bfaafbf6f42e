"""pyannote.audio as a Diarizer: its own networks over the windows of a slice, its own clustering over all.

Segmentation and embedding run on a slice of the recording's one window grid. Clustering and reconstruction
then run on all slices at once, as if the recording had never been cut.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from functions.diarize.pipeline_folder import load_pipeline
from functions.diarize.pyannote_import import import_pipeline, without_collector
from functions.diarize.sampling import build_sampling
from functions.diarize.trunk import WindowEmbedder, is_wespeaker
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.ports import Floats, Samples
from rem.transcripts.transcript import Turn
from rem.weights.identity import read_identity

PROGRESS_STEPS = 50
CACHED_EMBEDDINGS = "training_cache/embeddings"  # pyannote names only the other key


@dataclass(frozen=True, slots=True)
class PyannoteClusters:
    turns: Sequence[Turn]
    embeddings: dict[str, list[float]]


def _follow_embeddings(on_progress: Callable[[float], None]) -> Callable[..., None]:
    """Build a hook for pyannote that reports which share of the embeddings is done.

    Nearly all of the time goes into embeddings.
    """

    def hook(step: str, artifact: object, *, total: int, completed: int) -> None:
        if completed == total or completed % max(1, total // PROGRESS_STEPS) == 0:
            on_progress(completed / total)

    return hook


class PyannoteDiarizer:
    """A SpeakerDiarization pipeline from a local folder (config.yaml), on the CPU.

    Args:
        threads: Threads of torch. No more than there are vCPUs: its threads spin while they wait.
        step: Distance of two windows as a share of the window; None for the pipeline's own.
    """

    def __init__(self, model_dir: Path, *, threads: int, step: float | None = None) -> None:
        with without_collector():
            import_pipeline()
            import torch

            torch.set_num_threads(threads)
            self._pipeline = load_pipeline(model_dir)
        self._pipeline.segmentation_batch_size = 8
        self._pipeline.embedding_batch_size = 1  # larger batches cost more CPU time and memory (measured)
        # In training, pyannote takes segmentations and embeddings from the file if it carries them.
        self._pipeline.training = True
        self._pipeline.clustering = build_sampling(self._pipeline.clustering)
        self.name, self.identity = model_dir.name, read_identity(model_dir)
        self._duration_s = self._pipeline._segmentation.duration
        if step is not None:
            self._pipeline._segmentation.step = step * self._duration_s
        self.window_samples = round(self._duration_s * SAMPLE_RATE_HZ)
        self.hop_samples = round(self._pipeline._segmentation.step * SAMPLE_RATE_HZ)
        self._embedder = self._build_embedder()

    def _build_embedder(self) -> WindowEmbedder | None:
        """Take WeSpeaker's network apart; None for any other, which pyannote's own loop then runs."""
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
        measured = {
            "waveform": torch.zeros(1, 16),  # never heard
            "sample_rate": SAMPLE_RATE_HZ,
            "uri": "recording",
            self._pipeline.CACHED_SEGMENTATION: SlidingWindowFeature(segmentations, grid),
            CACHED_EMBEDDINGS: {"embeddings": embeddings},
        }
        self._pipeline.clustering.most_points = most_points
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # it warns of fewer voices than asked for; the result tells how many
            output = self._pipeline(measured, num_speakers=speakers)
        exclusive = output.exclusive_speaker_diarization
        turns = [Turn(s.start, s.end, label) for s, _, label in exclusive.itertracks(yield_label=True)]
        labels = output.speaker_diarization.labels()
        vectors = np.nan_to_num(output.speaker_embeddings)
        return PyannoteClusters(turns, {label: vectors[i].tolist() for i, label in enumerate(labels)})
