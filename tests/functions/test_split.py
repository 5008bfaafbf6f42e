"""A call with one person on each channel, from Prepare to the documents: no word is lost while both talk."""

from itertools import pairwise

import jsonschema
import numpy as np
import pytest

from functions.assemble import handler as assemble
from functions.diarize import channels
from functions.prepare import handler as prepare
from functions.publish import handler as publish
from functions.transcribe import handler as transcribe
from rem.adapters.models import DEMO_DIR
from rem.stage.prepared import Prepared
from rem.stage.settings import AssembleSettings, PrepareSettings, TranscribeSettings
from tests.fakes import FakeCatalog, FakeStore, FakeTranscriber
from tests.functions.sounds import HZ, read_wav
from tests.functions.stages import EVENT, PLENTY
from tests.functions.test_parts import wav
from tests.rem.transcripts.test_transcript import SCHEMA

pytestmark = pytest.mark.usefixtures("stage_environment")
STANDUP = read_wav(DEMO_DIR / "standup.wav")
SILENCE = np.zeros(8 * HZ, np.int16)


def prepare_call(*sounds, monkeypatch, **settings):
    for name, value in settings.items():
        monkeypatch.setenv(f"REM_{name.upper()}", str(value))
    content = wav(np.stack(sounds, axis=1), channels=len(sounds))
    store, catalog = FakeStore({EVENT["key"]: content}), FakeCatalog()
    output = prepare.run(EVENT, store=store, catalog=catalog, settings=PrepareSettings.from_env())
    return store, catalog, output


@pytest.fixture
def call(monkeypatch):
    """Two people who talk at the same time for eight seconds; the first is silent for the next eight."""
    first = np.concatenate([STANDUP[: 8 * HZ], SILENCE])
    second = STANDUP[20 * HZ : 36 * HZ]
    return prepare_call(first, second, monkeypatch=monkeypatch, channels="split")


def run_all(store, catalog, output):
    item = {"recording": EVENT, "preparedKey": output["key"]}
    settings = TranscribeSettings.from_env()
    chunks = [
        transcribe.run(
            {**item, "chunk": c}, store=store, model=FakeTranscriber(), budget=PLENTY, settings=settings
        )
        for c in output["chunks"]
    ]
    turns = channels.run({**item, "slices": []}, store=store)
    state = {**EVENT, "prepared": output, "listened": {"chunks": chunks, "turns": turns}}
    settings = AssembleSettings.from_env()
    state["assembled"] = assemble.run(state, store=store, catalog=catalog, settings=settings)
    publish.run(state, store=store, catalog=catalog)
    return store.read_json("transcripts/me/dev/standup.json")


def test_every_channel_has_its_own_chunks_and_nothing_is_diarized(call):
    _, _, output = call
    assert [chunk.get("channel", 0) for chunk in output["chunks"]] == [0, 1]
    assert [chunk["index"] for chunk in output["chunks"]] == [0, 1]
    assert output["slices"] == []
    assert output["durationSeconds"] == 16.0


def test_speech_of_both_at_a_time_counts_once(call):
    store, _, output = call
    prepared = Prepared.load(store, output["key"])
    by_channel = [sum(region.seconds for region in channel.speech) for channel in prepared.channels]
    assert max(by_channel) < output["speechSeconds"] < sum(by_channel) - 3


def test_a_chunk_hears_its_channel_and_no_other(call):
    store, _, output = call
    prepared = Prepared.load(store, output["key"])
    np.testing.assert_array_equal(
        prepared.read_samples(store, HZ, 2 * HZ, channel=1), STANDUP[21 * HZ : 22 * HZ] / np.float32(32768)
    )


def test_both_people_keep_all_their_words_in_the_order_of_time(call):
    store, catalog, output = call
    document = run_all(store, catalog, output)
    starts = [segment["start"] for segment in document["segments"]]
    assert starts == sorted(starts)
    prepared = Prepared.load(store, output["key"])
    for channel, heard in zip(prepared.channels, document["audio"]["heard"], strict=True):
        said = [s for s in document["segments"] if s["speaker"] == heard["speaker"]]
        words = [word for segment in said for word in segment["words"]]
        assert words == sorted(words, key=lambda word: word["start"])
        speech_s = sum(region.seconds for region in channel.speech)
        assert len(words) == pytest.approx(2 * speech_s, abs=4)
        assert words[0]["start"] >= channel.speech[0].start / HZ
        assert words[-1]["end"] <= channel.speech[-1].end / HZ


def test_the_transcript_says_who_was_heard_where(call):
    store, catalog, output = call
    document = run_all(store, catalog, output)
    jsonschema.validate(document, SCHEMA)
    audio = document["audio"]
    assert audio["channels"] == "split"
    assert {each["source"] for each in audio["heard"]} == {"channel 1", "channel 2"}
    assert {each["speaker"] for each in audio["heard"]} == {"SPEAKER_00", "SPEAKER_01"}
    assert document["speakerCount"] == 2
    assert (
        "Heard one by one: channel 1 is SPEAKER_0" in store.objects["transcripts/me/dev/standup.md"].decode()
    )


def test_a_channel_on_which_nobody_speaks_costs_nothing(monkeypatch):
    hum = (3000 * np.sin(2 * np.pi * 50 * np.arange(8 * HZ) / HZ)).astype(np.int16)
    store, catalog, output = prepare_call(hum, STANDUP[: 8 * HZ], monkeypatch=monkeypatch, channels="split")
    assert [chunk["channel"] for chunk in output["chunks"]] == [1]
    document = run_all(store, catalog, output)
    assert document["audio"]["heard"] == [
        {"source": "channel 1", "speaker": None},
        {"source": "channel 2", "speaker": "SPEAKER_00"},
    ]


def test_a_long_call_is_cut_on_each_channel_at_its_own_silences(monkeypatch):
    _, _, output = prepare_call(
        STANDUP[: 30 * HZ],
        STANDUP[30 * HZ : 60 * HZ],
        monkeypatch=monkeypatch,
        channels="split",
        transcribe_chunk_s=12,
    )
    cuts = {0: [], 1: []}
    for chunk in output["chunks"]:
        cuts[chunk.get("channel", 0)].append((chunk["startSample"], chunk["endSample"]))
    for spans in cuts.values():
        assert (spans[0][0], spans[-1][1]) == (0, 30 * HZ)
        assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert cuts[0] != cuts[1]
    assert [chunk["index"] for chunk in output["chunks"]] == list(range(len(output["chunks"])))


def test_the_turns_of_two_people_may_overlap(call):
    store, _, output = call
    result = channels.run({"recording": EVENT, "preparedKey": output["key"], "slices": []}, store=store)
    turns = store.read_json(result["key"])["turns"]
    assert result["voices"] == 2
    assert any(a["end"] > b["start"] for a, b in pairwise(turns))
    assert [turn["start"] for turn in turns] == sorted(turn["start"] for turn in turns)


def test_a_mono_recording_has_the_events_that_it_always_had(monkeypatch):
    _, _, output = prepare_call(STANDUP[: 8 * HZ], monkeypatch=monkeypatch, channels="split")
    assert output["chunks"] == [{"index": 0, "startSample": 0, "endSample": 8 * HZ}]
    assert output["slices"] == [{"index": 0, "startSample": 0, "endSample": 8 * HZ}]
