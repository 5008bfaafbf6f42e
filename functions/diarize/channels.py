"""Turns of a recording whose people have a channel each: where somebody speaks on it, that person speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rem.core import Json
from rem.core.jobs import ClusterJob
from rem.core.places import artifact_key, compute_fingerprint, parse_fingerprint
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.ports import Store
from rem.stage.prepared import Prepared
from rem.stage.work import build_once
from rem.transcripts.speakers import label_by_appearance
from rem.transcripts.transcript import Turn

VERSION = 1


def run(event: Mapping[str, Any], *, store: Store) -> Json:
    """Write the turns of all channels, in the form of Cluster's result; no model is needed."""
    job = ClusterJob.from_event(event)
    fingerprint = compute_fingerprint("channels", VERSION, [parse_fingerprint(job.prepared_key)], {})
    key = artifact_key(job.recording.recording_id, "cluster", fingerprint)
    document = build_once(store, "cluster", key, lambda: _follow(Prepared.load(store, job.prepared_key)))
    return {"key": key, "turns": len(document["turns"]), "voices": len(document["voices"])}


def _follow(prepared: Prepared) -> Json:
    """Number the channels by who speaks first; a silent one gets no number."""
    heard = [
        Turn(region.start / SAMPLE_RATE_HZ, region.end / SAMPLE_RATE_HZ, str(number))
        for number, channel in enumerate(prepared.channels)
        for region in channel.speech
    ]
    labels = label_by_appearance(heard)
    turns = [Turn(turn.start_s, turn.end_s, labels[turn.speaker]) for turn in heard]
    speech_s = [sum(region.seconds for region in channel.speech) for channel in prepared.channels]
    return {
        "turns": [turn.to_json() for turn in sorted(turns, key=lambda turn: turn.start_s)],
        "channels": [labels.get(str(number)) for number in range(len(prepared.channels))],
        "voices": [
            {"label": new, "speechSeconds": round(speech_s[int(old)], 2)} for old, new in labels.items()
        ],
        "receipts": [],
    }
