"""The stages in one process, without state machine and sandboxes: it measures quality, not speed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from functions.assemble import handler as assemble
from functions.diarize import channels, cluster
from functions.diarize import handler as diarize
from functions.diarize.diarizer import PyannoteDiarizer
from functions.prepare import handler as prepare
from functions.transcribe import handler as transcribe
from functions.transcribe.whisper import WhisperTranscriber
from rem.definition import load_stages
from rem.stage.settings import AssembleSettings, ClusterSettings, PrepareSettings, TranscribeSettings
from rem.stage.work import Budget
from rem.transcripts.transcript import Transcript
from tests.fakes import FakeCatalog, FakeStore


class Pipeline:
    """All stages with their models loaded.

    Args:
        whisper: Folder of a CTranslate2 model.
        diarization: Folder of a pyannote pipeline.
        settings: Replace those of stages.yaml.
    """

    def __init__(self, whisper: Path, diarization: Path, **settings: object) -> None:
        os.environ.update({"REM_BUCKET": "bucket", "REM_TABLE": "table"})
        for stage in load_stages().values():
            os.environ.update(stage.environment(settings))
        self._whisper = WhisperTranscriber(whisper, beam_size=int(os.environ["REM_BEAM_SIZE"]), threads=1)
        step = os.environ["REM_SEGMENTATION_STEP"]
        self._diarizer = PyannoteDiarizer(diarization, threads=1, step=float(step) if step else None)

    def run(self, path: Path) -> Transcript:
        store, catalog = FakeStore(), FakeCatalog()
        key = f"raw/me/bench/2026/01/01/{path.stem}{path.suffix}"
        store.objects[key] = path.read_bytes()
        names = ("recordingId", "userId", "deviceId", "startedAt", "bucket", "key")
        event: dict[str, Any] = dict(
            zip(names, (path.stem, "me", "bench", "2026-01-01", "bucket", key), strict=True)
        )
        prepared = prepare.run(event, store=store, catalog=catalog, settings=PrepareSettings.from_env())
        item = {"recording": event, "preparedKey": prepared["key"]}
        chunks = [
            transcribe.run(
                {**item, "chunk": chunk},
                store=store,
                model=self._whisper,
                budget=Budget(lambda: 1e9),
                settings=TranscribeSettings.from_env(),
            )
            for chunk in prepared["chunks"]
        ]
        slices = [
            diarize.run({**item, "chunk": s}, store=store, model=self._diarizer, budget=Budget(lambda: 1e9))
            for s in prepared["slices"]
        ]
        settings = ClusterSettings.from_env()
        listened = {**item, "slices": slices}
        turns = (
            cluster.run(listened, store=store, model=self._diarizer, settings=settings)
            if slices
            else channels.run(listened, store=store)  # one person a channel
        )
        state = {**event, "prepared": prepared, "listened": {"chunks": chunks, "turns": turns}}
        done = assemble.run(state, store=store, catalog=catalog, settings=AssembleSettings.from_env())
        return Transcript.from_json(store.read_json(done["key"]))
