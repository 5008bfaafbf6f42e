"""Publish: the finished documents of a recording, with its notes and names."""

import json

import pytest

from functions.enrich import handler as enrich
from functions.enrich.offline import OfflineEnricher
from functions.publish import handler as publish
from rem.core.records import Status
from rem.stage.settings import EnrichSettings
from tests.fakes import FakeCatalog
from tests.functions.stages import EVENT, silent_recording

pytestmark = pytest.mark.usefixtures("stage_environment")


def test_publish_writes_all_formats_and_completes(assembled):
    store, catalog, state = assembled
    model = OfflineEnricher(3)
    recipe = {"name": "notes", "required": False}
    assert recipe in state["assembled"]["recipes"]
    event = {"recording": EVENT, "assembledKey": state["assembled"]["key"], "recipe": recipe}
    event["planned"] = state["assembled"]["recipes"]
    note = enrich.run(event, store=store, model=model, settings=EnrichSettings.from_env())
    publish.run({**state, "notes": [note]}, store=store, catalog=catalog)
    written = {key.rsplit(".", 1)[1] for key in store.objects if key.startswith("transcripts/")}
    assert written == {"json", "srt", "vtt", "txt", "md"}
    document = store.read_json("transcripts/me/dev/standup.json")
    assert document["notes"]["notes"]["engine"] == "offline"
    names = [stage["name"] for stage in document["stages"]]
    assert names == ["prepare", "transcribe", "diarize", "cluster", "assemble", "enrich", "publish"]
    assert catalog.records["standup"]["status"] == Status.COMPLETE


def test_failed_recipe_is_written_down_even_if_nobody_knows_why(assembled):
    store, catalog, state = assembled
    cause = json.dumps({"errorMessage": "no credit", "errorType": "SetupError"})
    failed = [
        {"recipe": "notes", "failure": {"Error": "SetupError", "Cause": cause}},
        {"recipe": "chapters", "failure": {"Error": "States.Timeout"}},
    ]
    publish.run({**state, "notes": failed}, store=store, catalog=catalog)
    assert store.read_json("transcripts/me/dev/standup.json")["notes"] == {
        "notes": {"error": "SetupError", "message": "no credit"},
        "chapters": {"error": "States.Timeout", "message": ""},
    }
    assert catalog.records["standup"]["status"] == Status.COMPLETE


def test_names_that_a_person_gave_are_in_every_document(assembled):
    store, catalog, state = assembled
    catalog.records["standup"]["speakerNames"] = {"SPEAKER_00": "Anna"}
    publish.run(state, store=store, catalog=catalog)
    assert store.read_json("transcripts/me/dev/standup.json")["speakers"][0]["name"] == "Anna"
    for extension in ("srt", "vtt", "txt", "md"):
        assert b"Anna" in store.objects[f"transcripts/me/dev/standup.{extension}"]


def test_silence_is_published_as_an_empty_transcript(tmp_path):
    store, output = silent_recording(tmp_path)
    catalog = FakeCatalog()
    publish.run({**EVENT, "prepared": output}, store=store, catalog=catalog)
    document = store.read_json("transcripts/me/dev/standup.json")
    assert (document["segments"], document["fullText"], document["language"]) == ([], "", None)
    assert b"No speech" in store.objects["transcripts/me/dev/standup.md"]
    assert catalog.records["standup"]["status"] == Status.COMPLETE
