"""In-memory stand-ins for the ports. They keep the ports' promises; nothing of ours is patched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rem.core.jobs import Status
from rem.core.recordings import Recording
from rem.core.transcript import Segment, Word
from rem.ports import Head, Json, Samples


@dataclass
class FakeStore:
    objects: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def exists(self, key: str) -> bool:
        return key in self.objects

    def read_head(self, key: str) -> Head:
        digest = hashlib.md5(self.objects[key], usedforsecurity=False).hexdigest()
        return Head(digest, self.metadata.get(key, {}))

    def read_json(self, key: str) -> Json:
        document: Json = json.loads(self.objects[key])
        return document

    def read_bytes(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        return self.objects[key][start:end]

    def write_json(self, key: str, document: Mapping[str, Any]) -> None:
        self.write_bytes(key, json.dumps(document).encode(), "application/json")

    def write_bytes(self, key: str, content: bytes, content_type: str) -> None:
        self.writes.append(key)
        self.objects[key] = content

    def download(self, key: str, path: Path) -> None:
        path.write_bytes(self.objects[key])

    def upload(self, path: Path, key: str, content_type: str) -> None:
        self.write_bytes(key, path.read_bytes(), content_type)


@dataclass
class FakeCatalog:
    records: dict[str, Json] = field(default_factory=dict)

    def advance(self, recording: Recording, status: Status, fields: Mapping[str, Any]) -> bool:
        record = self.records.setdefault(recording.recording_id, {"rank": 0})
        if record["rank"] > status.rank:
            return False
        record |= {"status": status, "rank": status.rank, "startedAt": recording.started_at, **fields}
        return True

    def read(self, user_id: str, recording_id: str) -> Json | None:
        return self.records.get(recording_id)


@dataclass
class FakeTranscriber:
    """Hears one word per half second of what it is given: its text is its number."""

    name: str = "fake"
    heard_s: list[float] = field(default_factory=list)

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        return "en", 0.9

    def transcribe(self, samples: Samples, language: str) -> list[Segment]:
        length_s = len(samples) / 16_000
        self.heard_s.append(length_s)
        words = tuple(Word(i / 2, i / 2 + 0.4, f"w{i}", 0.9) for i in range(int(length_s * 2)))
        return [Segment(words)] if words else []
