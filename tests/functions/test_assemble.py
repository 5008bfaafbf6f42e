"""Assemble: the transcript that is readable before enrichment."""

from functions.assemble import handler as assemble
from functions.publish import handler as publish
from rem.core.records import Status
from rem.stage.settings import AssembleSettings


def test_transcript_is_readable_before_enrichment(assembled):
    store, catalog, _ = assembled
    assert catalog.records["standup"]["status"] == Status.TRANSCRIBED
    document = store.read_json("transcripts/me/dev/standup.json")
    assert document["speakerCount"] == 2
    assert document["notes"] == {}


def test_words_outside_every_turn_have_no_speaker(assembled):
    store, _, _ = assembled
    segments = store.read_json("transcripts/me/dev/standup.json")["segments"]
    assert {segment["speaker"] for segment in segments} == {"SPEAKER_00", "SPEAKER_01", None}


def test_a_late_assemble_does_not_undo_a_finished_recording(assembled):
    store, catalog, state = assembled
    publish.run(state, store=store, catalog=catalog)
    before = store.objects["transcripts/me/dev/standup.json"]
    assemble.run(state, store=store, catalog=catalog, settings=AssembleSettings.from_env())
    assert store.objects["transcripts/me/dev/standup.json"] == before
