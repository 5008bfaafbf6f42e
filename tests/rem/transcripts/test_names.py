import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem.core.errors import InputError
from rem.transcripts.names import apply_names, parse_name
from rem.transcripts.transcript import Segment, Word
from tests.rem.transcripts.test_transcript import build_transcript

TRANSCRIPT = build_transcript([Segment((Word(i, i + 1, "hi", 1.0),), f"SPEAKER_0{i}") for i in range(3)])


def names(found, given):
    return [speaker.name for speaker in apply_names(TRANSCRIPT, found, given).speakers]


def test_person_wins_over_recipe_and_recipe_over_nothing():
    assert names({"SPEAKER_00": "Anna", "SPEAKER_01": "Ben"}, {"SPEAKER_00": "Anne"}) == ["Anne", "Ben", None]


def test_name_that_the_recipe_found_for_two_voices_is_nobodys():
    assert names({"SPEAKER_00": "Anna", "SPEAKER_01": "Anna"}, {}) == [None, None, None]


def test_name_that_a_person_gave_to_another_voice_is_not_used_twice():
    assert names({"SPEAKER_00": "Anna"}, {"SPEAKER_02": "Anna"}) == [None, None, "Anna"]


def test_empty_name_takes_the_name_away():
    named = apply_names(TRANSCRIPT, {}, {"SPEAKER_00": "Anna"})
    assert [s.name for s in apply_names(named, {}, {"SPEAKER_00": " "}).speakers] == [None, None, None]


def test_labels_of_segments_stay():
    assert apply_names(TRANSCRIPT, {}, {"SPEAKER_00": "Anna"}).segments == TRANSCRIPT.segments


def test_two_voices_may_have_one_name_where_a_person_says_so():
    assert names({}, {"SPEAKER_00": "Anna", "SPEAKER_01": "Anna"}) == ["Anna", "Anna", None]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (" Ada ", "Ada"),
        ("Ada\u00a0 Lovelace", "Ada Lovelace"),
        ("Zoe\u0308", "Zoë"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("Speaker of the House", "Speaker of the House"),
        ("", ""),
        ("SPEAKER_00", ""),
    ],
)
def test_a_name_is_read_as_a_person_means_it(text, name):
    assert parse_name(text, "SPEAKER_00") == name


@pytest.mark.parametrize(
    "text",
    [
        "SPEAKER_01",
        "speaker_1",
        "Speaker 1",
        "SPEAKER01",
        "speaker-01",
        "Speaker #2",
        "2/SPEAKER_00",
        "ＳＰＥＡＫＥＲ＿０１",
    ],
)
def test_a_label_in_any_form_is_no_name(text):
    with pytest.raises(InputError, match="is a label and no name: give SPEAKER_00 a name of its own"):
        parse_name(text, "SPEAKER_00")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" ", "is blank"),
        ("\u3000\n", "is blank"),
        ("\u200d", "is blank"),
        ("a\nb", "line breaks or control characters"),
        ("a\tb", "line breaks or control characters"),
        ("a\x00", "line breaks or control characters"),
        ("a\u202eb", "line breaks or control characters"),
        ("a\ud800", "line breaks or control characters"),
        ("x" * 81, "at most 80"),
    ],
)
def test_what_cannot_be_a_name_gets_a_sentence(text, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_name(text, "SPEAKER_00")


@given(st.text(max_size=100))
def test_every_name_is_one_short_visible_line_and_stays_as_it_is(text):
    try:
        name = parse_name(text, "SPEAKER_00")
    except InputError:
        return
    assert len(name) <= 80
    assert len(name.splitlines()) == bool(name)
    assert parse_name(name, "SPEAKER_00") == name
