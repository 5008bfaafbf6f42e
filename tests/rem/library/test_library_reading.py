import json

import pytest

from rem.core.errors import InputError
from rem.core.places import DOCUMENT_FORMATS
from rem.core.recordings import Recording
from rem.core.records import Status
from rem.library.documents import write_documents
from rem.library.library import Library
from rem.library.refusals import NotFoundError
from rem.transcripts.captions import RENDERERS
from rem.transcripts.transcript import Segment, Speaker, Transcript, Word
from tests.fakes import FakeCatalog, FakeStore


def add(store, catalog, recording_id="walk", voices=("SPEAKER_00",), **fields):
    key = f"raw/me/badge/2026/11/24/{recording_id}.wav"
    recording = Recording(recording_id, "me", "badge", "2026-11-24T09:00:00+00:00", "b", key)
    words = (Word(0, 0.5, " hello", 0.9), Word(0.5, 1, " there", 0.9))
    transcript = Transcript(
        recording=recording,
        duration_s=2.0,
        speech_s=1.0,
        language="en",
        whisper_model="m",
        transcribed_at="2026-11-24T10:00:00+00:00",
        segments=tuple(Segment(words, voice) for voice in voices),
        speakers=tuple(Speaker(voice, 1.0) for voice in voices),
    )
    store.write_bytes(key, b"sound", "audio/wav")
    store.write_json(f"artifacts/{recording_id}/prepare/f.json", {})
    catalog.advance(
        recording, Status.COMPLETE, {"transcript_key": write_documents(store, transcript), **fields}
    )
    return recording


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def catalog():
    return FakeCatalog()


@pytest.fixture
def library(store, catalog):
    add(store, catalog)
    return Library(store, catalog)


def test_a_name_reaches_every_document_and_the_record(library, store, catalog):
    library.rename_speakers("me", "walk", {"SPEAKER_00": " Ada "})
    assert catalog.read("me", "walk").speaker_names == {"SPEAKER_00": "Ada"}
    for extension in DOCUMENT_FORMATS:
        assert "Ada" in store.objects[f"transcripts/me/badge/walk.{extension}"].decode()
    assert catalog.read("me", "walk").status == Status.COMPLETE


def test_an_empty_name_gives_the_label_back(library, catalog):
    library.rename_speakers("me", "walk", {"SPEAKER_00": "Ada"})
    library.rename_speakers("me", "walk", {"SPEAKER_00": ""})
    assert catalog.read("me", "walk").speaker_names == {}
    assert b"SPEAKER_00: hello" in library.transcript("me", "walk", "txt")


def test_the_name_holds_where_a_redrive_wrote_the_documents_anew(library, store, catalog):
    library.rename_speakers("me", "walk", {"SPEAKER_00": "Ada"})
    add(store, catalog, speaker_names={"SPEAKER_00": "Ada"})
    assert b"Ada: hello" in library.transcript("me", "walk", "txt")


def test_a_speaker_that_is_not_there_cannot_be_named(library):
    with pytest.raises(
        NotFoundError, match="'SPEAKER_07' does not speak in this recording; it has SPEAKER_00"
    ):
        library.rename_speakers("me", "walk", {"SPEAKER_07": "Ada"})


VOICES = ("SPEAKER_00", "SPEAKER_01", "SPEAKER_02")


@pytest.fixture
def meeting(store, catalog):
    """A recording of three voices; the first two have names."""
    add(store, catalog, "meeting", voices=VOICES, speaker_names={"SPEAKER_00": "Anna", "SPEAKER_01": "Ben"})
    return Library(store, catalog)


@pytest.mark.parametrize(
    "swap", [{"Anna": "Ben", "Ben": "Anna"}, {"SPEAKER_00": "Ben", "SPEAKER_01": "Anna"}]
)
def test_a_swap_swaps_by_name_and_by_label(meeting, catalog, swap):
    names = meeting.rename_speakers("me", "meeting", swap)
    assert names == catalog.read("me", "meeting").speaker_names == {"SPEAKER_00": "Ben", "SPEAKER_01": "Anna"}
    assert meeting.transcript("me", "meeting", "txt").decode().split(": hello")[0].endswith("Ben")


def test_names_move_round_in_a_ring(meeting):
    names = meeting.rename_speakers("me", "meeting", {"Anna": "Ben", "Ben": "Cleo", "SPEAKER_02": "Anna"})
    assert names == {"SPEAKER_00": "Ben", "SPEAKER_01": "Cleo", "SPEAKER_02": "Anna"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"SPEAKER_07": "Dora"}, "'SPEAKER_07' does not speak"),
        ({"SPEAKER_01": "a\nb"}, "line breaks or control characters"),
        ({"SPEAKER_01": "x" * 81}, "at most 80 characters; this one has 81"),
        ({"SPEAKER_01": "SPEAKER_02"}, "'SPEAKER_02' is a label and no name"),
        ({"SPEAKER_00": "Anne"}, "'SPEAKER_00' is SPEAKER_00, which is named twice"),
    ],
)
def test_one_bad_name_saves_none(meeting, store, catalog, wrong, sentence):
    before = dict(store.objects), catalog.read("me", "meeting")
    with pytest.raises(InputError, match=sentence):
        meeting.rename_speakers("me", "meeting", {"Anna": "Zoe", **wrong})
    assert (store.objects, catalog.read("me", "meeting")) == before


