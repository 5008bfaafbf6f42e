"""Prepare: decode, measure, find speech once, plan the chunks. Everything later works on its audio."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.core import Json
from rem.core.chunks import plan_chunks, plan_slices
from rem.core.places import artifact_key, compute_fingerprint
from rem.core.recordings import SAMPLE_RATE_HZ, STARTED_AT, Recording
from rem.core.records import Status
from rem.ports import Catalog, Store
from rem.stage.observe import observed
from rem.stage.settings import PrepareSettings, is_provisioned
from rem.stage.work import Context, build_once

VERSION = 1


def run(event: Mapping[str, Any], *, store: Store, catalog: Catalog, settings: PrepareSettings) -> Json:
    recording = Recording.from_event(event)
    head = store.read_head(recording.key)
    started_at = head.metadata.get(STARTED_AT, recording.started_at)
    catalog.advance(replace(recording, started_at=started_at), Status.TRANSCRIBING, {})
    choices = settings.model_dump(exclude={"bucket", "table"})
    fingerprint = compute_fingerprint("prepare", VERSION, [head.etag, started_at], choices)
    key = artifact_key(recording.recording_id, "prepare", fingerprint)
    audio_key = artifact_key(recording.recording_id, "prepare", fingerprint, "wav")
    document = build_once(
        store,
        "prepare",
        key,
        lambda: _prepare(recording.key, audio_key, store, settings) | {"startedAt": started_at},
    )
    counters = ("durationSeconds", "speechSeconds", "chunks", "slices")
    return {"key": key, "hasSpeech": bool(document["speech"])} | {name: document[name] for name in counters}


def _prepare(raw_key: str, audio_key: str, store: Store, settings: PrepareSettings) -> Json:
    from functions.prepare.decode import decode_to_wav
    from functions.prepare.speech import find_speech

    with tempfile.TemporaryDirectory() as folder:
        source, audio = Path(folder, "source" + Path(raw_key).suffix), Path(folder, "audio.wav")
        store.download(raw_key, source)
        samples, loudness = decode_to_wav(source, audio)
        source.unlink()  # a long recording fits /tmp only once
        speech = find_speech(audio, settings)
        store.upload(audio, audio_key, "audio/wav")
    chunks = plan_chunks(samples, speech, settings.transcribe_chunk_s)
    return {
        "audioKey": audio_key,
        "samples": samples,
        "durationSeconds": round(samples / SAMPLE_RATE_HZ, 3),
        "speechSeconds": round(sum(region.seconds for region in speech), 3),
        "loudness": asdict(loudness),
        "speech": [[region.start, region.end] for region in speech],
        "chunks": [chunk.to_event() for chunk in chunks],
        "slices": [piece.to_event() for piece in plan_slices(samples, settings.diarize_slice_s)],
    }


def warm_up() -> None:
    """Load the decoder and the VAD before the first recording comes."""
    import faster_whisper.vad

    import functions.prepare.decode  # noqa: F401

    faster_whisper.vad.get_vad_model()


if is_provisioned():
    warm_up()


@observed("prepare")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = PrepareSettings.from_env()
    return run(
        event, store=S3Store(settings.bucket), catalog=DynamoCatalog(settings.table), settings=settings
    )
