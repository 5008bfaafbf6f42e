"""Assemble: joins words and turns to a transcript that can be read before notes are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.core import Json
from rem.core.jobs import AssembleJob
from rem.core.places import artifact_key, compute_fingerprint, parse_fingerprint, transcript_key
from rem.core.records import Status
from rem.ports import Catalog, Store
from rem.stage.observe import observed
from rem.stage.prepared import Prepared
from rem.stage.recipe_files import choose_recipes
from rem.stage.settings import AssembleSettings
from rem.stage.work import Context, build_once
from rem.transcripts.receipts import Receipt, sum_by_stage
from rem.transcripts.sound import name_channels
from rem.transcripts.speakers import join_channels, measure_speakers, split_at_speakers
from rem.transcripts.transcript import Segment, Transcript, Turn, join_chunks

VERSION = 2


def run(event: Mapping[str, Any], *, store: Store, catalog: Catalog, settings: AssembleSettings) -> Json:
    job = AssembleJob.from_event(event)
    inputs = [parse_fingerprint(key) for key in (job.prepared_key, *job.chunk_keys, job.turns_key)]
    key = artifact_key(
        job.recording.recording_id, "assemble", compute_fingerprint("assemble", VERSION, inputs, {})
    )
    document = build_once(store, "assemble", key, lambda: _assemble(job, store))
    recording = replace(job.recording, started_at=document["startedAt"])
    readable = transcript_key(recording.user_id, recording.device_id, recording.recording_id)
    changes = {
        "duration_s": document["durationSeconds"],
        "speaker_count": document["speakerCount"],
        "transcript_key": readable,
    }
    if catalog.advance(recording, Status.TRANSCRIBED, changes):
        store.write_json(readable, {name: value for name, value in document.items() if name != "receipts"})
    return {
        "key": key,
        "segments": len(document["segments"]),
        "words": sum(len(segment["words"]) for segment in document["segments"]),
        "speakers": document["speakerCount"],
        "recipes": _plan(document, settings),
    }


def _plan(document: Json, settings: AssembleSettings) -> list[Json]:
    """Choose the recipes whose languages and least speech fit this recording."""
    chosen = choose_recipes(
        settings.recipes, settings.recipe_names, document["language"], document["speechSeconds"]
    )
    return [{"name": recipe.name, "required": recipe.required} for recipe in chosen]


def _assemble(job: AssembleJob, store: Store) -> Json:
    prepared = Prepared.load(store, job.prepared_key)
    chunks = [store.read_json(key) for key in job.chunk_keys]
    clustered = store.read_json(job.turns_key)
    turns = [Turn.from_json(turn) for turn in clustered["turns"]]
    heard = [[Segment.from_json(s) for s in chunk["segments"]] for chunk in chunks]
    if prepared.is_split:
        labels = [clustered["channels"][chunk.channel] for chunk in prepared.chunks]
        segments = join_channels(heard, labels)
    else:
        segments = split_at_speakers(join_chunks(heard), turns)
    receipts = [
        *prepared.receipts,
        *(Receipt.from_json(receipt) for source in (*chunks, clustered) for receipt in source["receipts"]),
    ]
    transcript = Transcript(
        recording=replace(job.recording, started_at=prepared.started_at),
        duration_s=prepared.duration_s,
        speech_s=prepared.speech_s,
        language=_vote_language(chunks),
        whisper_model=chunks[0]["whisperModel"],
        transcribed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        segments=tuple(segments),
        turns=tuple(turns),
        speakers=measure_speakers(segments, turns),
        stages=tuple(receipt.to_json() for receipt in sum_by_stage(receipts)),
        audio=name_channels(prepared.audio, clustered["channels"]) if prepared.is_split else prepared.audio,
    )
    return transcript.to_json() | {"receipts": [receipt.to_json() for receipt in receipts]}


def _vote_language(chunks: list[Json]) -> str | None:
    """Return the language of most words."""
    votes: Counter[str] = Counter()
    for chunk in chunks:
        if chunk["language"]:
            votes[chunk["language"]] += sum(len(segment["words"]) for segment in chunk["segments"])
    return votes.most_common(1)[0][0] if votes else None


@observed("assemble")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = AssembleSettings.from_env()
    return run(
        event, store=S3Store(settings.bucket), catalog=DynamoCatalog(settings.table), settings=settings
    )
