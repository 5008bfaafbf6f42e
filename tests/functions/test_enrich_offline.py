import pytest

from functions.enrich.offline import OfflineEnricher
from rem.core.errors import SetupError
from rem.core.transcript import Segment, Word
from tests.rem.core.test_transcript import build_transcript


def said(*sentences: str):
    return build_transcript(
        [
            Segment(tuple(Word(10 * i + k, 10 * i + k + 0.5, w, 1.0) for k, w in enumerate(text.split())))
            for i, text in enumerate(sentences)
        ]
    )


SENTENCES = (
    "Good morning everyone.",
    "The payment service failed last night and the payment service is slow.",
    "Sounds good.",
    "Ben will repair the payment service before Friday.",
)


def test_summary_is_made_of_sentences_that_were_said():
    transcript = said(*SENTENCES)
    note = OfflineEnricher(2).enrich(transcript, "notes")
    assert note["engine"] == "offline"
    assert note["summary"] == " ".join(transcript.segments[i].text for i in note["summarySegmentIds"])
    assert note["summarySegmentIds"] == [1, 3]


def test_topics_were_said():
    note = OfflineEnricher(2).enrich(said(*SENTENCES), "notes")
    assert "payment service" in note["topics"]
    text = " ".join(SENTENCES).lower()
    assert all(topic in text for topic in note["topics"])


def test_empty_transcript_has_an_empty_summary():
    note = OfflineEnricher(2).enrich(said(), "notes")
    assert (note["summary"], note["topics"]) == ("", [])


def test_same_transcript_gives_the_same_note():
    assert OfflineEnricher(3).enrich(said(*SENTENCES), "notes") == OfflineEnricher(3).enrich(
        said(*SENTENCES), "notes"
    )


def test_unknown_recipe_is_named():
    with pytest.raises(SetupError, match="haiku"):
        OfflineEnricher(2).enrich(said(), "haiku")
