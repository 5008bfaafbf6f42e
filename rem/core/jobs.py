"""The job of each stage, parsed from its Step Functions event. Nothing else parses these events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rem.core.chunks import Chunk
from rem.core.errors import parse_cause
from rem.core.recordings import Recording

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChunkJob:
    """The job to transcribe one chunk, or to diarize one slice, of a prepared recording."""

    recording: Recording
    prepared_key: str
    chunk: Chunk

    @classmethod
    def from_event(cls, event: Event) -> ChunkJob:
        return cls(
            Recording.from_event(event["recording"]), event["preparedKey"], Chunk.from_event(event["chunk"])
        )


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """The job to join all slices of a recording into turns."""

    recording: Recording
    prepared_key: str
    slice_keys: tuple[str, ...]

    @classmethod
    def from_event(cls, event: Event) -> ClusterJob:
        keys = tuple(item["key"] for item in event["slices"])
        return cls(Recording.from_event(event["recording"]), event["preparedKey"], keys)


@dataclass(frozen=True, slots=True)
class AssembleJob:
    """The job to join the words of all chunks with the turns."""

    recording: Recording
    prepared_key: str
    chunk_keys: tuple[str, ...]
    turns_key: str

    @classmethod
    def from_event(cls, event: Event) -> AssembleJob:
        keys = tuple(item["key"] for item in event["listened"]["chunks"])
        return cls(
            Recording.from_event(event), event["prepared"]["key"], keys, event["listened"]["turns"]["key"]
        )


@dataclass(frozen=True, slots=True)
class EnrichJob:
    """The job to make one note with one recipe.

    Attributes:
        planned: All recipes of this recording, in the order in which they share the spending ceiling.
    """

    recording: Recording
    assembled_key: str
    recipe: str
    planned: tuple[str, ...]

    @classmethod
    def from_event(cls, event: Event) -> EnrichJob:
        return cls(
            Recording.from_event(event["recording"]),
            event["assembledKey"],
            event["recipe"]["name"],
            tuple(recipe["name"] for recipe in event["planned"]),
        )


@dataclass(frozen=True, slots=True)
class PublishJob:
    """The job to write the final documents. A silent recording has neither transcript nor notes.

    Attributes:
        failures: {"error", "message"} of each optional recipe that failed, by recipe.
    """

    recording: Recording
    prepared_key: str
    assembled_key: str | None
    note_keys: tuple[str, ...]
    failures: Mapping[str, Mapping[str, str]]

    @classmethod
    def from_event(cls, event: Event) -> PublishJob:
        return cls(
            Recording.from_event(event),
            event["prepared"]["key"],
            event["assembled"]["key"] if "assembled" in event else None,
            tuple(note["key"] for note in event.get("notes", []) if "key" in note),
            {
                note["recipe"]: _read_failure(note["failure"])
                for note in event.get("notes", [])
                if "key" not in note
            },
        )


def _read_failure(failure: Mapping[str, str]) -> dict[str, str]:
    """Read what a Catch passes on: always Error, mostly Cause."""
    return {"error": failure["Error"], "message": parse_cause(failure.get("Cause", ""))}
