"""Enrich: one note from the whole transcript by one recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rem.aws import S3Store
from rem.config import EnrichSettings
from rem.core.jobs import EnrichJob
from rem.core.keys import artifact_key, compute_fingerprint, parse_fingerprint
from rem.core.transcript import Transcript
from rem.ports import Enricher, Json, Store
from rem.stage import Context, build_once

VERSION = 1


def run(event: Mapping[str, Any], *, store: Store, model: Enricher, settings: EnrichSettings) -> Json:
    job = EnrichJob.from_event(event)
    choices = settings.model_dump(exclude={"bucket", "table"}) | {
        "engine": model.engine,
        "recipe": job.recipe,
    }
    fingerprint = compute_fingerprint("enrich", VERSION, [parse_fingerprint(job.assembled_key)], choices)
    key = artifact_key(job.recording.recording_id, "enrich", fingerprint)
    build_once(store, "enrich", key, lambda: _enrich(job, store, model))
    return {"recipe": job.recipe, "key": key}


def _enrich(job: EnrichJob, store: Store, model: Enricher) -> Json:
    transcript = Transcript.from_json(store.read_json(job.assembled_key))
    return {"recipe": job.recipe, "note": model.enrich(transcript, job.recipe)}


def handler(event: Mapping[str, Any], context: Context) -> Json:
    from functions.enrich.offline import OfflineEnricher

    settings = EnrichSettings.from_env()
    model = OfflineEnricher(settings.summary_sentences)
    return run(event, store=S3Store(settings.bucket), model=model, settings=settings)
