"""The demo recording after Prepare and after Assemble, under the settings of stages.yaml."""

from pathlib import Path

import pytest

from functions.assemble import handler as assemble
from functions.diarize import cluster
from functions.diarize import handler as diarize
from functions.prepare import handler as prepare
from functions.transcribe import handler as transcribe
from rem.definition import load_stages
from rem.stage.settings import AssembleSettings, ClusterSettings, PrepareSettings, TranscribeSettings
from tests.fakes import FakeCatalog, FakeStore, FakeTranscriber
from tests.functions.stages import EVENT, PLENTY, FakeDiarizer, chunk_event
from tests.openai_server import serve

ROOT = Path(__file__).parents[2]


def set_environment(patch):
    patch.setenv("REM_BUCKET", "bucket")
    patch.setenv("REM_TABLE", "table")
    for stage in load_stages().values():
        for name, value in stage.environment().items():
            patch.setenv(name, value)


@pytest.fixture
def stage_environment(monkeypatch):
    set_environment(monkeypatch)


@pytest.fixture
def server():
    """A server that speaks OpenAI's wire format."""
    with serve() as started:
        yield started


@pytest.fixture(scope="session")
def prepared_demo():
    """The demo recording after Prepare, shared because decoding it takes a moment."""
    store, catalog = FakeStore(), FakeCatalog()
    store.objects[EVENT["key"]] = (ROOT / "models/demo/standup.wav").read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch)
        output = prepare.run(EVENT, store=store, catalog=catalog, settings=PrepareSettings.from_env())
    return store, catalog, output


@pytest.fixture
def demo(prepared_demo, stage_environment):
    store, catalog, output = prepared_demo
    return FakeStore(dict(store.objects)), FakeCatalog(dict(catalog.records)), output


@pytest.fixture
def assembled(demo):
    store, catalog, output = demo
    chunk = transcribe.run(
        chunk_event(output, "chunks"),
        store=store,
        model=FakeTranscriber(),
        budget=PLENTY,
        settings=TranscribeSettings.from_env(),
    )
    model = FakeDiarizer()
    piece = diarize.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY)
    event = {"recording": EVENT, "preparedKey": output["key"], "slices": [piece]}
    turns = cluster.run(event, store=store, model=model, settings=ClusterSettings.from_env())
    state = {**EVENT, "prepared": output, "listened": {"chunks": [chunk], "turns": turns}}
    state["assembled"] = assemble.run(
        state, store=store, catalog=catalog, settings=AssembleSettings.from_env()
    )
    return store, catalog, state
