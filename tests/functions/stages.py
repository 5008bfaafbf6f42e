"""The event, the budget and the models that the tests of several stages share."""

from __future__ import annotations

import numpy as np

from functions.prepare import handler as prepare
from rem.stage.settings import PrepareSettings
from rem.stage.work import Budget
from rem.transcripts.transcript import Turn
from tests.fakes import FakeCatalog, FakeStore
from tests.functions.sounds import HZ, write_wav

EVENT = {
    "recordingId": "standup",
    "userId": "me",
    "deviceId": "dev",
    "startedAt": "2026-11-24T00:00:00+00:00",
    "bucket": "bucket",
    "key": "raw/me/dev/2026/11/24/standup.wav",
}
PLENTY = Budget(lambda: 600.0)


def chunk_event(output, kind, number=0):
    return {"recording": EVENT, "preparedKey": output["key"], "chunk": output[kind][number]}


def silent_recording(tmp_path, seconds=3.0):
    store = FakeStore()
    store.objects[EVENT["key"]] = write_wav(
        tmp_path / "s.wav", np.zeros(int(seconds * HZ), np.int16)
    ).read_bytes()
    output = prepare.run(EVENT, store=store, catalog=FakeCatalog(), settings=PrepareSettings.from_env())
    return store, output


class FakeClock:
    now_s = 0.0

    def budget(self, seconds):
        end_s = self.now_s + seconds
        return Budget(lambda: end_s - self.now_s)


class FakeDiarizer:
    name, identity, window_samples, hop_samples = "fake", "0123456789abcdef", 5 * HZ, HZ

    def __init__(self, clock=None, seconds=0.0):
        self.calls = []
        self.clock, self.seconds = clock or FakeClock(), seconds

    def measure_windows(self, samples, count, on_progress):
        self.calls.append((len(samples), count))
        self.clock.now_s += self.seconds
        on_progress(1.0)
        return np.ones((count, 10, 3), np.float32), np.full((count, 3, 4), 0.5, np.float32)

    def cluster(self, segmentations, embeddings, speakers, most_points):
        self.speakers, self.most_points = speakers, most_points

        class Clusters:
            turns = (Turn(5, 9, "b"), Turn(0, 4, "a"))
            embeddings = {"a": [0.1, 0.2], "b": [0.3, 0.4]}  # noqa: RUF012

        return Clusters()
