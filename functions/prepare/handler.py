"""Prepare: decode, measure, find speech once, plan the chunks. Everything later works on its audio."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.core import Json
from rem.core.chunks import Chunk, Region, clip_regions, join_regions, plan_chunks, plan_slices
from rem.core.places import artifact_key, compute_fingerprint
from rem.core.recordings import SAMPLE_RATE_HZ, STARTED_AT, Recording
from rem.core.records import Status
from rem.ports import Catalog, Store
from rem.stage.observe import observed
from rem.stage.settings import PrepareSettings, is_provisioned
from rem.stage.work import Context, build_once

if TYPE_CHECKING:
    from functions.prepare.hear import Heard

VERSION = 2


def run(event: Mapping[str, Any], *, store: Store, catalog: Catalog, settings: PrepareSettings) -> Json:
    recording = Recording.from_event(event)
    head = store.read_head(recording.key)
    started_at = head.metadata.get(STARTED_AT, recording.started_at)
    catalog.advance(replace(recording, started_at=started_at), Status.TRANSCRIBING, {})
    choices = settings.model_dump(exclude={"bucket", "table"})
    fingerprint = compute_fingerprint("prepare", VERSION, [head.etag, started_at], choices)
    key = artifact_key(recording.recording_id, "prepare", fingerprint)
    document = build_once(
        store,
        "prepare",
        key,
        lambda: _prepare(recording.key, key, store, settings) | {"startedAt": started_at},
    )
    counters = ("durationSeconds", "speechSeconds", "chunks", "slices")
    return {"key": key, "hasSpeech": document["speechSeconds"] > 0} | {n: document[n] for n in counters}


def _prepare(raw_key: str, key: str, store: Store, settings: PrepareSettings) -> Json:
    from functions.prepare.hear import hear
    from functions.prepare.speech import find_speech

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / f"source{Path(raw_key).suffix}"
        store.download(raw_key, source)
        heard = hear(source, folder, settings.channels)
        source.unlink()  # a long recording fits /tmp only once
        speech = [find_speech(file.path, settings, file.silences) for file in heard.files]
        audio_keys = [key.replace(".json", f".{i}.wav") for i in range(len(heard.files))]
        for file, audio_key in zip(heard.files, audio_keys, strict=True):
            store.upload(file.path, audio_key, "audio/wav")
    spoken = join_regions(itertools.chain.from_iterable(speech))
    return {
        "channels": [
            {"audioKey": audio_key, "speech": [[region.start, region.end] for region in regions]}
            for audio_key, regions in zip(audio_keys, speech, strict=True)
        ],
        "samples": heard.samples,
        "durationSeconds": round(heard.samples / SAMPLE_RATE_HZ, 3),
        "speechSeconds": round(sum(region.seconds for region in spoken), 3),
        "audio": _describe(heard),
        "chunks": [chunk.to_event() for chunk in _plan_chunks(heard, speech, settings)],
        "slices": [piece.to_event() for piece in _plan_slices(heard, settings)],
    }


def _describe(heard: Heard) -> Json:
    """Write down what a reader of the transcript needs to know of the sound."""
    return asdict(heard.measure_loudness()) | {
        "channels": heard.mode,
        "heard": [{"source": name} for name in heard.names],
        "dropped": [{"source": name, "reason": reason} for name, reason in heard.dropped.items()],
        "damage": [damage.to_json() for damage in heard.damage],
    }


def _plan_chunks(heard: Heard, speech: Sequence[Sequence[Region]], settings: PrepareSettings) -> list[Chunk]:
    """Cut the recording, or each of its split channels by itself where somebody speaks on it."""
    planned = [
        replace(chunk, channel=channel)
        for channel, regions in enumerate(speech)
        for chunk in plan_chunks(heard.samples, regions, settings.transcribe_chunk_s)
        if len(speech) == 1 or clip_regions(regions, chunk.start, chunk.end)
    ]
    return [replace(chunk, index=index) for index, chunk in enumerate(planned)]


def _plan_slices(heard: Heard, settings: PrepareSettings) -> list[Chunk]:
    """Cut the window grid; where channels are split, each is one person and nothing is left to diarize."""
    return plan_slices(heard.samples, settings.diarize_slice_s) if len(heard.files) == 1 else []


def warm_up() -> None:
    """Load the decoder and the VAD before the first recording comes."""
    import faster_whisper.vad

    import functions.prepare.hear  # noqa: F401

    faster_whisper.vad.get_vad_model()


if is_provisioned():
    warm_up()


@observed("prepare")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = PrepareSettings.from_env()
    return run(
        event, store=S3Store(settings.bucket), catalog=DynamoCatalog(settings.table), settings=settings
    )
