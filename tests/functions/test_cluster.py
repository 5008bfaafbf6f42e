"""Cluster: one label per voice over all slices, and no more memory than there is."""

import numpy as np
import pytest

from functions.diarize import cluster
from functions.diarize import handler as diarize
from functions.diarize.slices import Slice
from rem.core.errors import SetupError
from rem.stage.settings import ClusterSettings
from tests.functions.stages import EVENT, PLENTY, FakeDiarizer, chunk_event


class OneVoice(FakeDiarizer):
    """One voice that speaks alone in every window."""

    def measure_windows(self, samples, count, on_progress):
        segmentations, embeddings = super().measure_windows(samples, count, on_progress)
        return segmentations * np.array([1, 0, 0], np.float32), embeddings


def test_cluster_labels_voices_in_order_of_appearance(demo):
    store, _, output = demo
    model = FakeDiarizer()
    piece = diarize.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY)
    event = {"recording": EVENT, "preparedKey": output["key"], "slices": [piece]}
    result = cluster.run(event, store=store, model=model, settings=ClusterSettings.from_env())
    document = store.read_json(result["key"])
    assert [turn["speaker"] for turn in document["turns"]] == ["SPEAKER_00", "SPEAKER_01"]
    assert document["voices"][0] == {
        "label": "SPEAKER_00",
        "speechSeconds": 4,
        "embedding": [0.1, 0.2],
    }
    assert model.speakers is None


def test_too_many_windows_for_the_memory_are_refused_with_the_settings(monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008")
    cluster.check_memory(15_000, 35_000)  # a whole day
    message = r"20,000 voices .* need about 3,790 MB and there are 3,008: raise `memory_mb` of cluster"
    with pytest.raises(SetupError, match=message):
        cluster.check_memory(20_000, 10_000)


def test_more_voices_than_are_compared_are_told(demo, monkeypatch):
    store, _, output = demo
    monkeypatch.setenv("REM_CLUSTER_POINTS", "8")
    model = OneVoice()
    piece = diarize.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY)
    event = {"recording": EVENT, "preparedKey": output["key"], "slices": [piece]}
    result = cluster.run(event, store=store, model=model, settings=ClusterSettings.from_env())
    assert model.most_points == 8
    assert result["points"] == len(Slice.from_bytes(store.objects[piece["key"]]).segmentations) > 8
    assert result["compared"] == 8


def test_only_slots_that_speak_alone_for_long_are_compared():
    segmentations = np.zeros((3, 10, 2), np.float32)
    segmentations[0, :5, 0] = 1
    segmentations[1, :, :] = 1
    segmentations[2, :1, 1] = 1
    assert cluster.count_points(segmentations) == 1


def test_known_number_of_speakers_is_asked_for(demo, monkeypatch):
    store, _, output = demo
    monkeypatch.setenv("REM_SPEAKERS", "2")
    model = FakeDiarizer()
    piece = diarize.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY)
    event = {"recording": EVENT, "preparedKey": output["key"], "slices": [piece]}
    cluster.run(event, store=store, model=model, settings=ClusterSettings.from_env())
    assert model.speakers == 2