def test_a_name_of_two_voices_means_neither(meeting):
    meeting.rename_speakers("me", "meeting", {"SPEAKER_02": "Anna"})
    with pytest.raises(
        InputError, match="2 voices are called 'Anna': say which one, SPEAKER_00 or SPEAKER_02"
    ):
        meeting.rename_speakers("me", "meeting", {"Anna": "Zoe"})


def test_a_label_is_its_own_voice_whatever_another_one_is_called(meeting):
    assert meeting.rename_speakers("me", "meeting", {"Anna": "SPEAKER_00"}) == {"SPEAKER_01": "Ben"}


@pytest.mark.parametrize("document_format", RENDERERS)
def test_a_transcript_is_read_in_every_format(library, document_format):
    assert b"hello" in library.transcript("me", "walk", document_format)


def test_json_is_the_transcript_document(library):
    assert json.loads(library.transcript("me", "walk"))["fullText"] == "hello there"


def test_a_format_that_nobody_knows_is_refused(library):
    with pytest.raises(InputError, match="'pdf' is no format"):
        library.transcript("me", "walk", "pdf")


def test_what_is_not_transcribed_yet_says_how_far_it_is(library, catalog):
    catalog.advance(Recording("new", "me", "badge", "t", "b", "k"), Status.UPLOADED, {})
    with pytest.raises(NotFoundError, match="no transcript yet: it is UPLOADED"):
        library.transcript("me", "new")


def test_a_deleted_recording_leaves_nothing(library, store, catalog):
    removed = library.delete("me", "walk")
    assert len(removed) == 8
    assert (store.objects, catalog.records) == ({}, {})
    with pytest.raises(NotFoundError):
        library.delete("me", "walk")


def test_what_a_stage_writes_after_the_deletion_is_erased_by_the_next_look(store, catalog):
    recording = add(store, catalog, status=Status.TRANSCRIBING, status_rank=1)
    library = Library(store, catalog)
    assert len(library.delete("me", "walk")) == 8
    store.write_json("artifacts/walk/transcribe/late.json", {})
    assert not catalog.advance(recording, Status.COMPLETE, {"title": "back"})
    left = catalog.read("me", "walk")
    assert (left.status, left.title, left.transcript_key) == (Status.DELETED, None, None)
    assert library.erase(left) == ["artifacts/walk/transcribe/late.json", "record me/walk"]
    assert (store.objects, catalog.records) == ({}, {})


def test_a_recording_that_is_being_deleted_is_seen_nowhere(store, catalog):
    add(store, catalog, status=Status.TRANSCRIBING, session_id="talk")
    library = Library(store, catalog)
    library.delete("me", "walk")
    assert library.page("me").records == library.list_recordings("me") == []
    for attempt in (library.read, library.transcript, library.delete):
        with pytest.raises(NotFoundError):
            attempt("me", "walk")
    with pytest.raises(NotFoundError):
        library.conversation("me", "talk")


def test_deleting_touches_no_recording_whose_name_begins_alike(library, store, catalog):
    neighbours = ("walk.wav", "walk.json", "walk-2")
    for neighbour in neighbours:
        add(store, catalog, neighbour)
    library.delete("me", "walk")
    for neighbour in neighbours:
        assert len(library.find_versions(library.read("me", neighbour))) == 7


def test_a_deletion_searches_three_places_once(library, store):
    library.delete("me", "walk")
    assert store.searches == [
        "raw/me/badge/2026/11/24/walk.wav",
        "transcripts/me/badge/walk.",
        "artifacts/walk/",
    ]


def test_nobody_reads_or_deletes_what_is_another_users(library):
    for attempt in (library.read, library.transcript, library.delete):
        with pytest.raises(NotFoundError):
            attempt("you", "walk")
    assert library.read("me", "walk").recording_id == "walk"


def test_pages_show_each_record_once_and_the_newest_first(library, store, catalog):
    for i in range(5):
        recording = Recording(f"r{i}", "me", "badge", f"2026-11-25T0{i}:00:00+00:00", "b", "k")
        catalog.advance(recording, Status.UPLOADED, {})
    first = library.page("me", limit=4)
    second = library.page("me", limit=4, cursor=first.cursor)
    assert [r.recording_id for r in (*first.records, *second.records)] == [
        "r4",
        "r3",
        "r2",
        "r1",
        "r0",
        "walk",
    ]
    assert second.cursor is None
    assert [r.recording_id for r in library.page("me", since="2026-11-25T03").records] == ["r4", "r3"]
    assert len(library.list_recordings("me")) == 6


def test_recordings_of_a_session_are_one_conversation(library, store, catalog):
    for seq, recording_id in ((1, "b"), (0, "a")):
        add(store, catalog, recording_id, session_id="talk", seq=seq)
    conversation = library.conversation("me", "talk")
    assert [part.recording_id for part in conversation.parts] == ["a", "b"]
    assert conversation.transcript.full_text == "hello there hello there"
    with pytest.raises(NotFoundError, match="session 'quiet'"):
        library.conversation("me", "quiet")
