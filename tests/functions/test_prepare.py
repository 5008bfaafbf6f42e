"""Prepare: what it measures, what it stores, and that a second time costs nothing."""

import pytest

from functions.prepare import handler as prepare
from rem.core.errors import InputError
from rem.core.records import Status
from rem.stage.settings import PrepareSettings
from tests.fakes import FakeCatalog, FakeStore
from tests.functions.sounds import tone, write_wav
from tests.functions.stages import EVENT, silent_recording

pytestmark = pytest.mark.usefixtures("stage_environment")


def test_finds_the_speech_of_the_demo(demo):
    _, catalog, output = demo
    assert output["hasSpeech"]
    assert output["durationSeconds"] == pytest.approx(68.2, abs=0.1)
    assert 40 < output["speechSeconds"] < 68
    assert catalog.records["standup"]["status"] == Status.TRANSCRIBING


def test_silence_has_no_speech(tmp_path):
    _, output = silent_recording(tmp_path)
    assert not output["hasSpeech"]


def test_a_second_time_writes_nothing(demo):
    store, catalog, output = demo
    again = prepare.run(EVENT, store=store, catalog=catalog, settings=PrepareSettings.from_env())
    assert again == output
    assert store.writes == []


def test_the_time_of_recording_comes_from_the_upload(tmp_path):
    store, catalog = FakeStore(), FakeCatalog()
    store.objects[EVENT["key"]] = write_wav(tmp_path / "t.wav", tone(0.5)).read_bytes()
    store.metadata[EVENT["key"]] = {"started-at": "2026-11-24T09:30:00+01:00"}
    prepare.run(EVENT, store=store, catalog=catalog, settings=PrepareSettings.from_env())
    assert catalog.records["standup"]["startedAt"] == "2026-11-24T09:30:00+01:00"


def test_bad_input_stores_nothing():
    store = FakeStore({EVENT["key"]: b"no sound"})
    with pytest.raises(InputError):
        prepare.run(EVENT, store=store, catalog=FakeCatalog(), settings=PrepareSettings.from_env())
    assert store.writes == []
