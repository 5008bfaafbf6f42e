"""Cluster (the reduce): finds the same voice in the windows of all slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from functions.diarize import channels
from functions.diarize.model import load_model
from functions.diarize.slices import Slice, join_slices
from rem.adapters.s3 import S3Store
from rem.core import Json
from rem.core.errors import SetupError
from rem.core.jobs import ClusterJob
from rem.core.places import artifact_key, compute_fingerprint, parse_fingerprint
from rem.ports import Diarizer, Floats, Store
from rem.stage.observe import observed, step
from rem.stage.settings import ClusterSettings, is_provisioned, memory_mb
from rem.stage.work import Context, build_once
from rem.transcripts.speakers import label_by_appearance
from rem.transcripts.transcript import Turn

VERSION = 3
LEAST_SHARE = 0.2  # of a window, as in pyannote's filter_embeddings
# benchmarks/clustering.py measured the memory of the process, of a distance between two voices, of a window,
# and of writing the turns of four voices.
BASE_MB, PAIR_BYTES, WINDOW_BYTES, TURNS_BYTES = 500, 8, 9_000, 40_000


def run(event: Mapping[str, Any], *, store: Store, model: Diarizer, settings: ClusterSettings) -> Json:
    job = ClusterJob.from_event(event)
    inputs = [parse_fingerprint(key) for key in job.slice_keys]
    choices = {"model": model.identity, "speakers": settings.speakers, "points": settings.cluster_points}
    key = artifact_key(
        job.recording.recording_id, "cluster", compute_fingerprint("cluster", VERSION, inputs, choices)
    )
    document = build_once(store, "cluster", key, lambda: _cluster(job, store, model, settings))
    counts = {"turns": len(document["turns"]), "voices": len(document["voices"])}
    return {"key": key, **counts, "points": document["points"], "compared": document["compared"]}


def _cluster(job: ClusterJob, store: Store, model: Diarizer, settings: ClusterSettings) -> Json:
    slices = [Slice.from_bytes(store.read_bytes(key)) for key in job.slice_keys]
    segmentations, embeddings = join_slices(slices)
    points = count_points(segmentations)
    compared = min(points, settings.cluster_points)
    check_memory(compared, len(segmentations))
    clusters = model.cluster(segmentations, embeddings, settings.speakers, settings.cluster_points)
    ordered = sorted(clusters.turns, key=lambda turn: turn.start_s)
    labels = label_by_appearance(ordered)
    turns = [Turn(turn.start_s, turn.end_s, labels[turn.speaker]) for turn in ordered]
    return {
        "diarizationModel": model.name,
        "points": points,
        "compared": compared,
        "turns": [turn.to_json() for turn in turns],
        "voices": [
            {
                "label": new,
                "speechSeconds": _speech_s(turns, new),
                "embedding": list(clusters.embeddings[old]),
            }
            for old, new in labels.items()
        ],
        "receipts": [receipt.to_json() for piece in slices for receipt in piece.receipts],
    }


def count_points(segmentations: Floats) -> int:
    """Count the slots that pyannote compares with each other: those alone for a fifth of their window."""
    alone = segmentations * (segmentations.sum(axis=2, keepdims=True) == 1)
    return int((alone.sum(axis=1) >= LEAST_SHARE * segmentations.shape[1]).sum())


def check_memory(compared: int, windows: int) -> None:
    """Refuse a recording whose clustering would end this process: all distances are in memory at once.

    Raises:
        SetupError: the recording is too long for the memory; says how much it needs.
    """
    comparing, writing = compared**2 * PAIR_BYTES + windows * WINDOW_BYTES, windows * TURNS_BYTES
    needed_mb = BASE_MB + max(comparing, writing) // 10**6
    if needed_mb > memory_mb():
        message = f"{windows:,} windows, {compared:,} voices in them compared, need about {needed_mb:,} MB"
        advice = "raise `memory_mb` of cluster, lower `cluster_points`, or widen `segmentation_step`"
        raise SetupError(f"{message} and there are {memory_mb():,}: {advice}")


def _speech_s(turns: Sequence[Turn], label: str) -> float:
    return round(sum(turn.end_s - turn.start_s for turn in turns if turn.speaker == label), 2)


if is_provisioned():
    load_model()


@observed("cluster")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = ClusterSettings.from_env()
    store = S3Store(settings.bucket)
    if not event["slices"]:
        return channels.run(event, store=store)
    with step("load the model"):
        model = load_model()
    return run(event, store=store, model=model, settings=settings)
