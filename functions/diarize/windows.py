"""Diarize: local speakers and voice embeddings for the windows of one slice (the map)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from functions.diarize.model import load_model
from functions.diarize.slices import Slice
from rem.audio import Prepared
from rem.aws import S3Store
from rem.config import DiarizeSettings, is_provisioned
from rem.core.chunks import slice_windows
from rem.core.jobs import ChunkJob
from rem.core.keys import artifact_key, compute_fingerprint, parse_fingerprint
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.observe import observed, step
from rem.ports import Diarizer, Json, Store
from rem.stage import Context, Stopwatch, log_progress

VERSION = 1


def run(event: Mapping[str, Any], *, store: Store, model: Diarizer) -> Json:
    job = ChunkJob.from_event(event)
    choices = {"model": model.name, **job.chunk.to_event()}
    fingerprint = compute_fingerprint("diarize", VERSION, [parse_fingerprint(job.prepared_key)], choices)
    key = artifact_key(job.recording.recording_id, "diarize", fingerprint, "npz")
    if not store.exists(key):
        with step("measure windows"):
            piece = _diarize(job, store, model)
        store.write_bytes(key, piece.to_bytes(), "application/octet-stream")
    return {"key": key}


def _diarize(job: ChunkJob, store: Store, model: Diarizer) -> Slice:
    watch = Stopwatch("diarize")
    prepared = Prepared.load(store, job.prepared_key)
    windows = slice_windows(job.chunk, prepared.samples, model.window_samples, model.hop_samples)
    if not windows:
        return Slice(np.zeros((0, 1, 1), np.float32), np.zeros((0, 1, 1), np.float32), (watch.read(),))
    start = windows.start * model.hop_samples
    end = (windows.stop - 1) * model.hop_samples + model.window_samples
    samples = prepared.read_samples(store, start, end)
    length_s = (min(end, prepared.samples) - start) / SAMPLE_RATE_HZ

    def report(share: float) -> None:
        log_progress("diarize", job.recording.recording_id, job.chunk.index, share * length_s, length_s)

    segmentations, embeddings = model.measure_windows(samples, len(windows), report)
    return Slice(segmentations, embeddings, (watch.read(),))


if is_provisioned():
    load_model()


@observed("diarize")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = DiarizeSettings.from_env()
    with step("load the model"):
        model = load_model()
    return run(event, store=S3Store(settings.bucket), model=model)
