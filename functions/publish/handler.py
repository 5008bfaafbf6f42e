"""Publish: writes the final documents and marks the record COMPLETE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.core import Json
from rem.core.jobs import PublishJob
from rem.core.records import Status
from rem.library.documents import put_names, write_documents
from rem.ports import Catalog, Store
from rem.stage.observe import count_transcript, observed
from rem.stage.prepared import Prepared
from rem.stage.settings import PublishSettings
from rem.stage.work import Context, Stopwatch
from rem.transcripts.receipts import Receipt, sum_by_stage
from rem.transcripts.transcript import Transcript


def run(event: Mapping[str, Any], *, store: Store, catalog: Catalog) -> Json:
    """Write every document, also over an older one: the same input gives the same documents."""
    watch = Stopwatch("publish")
    job = PublishJob.from_event(event)
    transcript, receipts = _load(job, store)
    transcript = _put_names(transcript, catalog)
    stages = [receipt.to_json() for receipt in sum_by_stage([*receipts, watch.read()])]
    transcript = replace(transcript, stages=tuple(stages))
    key = write_documents(store, transcript)
    title = transcript.notes.get("notes", {}).get("title", "")
    changes = {
        "transcript_key": key,
        "title": title,
        "duration_s": transcript.duration_s,
        "speaker_count": len(transcript.speakers),
    }
    catalog.advance(transcript.recording, Status.COMPLETE, changes)
    count_transcript(transcript)
    return {"transcriptKey": key, "speakers": len(transcript.speakers)}


def _load(job: PublishJob, store: Store) -> tuple[Transcript, list[Receipt]]:
    prepared = Prepared.load(store, job.prepared_key)
    if job.assembled_key is None:
        return _build_silent(job, prepared), list(prepared.receipts)
    document = store.read_json(job.assembled_key)
    notes = [store.read_json(key) for key in job.note_keys]
    receipts = [Receipt.from_json(r) for source in (document, *notes) for r in source["receipts"]]
    transcript = Transcript.from_json(document)
    made = {note["recipe"]: note["note"] for note in notes}
    return replace(transcript, notes={**made, **job.failures}), receipts


def _put_names(transcript: Transcript, catalog: Catalog) -> Transcript:
    """Name each voice as a person did, else as the recording itself says."""
    record = catalog.read(transcript.recording.user_id, transcript.recording.recording_id)
    return put_names(transcript, record.speaker_names if record else {})


def _build_silent(job: PublishJob, prepared: Prepared) -> Transcript:
    """Build the empty transcript of a recording in which nobody speaks."""
    return Transcript(
        recording=replace(job.recording, started_at=prepared.started_at),
        duration_s=prepared.duration_s,
        speech_s=0.0,
        language=None,
        whisper_model="",
        transcribed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        audio=prepared.audio,
    )


@observed("publish")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = PublishSettings.from_env()
    return run(event, store=S3Store(settings.bucket), catalog=DynamoCatalog(settings.table))
