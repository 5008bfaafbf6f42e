"""Transcribe: writes down the words of one chunk, where Prepare found speech."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from rem.adapters.s3 import S3Store
from rem.core import Json
from rem.core.chunks import Clip, Region, pack_regions
from rem.core.errors import BudgetError
from rem.core.jobs import ChunkJob
from rem.core.places import artifact_key, compute_fingerprint, parse_fingerprint
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.ports import Samples, Store, Transcriber
from rem.stage.observe import observed, step
from rem.stage.prepared import Prepared
from rem.stage.settings import TranscribeSettings, is_provisioned, thread_count
from rem.stage.work import Budget, Context, Stopwatch, build_once, log_progress, work_through
from rem.transcripts.transcript import Segment, Word

VERSION = 3
TOO_SLOW = (
    "raise `timeout_s` or `memory_mb` of transcribe, lower `batch_clips`, or take a smaller `whisper_model`"
)


def run(
    event: Mapping[str, Any],
    *,
    store: Store,
    model: Transcriber,
    budget: Budget,
    settings: TranscribeSettings,
) -> Json:
    job = ChunkJob.from_event(event)
    choices = settings.model_dump(exclude={"bucket", "table", "whisper_model"})
    choices |= {"model": model.identity, **job.chunk.to_event()}
    fingerprint = compute_fingerprint("transcribe", VERSION, [parse_fingerprint(job.prepared_key)], choices)
    key = artifact_key(job.recording.recording_id, "transcribe", fingerprint)
    document = build_once(
        store, "transcribe", key, lambda: _transcribe(job, key, store, model, budget, settings)
    )
    return {"key": key, "words": sum(len(segment["words"]) for segment in document["segments"])}


def _transcribe(
    job: ChunkJob, key: str, store: Store, model: Transcriber, budget: Budget, settings: TranscribeSettings
) -> Json:
    """Transcribe batch after batch of clips; store what is finished before the time runs out."""
    watch = Stopwatch("transcribe")
    prepared = Prepared.load(store, job.prepared_key)
    clips = pack_regions(prepared.speech_in(job.chunk), settings.longest_clip_s, settings.widest_gap_s)
    batches = [clips[i : i + settings.batch_clips] for i in range(0, len(clips), settings.batch_clips)]
    checkpoint = key.replace(".json", ".partial.json")
    empty: Json = {"batches": 0, "segments": [], "receipts": []}
    done = store.read_json(checkpoint) if store.exists(checkpoint) else empty
    sound = prepared.read_samples(store, job.chunk.start, job.chunk.end, job.chunk.channel)

    def cut(clip: Clip) -> Samples:
        return np.concatenate([sound[r.start - job.chunk.start :][: r.end - r.start] for r in clip.regions])

    def transcribe(batch: list[Clip]) -> list[Segment]:
        heard = model.transcribe([cut(clip) for clip in batch], language)
        return [s for clip, found in zip(batch, heard, strict=True) for s in place_segments(found, clip)]

    language = done.get("language") or detect_language(clips, cut, model, settings)
    try:
        for found in work_through(
            budget, batches, transcribe, first=done["batches"], what="batches of clips", advice=TOO_SLOW
        ):
            done["segments"] += [segment.to_json(0) for segment in found]
            done["batches"] += 1
            finished = clips[: done["batches"] * settings.batch_clips]
            recording_id, part = job.recording.recording_id, job.chunk.index
            log_progress("transcribe", recording_id, part, _seconds(finished), _seconds(clips))
    except BudgetError:
        receipts = [*done["receipts"], watch.read().to_json()]
        store.write_json(checkpoint, done | {"language": language, "receipts": receipts})
        raise
    return {
        "language": language if clips else None,
        "whisperModel": model.name,
        "segments": done["segments"],
        "receipts": done["receipts"],
    }


def place_segments(segments: list[Segment], clip: Clip) -> list[Segment]:
    """Move words from seconds of the clip to seconds of the recording.

    A word belongs to the region that its middle lies in, and is cut at the region's edges. A word after
    the clip's end was invented and is dropped. A segment ends where a silence was cut out of the clip.
    """
    placed = []
    for segment in segments:
        heard = [(clip.find_region((w.start_s + w.end_s) / 2), w) for w in segment.words]
        inside = [(found, w) for found, w in heard if w.start_s < clip.seconds]
        for (region, offset_s), run in groupby(inside, key=itemgetter(0)):
            placed.append(Segment(tuple(_keep_inside(w.shifted(offset_s), region) for _, w in run)))
    return placed


def _keep_inside(word: Word, region: Region) -> Word:
    start_s, end_s = region.start / SAMPLE_RATE_HZ, region.end / SAMPLE_RATE_HZ
    return replace(word, start_s=max(word.start_s, start_s), end_s=min(word.end_s, end_s))


def detect_language(
    clips: list[Clip], cut: Callable[[Clip], Samples], model: Transcriber, settings: TranscribeSettings
) -> str:
    """Return the language that was set, else detect it in the longest clip."""
    if settings.language or not clips:
        return settings.language or ""
    longest = max(clips, key=lambda clip: clip.seconds)
    language, _ = model.detect_language(cut(longest))
    return language


def _seconds(clips: Sequence[Clip]) -> float:
    return sum(clip.seconds for clip in clips)


@functools.cache
def load_model() -> Transcriber:
    from functions.transcribe.whisper import WhisperTranscriber

    settings = TranscribeSettings.from_env()
    return WhisperTranscriber(
        Path(settings.whisper_model), beam_size=settings.beam_size, threads=thread_count()
    )


if is_provisioned():
    load_model()


@observed("transcribe")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = TranscribeSettings.from_env()
    store, budget = S3Store(settings.bucket), Budget.from_context(context)
    with step("load the model"):
        model = load_model()
    return run(event, store=store, model=model, budget=budget, settings=settings)
