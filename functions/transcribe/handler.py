"""Transcribe: the words of one chunk, only where somebody speaks."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rem.audio import Prepared
from rem.aws import S3Store
from rem.config import TranscribeSettings, is_provisioned, thread_count
from rem.core.chunks import Region, pack_regions
from rem.core.errors import BudgetError
from rem.core.jobs import ChunkJob
from rem.core.keys import artifact_key, compute_fingerprint, parse_fingerprint
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.core.transcript import Segment
from rem.observe import observed, step
from rem.ports import Json, Store, Transcriber
from rem.stage import Budget, Context, Stopwatch, build_once, log_progress

VERSION = 1


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
    choices |= {"model": model.name, **job.chunk.to_event()}
    fingerprint = compute_fingerprint("transcribe", VERSION, [parse_fingerprint(job.prepared_key)], choices)
    key = artifact_key(job.recording.recording_id, "transcribe", fingerprint)
    document = build_once(
        store, "transcribe", key, lambda: _transcribe(job, key, store, model, budget, settings)
    )
    return {"key": key, "words": sum(len(segment["words"]) for segment in document["segments"])}


def _transcribe(
    job: ChunkJob, key: str, store: Store, model: Transcriber, budget: Budget, settings: TranscribeSettings
) -> Json:
    """Clip after clip; what is finished is stored before the time runs out, and the next attempt goes on."""
    watch = Stopwatch("transcribe")
    prepared = Prepared.load(store, job.prepared_key)
    clips = pack_regions(prepared.speech_in(job.chunk), settings.longest_clip_s, settings.widest_gap_s)
    checkpoint = key.replace(".json", ".partial.json")
    empty: Json = {"clips": 0, "segments": [], "receipts": []}
    done = store.read_json(checkpoint) if store.exists(checkpoint) else empty
    language = done.get("language") or detect_language(prepared, clips, store, model, settings)
    for i in range(done["clips"], len(clips)):
        if budget.is_spent and i > done["clips"]:
            receipts = [*done["receipts"], watch.read().to_json()]
            store.write_json(checkpoint, done | {"clips": i, "language": language, "receipts": receipts})
            raise BudgetError(
                f"{i} of {len(clips)} clips are transcribed and stored; the next attempt goes on"
            )
        samples = prepared.read_samples(store, clips[i].start, clips[i].end)
        found = model.transcribe(samples, language)
        done["segments"] += [s.to_json(0) for s in _place(found, clips[i])]
        log_progress(
            "transcribe",
            job.recording.recording_id,
            job.chunk.index,
            _seconds(clips[: i + 1]),
            _seconds(clips),
        )
    return {
        "language": language if clips else None,
        "whisperModel": model.name,
        "segments": done["segments"],
        "receipts": done["receipts"],
    }


def _place(segments: list[Segment], clip: Region) -> list[Segment]:
    """From seconds inside the clip to seconds of the recording; no word reaches beyond its clip."""
    offset_s, end_s = clip.start / SAMPLE_RATE_HZ, clip.end / SAMPLE_RATE_HZ
    placed = [segment.shifted(offset_s) for segment in segments]
    return [
        replace(s, words=tuple(replace(w, end_s=min(w.end_s, end_s)) for w in s.words if w.start_s < end_s))
        for s in placed
        if s.start_s < end_s
    ]


def detect_language(
    prepared: Prepared, clips: list[Region], store: Store, model: Transcriber, settings: TranscribeSettings
) -> str:
    """The language that was set, else the one that the longest clip is spoken in."""
    if settings.language or not clips:
        return settings.language or ""
    longest = max(clips, key=lambda clip: clip.end - clip.start)
    language, _ = model.detect_language(prepared.read_samples(store, longest.start, longest.end))
    return language


def _seconds(clips: list[Region]) -> float:
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
