from hypothesis import given

from rem.transcripts.speakers import assign_speakers, label_by_appearance, measure_speakers, split_at_speakers
from rem.transcripts.transcript import Segment, Turn, Word
from tests.rem.core.strategies import segments, turns, words


def word(start_s: float, end_s: float, text: str = "w") -> Word:
    return Word(start_s, end_s, f" {text}", 0.9)


@given(words(), turns())
def test_every_word_gets_a_known_speaker_or_none(spoken, said):
    speakers = assign_speakers(spoken, said)
    assert len(speakers) == len(spoken)
    assert set(speakers) <= {turn.speaker for turn in said} | {None}


@given(segments(), turns())
def test_splitting_loses_no_word_and_keeps_the_order(heard, said):
    before = [w for segment in heard for w in segment.words]
    after = [w for segment in split_at_speakers(heard, said) for w in segment.words]
    assert after == before


def test_word_between_two_turns_takes_the_longer_overlap():
    said = [Turn(0, 1.2, "A"), Turn(1.2, 3, "B")]
    assert assign_speakers([word(1.0, 1.9)], said) == ["B"]


def test_word_no_turn_touches_takes_the_nearest_turn_if_it_is_near():
    assert assign_speakers([word(1.3, 1.5)], [Turn(0, 1, "A")]) == ["A"]


def test_word_far_from_every_turn_has_no_speaker():
    assert assign_speakers([word(5, 6)], [Turn(0, 1, "A"), Turn(9, 10, "B")]) == [None]


def test_a_long_turn_that_ended_late_is_still_seen_after_shorter_ones():
    said = [Turn(0, 10, "A"), Turn(1, 2, "B"), Turn(3, 4, "B")]
    assert assign_speakers([word(6, 7)], said) == ["A"]


def test_segment_is_split_where_the_speaker_changes():
    heard = [Segment((word(0, 1, "a"), word(1, 2, "b"), word(2.2, 3, "c")))]
    said = [Turn(0, 2.1, "A"), Turn(2.1, 3, "B")]
    assert [(s.speaker, s.text) for s in split_at_speakers(heard, said)] == [("A", "a b"), ("B", "c")]


def test_labels_follow_the_order_of_appearance():
    said = [Turn(4, 5, "x"), Turn(0, 1, "y"), Turn(2, 3, "x")]
    assert label_by_appearance(said) == {"y": "SPEAKER_00", "x": "SPEAKER_01"}


def test_speakers_without_a_word_are_not_counted():
    heard = [Segment((word(0, 1),), "A")]
    found = measure_speakers(heard, [Turn(0, 2, "A"), Turn(3, 4, "B")])
    assert [(s.label, s.speech_s) for s in found] == [("A", 2.0)]


def test_one_early_word_follows_its_sentence():
    heard = [Segment((word(1.0, 1.3, "Good"), word(1.3, 2.5, "morning")))]
    said = [Turn(0, 1.35, "A"), Turn(1.35, 3, "B")]
    assert [(s.speaker, s.text) for s in split_at_speakers(heard, said)] == [("B", "Good morning")]


def test_one_late_word_follows_its_sentence():
    heard = [Segment((word(0, 2, "Sounds"), word(2, 2.3, "good.")))]
    said = [Turn(0, 1.9, "A"), Turn(1.9, 5, "B")]
    assert [(s.speaker, s.text) for s in split_at_speakers(heard, said)] == [("A", "Sounds good.")]


def test_a_short_answer_of_its_own_keeps_its_speaker():
    heard = [Segment((word(0, 2, "Ready?"),)), Segment((word(2.1, 2.3, "Yes."),))]
    said = [Turn(0, 2, "A"), Turn(2, 5, "B")]
    assert [s.speaker for s in split_at_speakers(heard, said)] == ["A", "B"]
