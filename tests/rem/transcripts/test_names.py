from rem.transcripts.names import apply_names
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
