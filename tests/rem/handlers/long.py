"""The stages of a ten-hour recording, with models that take no time: keys, chunks and counters are real."""

from __future__ import annotations

from rem.core.chunks import Region, plan_chunks, plan_slices
from rem.core.places import artifact_key, compute_fingerprint

HZ = 16_000
HOURS = 10
SETTINGS_S = {"chunk": 600, "slice": 600}  # stages.yaml's


def _key(event, stage, extension="json"):
    recording = event.get("recording", event)
    choices = {"chunk": event.get("chunk"), "recipe": event.get("recipe")}
    return artifact_key(
        recording["recordingId"], stage, compute_fingerprint(stage, 1, [], choices), extension
    )


def start(event, context):
    return {}


def prepare(event, context):
    samples = HOURS * 3600 * HZ
    speech = [Region(i * HZ, i * HZ + 7 * HZ) for i in range(0, HOURS * 3600 - 8, 9)]
    return {
        "key": _key(event, "prepare"),
        "hasSpeech": True,
        "durationSeconds": samples / HZ,
        "speechSeconds": sum(region.seconds for region in speech),
        "chunks": [c.to_event() for c in plan_chunks(samples, speech, SETTINGS_S["chunk"])],
        "slices": [c.to_event() for c in plan_slices(samples, SETTINGS_S["slice"])],
    }


def transcribe(event, context):
    return {"key": _key(event, "transcribe"), "words": 1500}


def diarize(event, context):
    return {"key": _key(event, "diarize", "npz")}


def cluster(event, context):
    assert len(event["slices"]) == HOURS * 6
    return {"key": _key(event, "cluster"), "turns": 9000, "voices": 4}


def assemble(event, context):
    assert len(event["listened"]["chunks"]) >= HOURS * 6
    counters = {"segments": 9000, "words": 90_000, "speakers": 4}
    return {"key": _key(event, "assemble"), **counters, "recipes": [{"name": "notes", "required": True}]}


def enrich(event, context):
    return {"recipe": event.get("recipe"), "key": _key(event, "enrich")}


def publish(event, context):
    return {"keys": {}}
