"""In-memory stand-ins for the ports. They keep the ports' promises; nothing of ours is patched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from rem.core import Json
from rem.core.api_keys import ApiKey
from rem.core.recordings import Recording
from rem.core.records import Record, Status, find_changes, to_fields
from rem.executions.execution import Execution
from rem.executions.history import HistoryEvent
from rem.ports import ObjectHead, ObjectVersion, Page, Samples, StoredPart
from rem.transcripts.transcript import Segment, Word


@dataclass
class FakeStore:
    objects: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)

    def exists(self, key: str) -> bool:
        return key in self.objects

    def read_head(self, key: str) -> ObjectHead:
        digest = hashlib.md5(self.objects[key], usedforsecurity=False).hexdigest()
        return ObjectHead(digest, self.metadata.get(key, {}))

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

    def create(self, key: str, content: bytes, content_type: str, metadata: Mapping[str, str]) -> bool:
        if key in self.objects:
            return False
        self.write_bytes(key, content, content_type)
        self.metadata[key] = dict(metadata)
        return True

    def find_versions(self, prefix: str) -> list[ObjectVersion]:
        self.searches.append(prefix)
        return [ObjectVersion(key, "null") for key in sorted(self.objects) if key.startswith(prefix)]

    def delete(self, versions: Sequence[ObjectVersion]) -> None:
        for version in versions:
            self.objects.pop(version.key, None)


@dataclass
class FakeCatalog:
    """Records as they are stored, by recording id. The clock shows a second more at each write."""

    FIRST_S: ClassVar[int] = 1_795_521_600  # 2026-11-24T12:00:00Z

    records: dict[str, Json] = field(default_factory=dict)
    clock_s: int = FIRST_S

    def advance(self, recording: Recording, status: Status, changes: Mapping[str, Any]) -> bool:
        old = self.records.get(recording.recording_id, {})
        if old.get("statusRank", 0) > status.rank:
            return False
        begun = Record.begin(recording, status).to_item()
        cleared = {} if status is Status.ERROR else {"error": None}
        return self._write({**old, **begun, **to_fields({**cleared, **changes})}, old)

    def read(self, user_id: str, recording_id: str) -> Record | None:
        item = self.records.get(recording_id)
        return Record.from_item(item) if item is not None and item["userId"] == user_id else None

    def replace(self, seen: Record | None, new: Record) -> bool:
        old = self.records.get(new.recording_id, {})
        if old.get("updatedAt") != (seen.updated_at if seen else None):
            return False
        return self._write({**old, **find_changes(seen, new)}, old)

    def read_open(self, before: str, limit: int) -> list[Record]:
        records = [Record.from_item(item) for item in self.records.values()]
        overdue = [record for record in records if not record.is_finished and record.updated_at < before]
        return sorted(overdue, key=lambda record: record.updated_at)[:limit]

    def change(self, user_id: str, recording_id: str, changes: Mapping[str, Any]) -> bool:
        if self.read(user_id, recording_id) is None:
            return False
        old = self.records[recording_id]
        return self._write({**old, **to_fields(changes)}, old)

    def find(
        self,
        user_id: str,
        *,
        device_id: str | None = None,
        session_id: str | None = None,
        since: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        wanted = {"userId": user_id, "sessionId": session_id, "deviceId": None if session_id else device_id}
        found = [
            Record.from_item(item)
            for item in self.records.values()
            if all(item.get(name) == value for name, value in wanted.items() if value is not None)
            and item["startedAt"] >= since
        ]
        found.sort(key=lambda record: (record.started_at, record.recording_id), reverse=True)
        first = int(cursor or 0)
        return Page(found[first : first + limit], str(first + limit) if first + limit < len(found) else None)

    def find_content(self, user_id: str, sha256: str, limit: int = 50) -> list[Record]:
        wanted = {"userId": user_id, "sha256": sha256}
        found = [item for item in self.records.values() if wanted.items() <= item.items()]
        return [Record.from_item(item) for item in found[:limit]]

    def delete(self, user_id: str, recording_id: str) -> bool:
        record = self.read(user_id, recording_id)
        return record is not None and bool(self.records.pop(recording_id))

    def _write(self, item: Json, old: Json) -> bool:
        self.clock_s += 1
        now = datetime.fromtimestamp(self.clock_s, UTC).isoformat(timespec="microseconds")
        new = {**item, "createdAt": old.get("createdAt", now), "updatedAt": now}
        self.records[item["recordingId"]] = {name: value for name, value in new.items() if value is not None}
        return True


@dataclass
class FakeExecutions:
    """Executions by ARN, as DescribeExecution and GetExecutionHistory show them."""

    executions: dict[str, Json] = field(default_factory=dict)
    histories: dict[str, Sequence[Json]] = field(default_factory=dict)

    def build_arn(self, name: str) -> str:
        return f"arn:aws:states:us-east-1:123456789012:execution:rem-recording:{name}"

    def add(self, name: str, status: str, **more: Any) -> str:
        """Put an execution there; its ARN."""
        arn = self.build_arn(name)
        started = {"startDate": datetime(2026, 11, 24, tzinfo=UTC)}
        self.executions[arn] = {"executionArn": arn, "name": name, "status": status, **started, **more}
        return arn

    def find(self, name: str) -> Execution | None:
        answer = self.executions.get(name if ":" in name else self.build_arn(name))
        return answer and Execution.from_answer(answer)

    def stop(self, execution: Execution, cause: str) -> None:
        self.executions[execution.arn]["status"] = "ABORTED"

    def read_history(
        self, arn: str, *, newest_first: bool = False, with_data: bool = False
    ) -> Iterator[HistoryEvent]:
        events = self.histories.get(arn, [])
        return iter(events[::-1] if newest_first else events)


@dataclass
class FakeUploads:
    """Parts by upload, as S3 lists them; completing writes into the store."""

    store: FakeStore
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)

    def start(self, key: str, content_type: str, metadata: Mapping[str, str]) -> str:
        upload_id = f"upload-{len(self.metadata)}"
        self.parts[upload_id], self.metadata[upload_id] = {}, dict(metadata)
        return upload_id

    def sign_part(self, key: str, upload_id: str, number: int, expires_s: int) -> str:
        return f"https://s3.test/{key}?uploadId={upload_id}&partNumber={number}"

    def put_part(self, key: str, upload_id: str, number: int, content: bytes) -> str | None:
        if upload_id not in self.parts:
            return None
        self.parts[upload_id][number] = content
        return hashlib.md5(content, usedforsecurity=False).hexdigest()

    def list_parts(self, key: str, upload_id: str) -> list[StoredPart] | None:
        if upload_id not in self.parts:
            return None
        return [
            StoredPart(number, hashlib.md5(part, usedforsecurity=False).hexdigest(), len(part))
            for number, part in sorted(self.parts[upload_id].items())
        ]

    def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> None:
        stored = self.parts.pop(upload_id)
        content = b"".join(stored[part.number] for part in parts)
        self.store.create(key, content, "", self.metadata[upload_id])

    def abort(self, key: str, upload_id: str) -> None:
        self.parts.pop(upload_id, None)


@dataclass
class FakeApiKeys:
    keys: dict[str, ApiKey] = field(default_factory=dict)
    times: list[str] = field(default_factory=list)

    def read(self, key_id: str) -> ApiKey | None:
        return self.keys.get(key_id)

    def read_all(self) -> list[ApiKey]:
        return list(self.keys.values())

    def write(self, key: ApiKey) -> None:
        self.keys[key.key_id] = key

    def set_time(self, key_id: str, field: str, moment: str) -> None:
        self.times.append(moment)
        self.keys[key_id] = ApiKey.from_item(self.keys[key_id].to_item() | {field: moment})


@dataclass
class FakeTranscriber:
    """Hears one word per half second of what it is given: its text is its number."""

    name: str = "fake"
    identity: str = "0123456789abcdef"
    heard_s: list[float] = field(default_factory=list)

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        return "en", 0.9

    def transcribe(self, clips: Sequence[Samples], language: str) -> list[list[Segment]]:
        return [self._hear(samples) for samples in clips]

    def _hear(self, samples: Samples) -> list[Segment]:
        length_s = len(samples) / 16_000
        self.heard_s.append(length_s)
        words = tuple(Word(i / 2, i / 2 + 0.4, f" w{i}", 0.9) for i in range(int(length_s * 2)))
        return [Segment(words)] if words else []
