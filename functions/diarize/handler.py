"""Diarize (the map): finds speakers and voice embeddings in the windows of one slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functions.diarize.model import load_model
from functions.diarize.slices import Slice, join_slices
from rem.adapters.s3 import S3Store
from rem.core import Json
from rem.core.chunks import slice_windows
from rem.core.errors import BudgetError
from rem.core.jobs import ChunkJob
from rem.core.places import artifact_key, compute_fingerprint, parse_fingerprint
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.ports import Diarizer, Store
from rem.stage.observe import observed, step
from rem.stage.prepared import Prepared
from rem.stage.settings import DiarizeSettings, is_provisioned
from rem.stage.work import Budget, Context, Stopwatch, log_progress, work_through

VERSION = 2
BLOCK_WINDOWS = 32  # windows that are measured and stored together: some seconds of work
NOTHING = np.zeros((0, 1, 1), np.float32)
CONTENT_TYPE = "application/octet-stream"
TOO_SLOW = "raise `timeout_s` or `memory_mb` of diarize, or `segmentation_step`"


def run(event: Mapping[str, Any], *, store: Store, model: Diarizer, budget: Budget) -> Json:
    job = ChunkJob.from_event(event)
    choices = {"model": model.identity, "hop": model.hop_samples, **job.chunk.to_event()}
    fingerprint = compute_fingerprint("diarize", VERSION, [parse_fingerprint(job.prepared_key)], choices)
    key = artifact_key(job.recording.recording_id, "diarize", fingerprint, "npz")
    if not store.exists(key):
        with step("measure windows"):
            piece = _diarize(job, key, store, model, budget)
        store.write_bytes(key, piece.to_bytes(), CONTENT_TYPE)
    return {"key": key}


def _diarize(job: ChunkJob, key: str, store: Store, model: Diarizer, budget: Budget) -> Slice:
    """Measure block after block of windows; store what is finished before the time runs out."""
    watch = Stopwatch("diarize")
    prepared = Prepared.load(store, job.prepared_key)
    windows = slice_windows(job.chunk, prepared.samples, model.window_samples, model.hop_samples)
    if not windows:
        return Slice(NOTHING, NOTHING, (watch.read(),))
    checkpoint = key.replace(".npz", ".partial.npz")
    done = [Slice.from_bytes(store.read_bytes(checkpoint))] if store.exists(checkpoint) else []
    blocks = [windows[i : i + BLOCK_WINDOWS] for i in range(0, len(windows), BLOCK_WINDOWS)]
    finished = len(done[0].segmentations) // BLOCK_WINDOWS if done else 0
    first_sample = windows.start * model.hop_samples
    sound = prepared.read_samples(store, first_sample, _end_of(windows, model))

    def measure(block: range) -> Slice:
        start = block.start * model.hop_samples
        samples = sound[start - first_sample : _end_of(block, model) - first_sample]

        def report(share: float) -> None:
            done_s = (block.start - windows.start + share * len(block)) * model.hop_samples / SAMPLE_RATE_HZ
            length_s = len(windows) * model.hop_samples / SAMPLE_RATE_HZ
            log_progress("diarize", job.recording.recording_id, job.chunk.index, done_s, length_s)

        return Slice(*model.measure_windows(samples, len(block), report), ())

    try:
        for piece in work_through(
            budget, blocks, measure, first=finished, what="blocks of windows", advice=TOO_SLOW
        ):
            done.append(piece)
    except BudgetError:
        store.write_bytes(checkpoint, _join(done, watch).to_bytes(), CONTENT_TYPE)
        raise
    return _join(done, watch)


def _end_of(windows: range, model: Diarizer) -> int:
    return (windows.stop - 1) * model.hop_samples + model.window_samples


def _join(done: Sequence[Slice], watch: Stopwatch) -> Slice:
    receipts = [receipt for piece in done for receipt in piece.receipts]
    return Slice(*join_slices(done), (*receipts, watch.read()))


if is_provisioned():
    load_model()


@observed("diarize")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = DiarizeSettings.from_env()
    budget = Budget.from_context(context)
    with step("load the model"):
        model = load_model()
    return run(event, store=S3Store(settings.bucket), model=model, budget=budget)
