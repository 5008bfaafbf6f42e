from dataclasses import replace

import pytest

from functions.enrich.offline import OfflineEnricher
from functions.enrich.vectors import from_bytes
from rem.stage.recipe_files import load_recipes
from rem.transcripts.transcript import Segment, Word
from tests.rem.transcripts.test_transcript import build_transcript


def said(*sentences: str):
    return build_transcript(
        [
            Segment(
                tuple(Word(10 * i + k, 10 * i + k + 0.5, f" {w}", 1.0) for k, w in enumerate(text.split()))
            )
            for i, text in enumerate(sentences)
        ]
    )


SENTENCES = (
    "Good morning everyone.",
    "The payment service failed last night and the payment service is slow.",
    "Sounds good.",
    "Ben will repair the payment service before Friday.",
)


def note(transcript, recipe="notes", sentences=2):
    return OfflineEnricher(sentences).enrich(transcript, load_recipes()[recipe], None).fields


def test_summary_is_made_of_sentences_that_were_said():
    transcript = said(*SENTENCES)
    made = note(transcript)
    assert made["engine"] == "offline"
    assert made["summary"] == " ".join(transcript.segments[i].text for i in made["summarySegmentIds"])
    assert made["summarySegmentIds"] == [1, 3]


def test_topics_were_said():
    made = note(said(*SENTENCES))
    assert "payment service" in made["topics"]
    text = " ".join(SENTENCES).lower()
    assert all(topic in text for topic in made["topics"])


def test_empty_transcript_has_an_empty_summary():
    made = note(said())
    assert (made["summary"], made["topics"], made["actionItems"]) == ("", [], [])


def test_same_transcript_gives_the_same_note():
    assert note(said(*SENTENCES), sentences=3) == note(said(*SENTENCES), sentences=3)


@pytest.mark.parametrize(
    ("sentence", "owner", "due"),
    [
        ("Ben will repair the payment service before Friday.", "Ben", "before Friday"),
        ("I'll send the minutes tomorrow.", "SPEAKER_01", "tomorrow"),
        ("We need to order more paper.", None, None),
        ("Today I will test the battery.", "SPEAKER_01", "Today"),
    ],
)
def test_what_somebody_takes_on_is_an_action_item(sentence, owner, due):
    transcript = said(sentence)
    transcript = replace(transcript, segments=(replace(transcript.segments[0], speaker="SPEAKER_01"),))
    assert note(transcript)["actionItems"] == [
        {"text": sentence, "segmentIds": [0], "owner": owner, "due": due}
    ]


@pytest.mark.parametrize(
    "sentence",
    ["It will rain tomorrow.", "Will you send it?", "That will be fine.", "I will be late."],
)
def test_what_nobody_takes_on_is_none(sentence):
    assert note(said(sentence))["actionItems"] == []


def test_decisions_and_questions_are_quoted():
    made = note(said("We decided to wait for the parts.", "Who has the key?"))
    assert made["decisions"] == [{"text": "We decided to wait for the parts.", "segmentIds": [0]}]
    assert made["questions"] == [{"text": "Who has the key?", "segmentIds": [1]}]


def test_english_patterns_find_nothing_in_other_languages():
    german = replace(said("Ben will repair bikes.", "Wer hat den Rest?"), language="de")
    made = note(german)
    assert made["actionItems"] == []
    assert len(made["questions"]) == 1


def test_chapters_begin_at_pauses_and_cover_the_recording():
    words = [Word(t, t + 1.0, f" word{t}", 1.0) for t in range(0, 3000, 20)]
    shifted = [w.shifted(40.0) if w.start_s >= 700 else w for w in words]
    transcript = replace(said(), segments=tuple(Segment((w,)) for w in shifted))
    chapters = note(transcript, "chapters")["chapters"]
    assert chapters[0]["segmentId"] == 0
    assert len(chapters) > 2
    assert transcript.segments[chapters[1]["segmentId"]].start_s == 740.0


def test_short_recording_is_one_chapter():
    assert len(note(said(*SENTENCES), "chapters")["chapters"]) == 1


def test_lexical_vectors_are_near_where_the_same_words_are_said():
    sentences = ("the payment service is down", "payments and the payment service", "a dog sleeps")
    made = OfflineEnricher(2).enrich(said(*sentences), load_recipes()["embeddings"], None)
    rows = from_bytes(made.vectors, made.fields["dimensions"])
    assert made.fields["engine"] == "offline"
    assert rows[0] @ rows[1] > 0.3 > rows[0] @ rows[2]


@pytest.mark.parametrize("recipe", ["speaker-names", "corrections"])
def test_what_needs_a_model_is_skipped_and_says_so(recipe):
    made = note(said(*SENTENCES), recipe)
    assert made == {"engine": "offline", "skipped": f"the recipe {recipe} needs a language model"}
