"""The rules of captions, on random speech in many scripts."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given

from rem.transcripts.cues import build_cues
from rem.transcripts.spacing import measure_width
from rem.transcripts.transcript import Segment, Speaker, Transcript, Word
from tests.rem.transcripts.speech import SPACED, WORDS, speech, strip_blanks
from tests.rem.transcripts.test_transcript import RECORDING

MAY_NOT_BEGIN = re.compile("[、。，．」』）】！？：；ぁぃぅぇぉっゃゅょァィゥェォッャュョーー々”》,.!?;:)%]")
MAY_NOT_END = re.compile("[「『（【“《«(]$")


def said(text, *, at_s=0.0, word_s=0.3, pauses=None):
    """Words of a text, one after the other; pauses in seconds by the index of the word before them."""
    words = []
    for i, word in enumerate(text.split()):
        words.append(Word(at_s, at_s + word_s, f" {word}", 0.9))
        at_s += word_s + (pauses or {}).get(i, 0.0)
    return tuple(words)


def transcript_of(*segments, names=(), language="en"):
    speakers = tuple(Speaker(f"SPEAKER_{i:02}", 1.0, name) for i, name in enumerate(names))
    return Transcript(RECORDING, 90.0, 9.0, language, "m", "t", segments, speakers=speakers)


def show(transcript):
    return [cue.lines for cue in build_cues(transcript)]


def squeeze(text):
    return re.sub(r"\s+", "", text)


@given(speech())
def test_cues_say_every_word_in_order(transcript):
    shown = "".join("".join(cue.spoken_lines) for cue in build_cues(transcript))
    assert squeeze(shown) == squeeze("".join(w.text for s in transcript.segments for w in s.words))


@given(speech())
def test_cues_have_at_most_two_lines_of_42_characters_with_the_name(transcript):
    for cue in build_cues(transcript):
        for lines in (cue.lines, cue.spoken_lines):
            assert 1 <= len(lines) <= 2
            assert all(0 < measure_width(line) <= 42 and line == line.strip() for line in lines)


@given(speech())
def test_cues_last_up_to_seven_seconds_and_never_overlap(transcript):
    cues = build_cues(transcript)
    assert all(0 < cue.end_ms - cue.start_ms <= 7_000 for cue in cues)
    assert all(cue.end_ms <= after.start_ms for cue, after in pairwise(cues))


@given(speech())
def test_a_cue_is_short_or_fast_only_where_the_next_one_leaves_no_time(transcript):
    cues = build_cues(transcript)
    for cue, after in pairwise([*cues, None]):
        shown_ms = cue.end_ms - cue.start_ms
        has_more_time = after is None or cue.end_ms < after.start_ms
        if has_more_time and shown_ms < 7_000:
            assert shown_ms >= 833
            assert sum(map(measure_width, cue.lines)) / shown_ms * 1000 <= 20


@given(speech())
def test_no_line_breaks_the_rules_of_its_script(transcript):
    for cue in build_cues(transcript):
        for line in cue.spoken_lines[1:]:
            assert not MAY_NOT_BEGIN.match(line), cue
        for line in cue.spoken_lines[:-1]:
            assert not MAY_NOT_END.search(line), cue


@given(speech(languages=SPACED, pauses_ms=(0, 0, 40, 400)))
def test_no_word_of_a_sentence_stands_alone_that_fits_beside_its_neighbours(transcript):
    segments = (replace(segment, speaker=None) for segment in transcript.segments)
    for cue, after in pairwise(build_cues(replace(transcript, segments=tuple(segments)))):
        text, following = " ".join(cue.spoken_lines), " ".join(after.spoken_lines)
        ends_sentence = re.search(r"[.?।؟]$", text)
        is_lonely = " " not in text or " " not in following
        fits = measure_width(f"{text} {following}") <= 42 and after.end_ms - cue.start_ms <= 6_000
        assert ends_sentence or not (is_lonely and fits), (cue, after)


@given(speech(languages=("ru", "ar", "hi", "ko", "ja", "zh", "th")))
def test_old_word_lists_without_blanks_give_the_same_captions(transcript):
    if transcript.language == "th":  # a blank inside Thai cannot be guessed
        transcript = strip_blanks(transcript)
    assert build_cues(strip_blanks(transcript)) == build_cues(transcript)


@pytest.mark.parametrize("language", WORDS)
def test_many_words_of_every_language_keep_the_rules_when_spoken_at_a_usual_pace(language):
    words, at_s = [], 0.0
    for text in WORDS[language] * 20:
        length_s = 0.06 * max(2, measure_width(text))
        words.append(Word(at_s, at_s + length_s, text, 0.9))
        at_s += length_s
    cues = build_cues(transcript_of(Segment(tuple(words), "SPEAKER_00"), names=["Ada"], language=language))
    assert len(cues) > 3
    for cue in cues:
        assert 833 <= cue.end_ms - cue.start_ms <= 7_000
        assert sum(map(measure_width, cue.lines)) * 1000 / (cue.end_ms - cue.start_ms) <= 20


def test_lines_break_at_punctuation_first():
    text = "can do for you, ask what you can do for your country."
    assert show(transcript_of(Segment(said(text)))) == [
        ("can do for you,", "ask what you can do for your country.")
    ]


def test_captions_end_with_sentences_before_they_are_full():
    text = "We met on the green hill near the old town. Nobody had seen it before the storm came over us all."
    assert [" ".join(lines) for lines in show(transcript_of(Segment(said(text))))] == [
        "We met on the green hill near the old town.",
        "Nobody had seen it before the storm came over us all.",
    ]


def test_a_long_pause_begins_a_new_caption_and_a_short_one_does_not():
    assert len(show(transcript_of(Segment(said("wait for me", pauses={0: 2.1}))))) == 2
    assert len(show(transcript_of(Segment(said("wait for me", pauses={0: 1.0}))))) == 1


def test_short_segments_of_one_voice_share_a_caption():
    segments = [
        Segment(said(text, at_s=at_s), "SPEAKER_00") for at_s, text in ((0, "Yes."), (0.4, "Of course."))
    ]
    assert show(transcript_of(*segments, names=["Ada"])) == [("Ada: Yes. Of course.",)]


def test_the_name_stands_where_the_speaker_changes_and_counts():
    ada, ben = "the words of the first voice fill one line", "and the second voice answers"
    segments = (
        Segment(said(ada), "SPEAKER_00"),
        Segment(said(ben, at_s=3.0), "SPEAKER_01"),
        Segment(said("once more", at_s=9.0), "SPEAKER_01"),
    )
    assert show(transcript_of(*segments, names=["Ada", "Ben"])) == [
        ("Ada: the words", "of the first voice fill one line"),
        ("Ben: and the second voice answers",),
        ("once more",),
    ]


def test_nobody_is_named_where_speakers_were_not_told_apart():
    assert show(transcript_of(Segment(said("hello there")))) == [("hello there",)]


def test_a_long_name_is_shortened():
    segment = Segment(said("hello"), "SPEAKER_00")
    assert show(transcript_of(segment, names=["Anna-Maria von und zu Hohenstein"])) == [
        ("Anna-Maria von und…: hello",)
    ]


def test_voices_that_speak_at_once_alternate_under_their_names():
    long = said(
        "I was saying that we ought to leave before the rain comes, but nobody listens to me at all, ever"
    )
    cues = build_cues(
        transcript_of(
            Segment(long, "SPEAKER_00"), Segment(said("really", at_s=1.0), "SPEAKER_01"), names=["Ada", "Ben"]
        )
    )
    assert [cue.speaker for cue in cues][:3] == ["Ada", "Ben", "Ada"]
    assert [cue.lines[0].split()[0] for cue in cues][:3] == ["Ada:", "Ben:", "Ada:"]
    assert not any("Ada:" in cue.lines[0] for cue in cues[3:])
    assert all(cue.end_ms <= after.start_ms for cue, after in pairwise(cues))


def test_a_short_word_between_others_borrows_half_a_second():
    segments = (
        Segment(said("that is what I said", word_s=0.4), "SPEAKER_00"),
        Segment(said("No.", at_s=3.0), "SPEAKER_01"),
        Segment(said("but it is true", at_s=3.4), "SPEAKER_00"),
    )
    times = [(c.start_ms, c.end_ms) for c in build_cues(transcript_of(*segments, names=["Ada", "Ben"]))]
    assert times == [(0, 2000), (2566, 3400), (3400, 4600)]


def test_a_word_of_ten_seconds_is_shown_for_seven():
    cues = build_cues(transcript_of(Segment((Word(1.0, 11.0, " Hmm", 0.9),))))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(1000, 8000)]


def test_what_has_no_place_to_break_is_cut_between_characters():
    cues = build_cues(transcript_of(Segment((Word(0, 5, " " + "x" * 100, 0.9),))))
    assert "".join("".join(cue.lines) for cue in cues) == "x" * 100


def test_japanese_breaks_between_phrases():
    text = "私は昨日の午後に「東京タワー」へ友達と一緒に行ってきましたがとても楽しかったです。"
    words = tuple(Word(i * 0.15, (i + 1) * 0.15, c, 0.9) for i, c in enumerate(text))
    assert show(transcript_of(Segment(words), language="ja")) == [
        ("私は昨日の午後に「東京タワー」へ",),
        ("友達と一緒に行ってきましたが", "とても楽しかったです。"),
    ]


def test_silence_has_no_captions():
    assert build_cues(transcript_of()) == []
