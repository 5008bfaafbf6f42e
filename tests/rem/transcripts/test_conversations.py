from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rem.core.recordings import Recording
from rem.transcripts.conversations import Part, join_parts
from rem.transcripts.transcript import Segment, Speaker, Transcript, Turn, Word

STARTS = ("2026-11-24T09:00:00+00:00", "2026-11-24T09:05:00+00:00", "2026-11-24T09:20:00+00:00")


def transcript(number: int, text: str, *, duration_s: float = 300.0, name: str | None = None) -> Transcript:
    recording = Recording(f"r{number}", "me", "badge", STARTS[number], "bucket", f"k{number}")
    words = tuple(Word(i, i + 0.5, f" {word}", 0.9) for i, word in enumerate(text.split()))
    return Transcript(
        recording=recording,
        duration_s=duration_s,
        speech_s=len(words) / 2,
        language="en",
        whisper_model="m",
        transcribed_at="t",
        segments=(Segment(words, "SPEAKER_00"),),
        turns=(Turn(0.0, len(words), "SPEAKER_00"),),
        speakers=(Speaker("SPEAKER_00", float(len(words)), name),),
    )


def part(number: int, text: str, **more) -> Part:
    return Part(
        f"r{number}", "me", "badge", number, STARTS[number], "COMPLETE", transcript(number, text, **more)
    )


def test_parts_are_read_in_the_order_of_their_numbers():
    conversation = join_parts("s", [part(2, "three"), part(0, "one"), part(1, "two")])
    assert conversation.transcript.full_text == "one two three"
    assert [p.recording_id for p in conversation.parts] == ["r0", "r1", "r2"]


def test_a_gap_between_two_parts_stays_a_gap():
    conversation = join_parts("s", [part(1, "a"), part(2, "b")])
    assert [s.start_s for s in conversation.transcript.segments] == [0.0, 900.0]
    assert conversation.transcript.duration_s == 1200.0


def test_a_jump_of_hours_is_a_gap_and_takes_no_time():
    unset = replace(part(0, "a"), started_at="1970-01-01T00:00:00+00:00")
    conversation = join_parts("s", [unset, part(1, "b"), part(2, "c")])
    assert [s.start_s for s in conversation.transcript.segments] == [0.0, 300.0, 1200.0]
    [gap] = conversation.to_json()["gaps"]
    assert (gap["before"], gap["at"]) == ("r1", 300.0)
    assert gap["seconds"] > 400_000 * 3600


def test_a_clock_that_is_set_back_loses_no_order():
    later = replace(part(0, "a"), started_at="2099-01-01T00:00:00+00:00")
    conversation = join_parts("s", [later, part(1, "b")])
    assert [s.start_s for s in conversation.transcript.segments] == [0.0, 300.0]
    assert conversation.to_json()["gaps"] == []


def test_a_part_never_begins_before_the_one_ahead_has_ended():
    conversation = join_parts("s", [part(0, "a", duration_s=301.5), part(1, "b")])
    assert [s.start_s for s in conversation.transcript.segments] == [0.0, 301.5]


def test_unnamed_voices_of_two_parts_stay_apart_and_named_ones_become_one():
    strangers = join_parts("s", [part(0, "a"), part(1, "b")]).transcript
    assert [s.label for s in strangers.speakers] == ["0/SPEAKER_00", "1/SPEAKER_00"]
    friends = join_parts("s", [part(0, "a", name="Ada"), part(1, "b c", name="Ada")]).transcript
    assert [(s.label, s.speech_s) for s in friends.speakers] == [("Ada", 3.0)]
    assert {t.speaker for t in friends.turns} == {"Ada"}


def test_a_part_without_a_transcript_is_named_and_left_out():
    waiting = Part("r1", "me", "badge", 1, STARTS[1], "TRANSCRIBING", None)
    conversation = join_parts("s", [waiting, part(0, "one")])
    assert conversation.transcript.full_text == "one"
    document = conversation.to_json()
    assert [r["status"] for r in document["recordings"]] == ["COMPLETE", "TRANSCRIBING"]
    assert document["sessionId"] == "s"
    assert "key" not in document


def test_a_session_of_which_nothing_is_transcribed_is_an_empty_conversation():
    conversation = join_parts("s", [Part("r1", "me", "badge", 1, STARTS[1], "UPLOADED", None)])
    assert conversation.transcript.segments == ()
    document = conversation.to_json()
    assert (document["userId"], document["deviceId"], document["startedAt"]) == ("me", "badge", STARTS[1])


@given(st.permutations([0, 1, 2]), st.lists(st.text("ab ", min_size=1), min_size=3, max_size=3))
def test_no_word_is_lost_and_time_only_goes_forward(order, texts):
    parts = [part(number, texts[number]) for number in order if texts[number].split()]
    if not parts:
        return
    joined = join_parts("s", parts).transcript
    assert joined.full_text.split() == [word for text in texts for word in text.split()]
    starts = [segment.start_s for segment in joined.segments]
    assert starts == sorted(starts)
    assert joined.speech_s == sum(len(text.split()) for text in texts) / 2
