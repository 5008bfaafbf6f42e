from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    [
        "It will rain tomorrow.",
        "Will you send it?",
        "That will be fine.",
        "I will be late.",
        "I need to design.",
        "I need to check.",
        "I have to say I like the new website.",
        "I'll tell you what we will do tomorrow.",
        "I will return to this point later.",
        "I have to answer a question.",
        "We must fix the economy.",
        "We need to update our understanding of the world.",
        "We should fix the server first.",
        "I will send it.",
        "I will check that.",
        "I would call the doctor tomorrow.",
        "If it rains, I will call a taxi.",
        "I will call a taxi if it rains tomorrow.",
        "Maybe I will buy a car next week.",
        "He said I have to pay the rent.",
        "I thought I have to pay the rent.",
        "I will never buy a car.",
        "You need to send the letter by Friday.",
        "They will deliver the parts on Monday.",
        "People will order more next week.",
        "Customers will buy the phone on Friday.",
        "Everybody will pay the bill tomorrow.",
        "The plumber will repair the pipe.",
        "I had to wash the car yesterday.",
        "Ladies and gentlemen, please fasten your seat belts.",
        "Please call me.",
        "Add two cups of flour.",
        "Ask not what your country can do for you.",
        "I have to pay attention.",
        "I will write about that.",
    ],
)
def test_what_nobody_takes_on_is_none(sentence):
    assert note(said(sentence))["actionItems"] == []


@pytest.mark.parametrize(
    "sentence",
    [
        "I'm going to book a flight to Rome.",
        "Okay, so I have to call the dentist.",
        "We need to book a room by Thursday.",
        "We will review the plan on Monday.",
        "Please don't forget to pay the rent.",
        "Remind me to renew the contract next month.",
        "Clara has to sign the contract today.",
        "Yes, I will send it tomorrow.",
        "I will reply to the letter tonight.",
    ],
)
def test_what_somebody_promises_or_asks_for_is_a_task(sentence):
    assert [item["text"] for item in note(said(sentence))["actionItems"]] == [sentence]


def test_half_a_sentence_is_neither_task_nor_summary_nor_title():
    """The diarization cut the first sentence between two voices, and nobody finished the last one."""
    transcript = said("I will send the long contract", "To the payment office tomorrow.", "I must call the")
    speakers = ("SPEAKER_00", "SPEAKER_01", "SPEAKER_00")
    segments = [
        Segment(tuple(w.shifted(-5.0 * i) for w in s.words), speaker)
        for i, (s, speaker) in enumerate(zip(transcript.segments, speakers, strict=True))
    ]
    made = note(replace(transcript, segments=tuple(segments)))
    assert (made["actionItems"], made["summary"]) == ([], "")
    assert made["title"] == "Recording of 2026-11-24 09:00 UTC"


@pytest.mark.parametrize(
    ("sentences", "title"),
    [
        (
            ("Mr. Wood is the owner of the old mill, and we like him.",),
            "Mr. Wood is the owner of the old mill",
        ),
        (("Okay, well, the harbour is closed.", "We like it."), "The harbour is closed"),
        (("How old is the Brooklyn Bridge?",), "How old is the Brooklyn Bridge?"),
        (
            ("It is so.", "We went with Diane to New Jersey and then on to Sandra Hill in Chicago."),
            "Diane, New Jersey, Sandra Hill",
        ),
        (("He spoke about Spain and so on and so forth and on and on he spoke.",), "Spain · 2026-11-24"),
        (
            ("She met Carla again and again and yet again, on Monday and on Tuesday too.",),
            "Carla · Monday · Tuesday",
        ),
        (("Okay , the harbour, it is so.", "He likes it."), "Recording of 2026-11-24 09:00 UTC"),
        (("We went to the harbour too.",), "Recording of 2026-11-24 09:00 UTC"),
        (("This is Diane in New Jersey.",), "This is Diane in New Jersey"),
        (("Thank you everyone.", "Have a nice day."), "Recording of 2026-11-24 09:00 UTC"),
        (("Yeah, that is it.", "Right."), "Recording of 2026-11-24 09:00 UTC"),
    ],
)
def test_title_is_a_sentence_part_or_names_and_times(sentences, title):
    assert note(said(*sentences))["title"] == title


@pytest.mark.parametrize(
    ("sentences", "topics"),
    [
        (("The train leaves at seven.", "The package arrives today."), set()),
        (("Please fasten the seat belts.",), {"seat belts"}),
        (("I met Sandra Humphries in New Jersey.",), {"Sandra Humphries", "New Jersey"}),
        (("Thanks Ben, that was very helpful.",), {"Ben"}),
        (("He is Big Jim Otto.", "Calling Big Jim Otto."), {"Big Jim Otto"}),
    ],
)
def test_topics_are_names_and_nouns(sentences, topics):
    assert set(note(said(*sentences))["topics"]) == topics


def test_small_talk_is_no_question():
    made = note(said("Hello Sarah, how are you?", "Is there anything else?", "Where is the harbour?"))
    assert [item["text"] for item in made["questions"]] == ["Where is the harbour?"]


def test_what_is_said_again_is_noted_once():
    made = note(said("Where is the harbour?", "Where is the harbour?"))
    assert made["questions"] == [{"text": "Where is the harbour?", "segmentIds": [0]}]


@pytest.mark.parametrize(
    "sentence", ["We have not decided to wait.", "They decided to leave.", "He agreed to pay."]
)
def test_what_others_decided_or_nobody_is_no_decision(sentence):
    assert note(said(sentence))["decisions"] == []


WRITTEN = st.text(
    st.sampled_from("aAbÖßиИ éE?!.,…'\u2019\u00bf\"()-:1 \u3002\U0001f600 ")
    | st.characters(exclude_categories=["Cs"]),
    min_size=1,
)
SPOKEN = st.lists(st.tuples(WRITTEN, st.sampled_from(["SPEAKER_00", "SPEAKER_01", None])), max_size=12)


@given(SPOKEN, st.sampled_from(["en", "de", "fr", "ru", "cs", "nn", "tr"]), st.sampled_from([0.1, 0.9, 9.0]))
@settings(deadline=None)
def test_whatever_was_said_the_note_quotes_it_and_cites_what_exists(spoken, language, gap_s):
    segments = [
        Segment((Word(i * gap_s, i * gap_s + 0.1, f" {text}", 1.0),), who)
        for i, (text, who) in enumerate(spoken)
    ]
    made = note(replace(build_transcript(segments), language=language))
    assert made["title"].strip()
    text = " ".join(" ".join(segment.text.split()) for segment in segments)
    for item in [*made["actionItems"], *made["decisions"], *made["questions"]]:
        assert item["text"] in text
        assert item["segmentIds"] == sorted(set(item["segmentIds"]) & set(range(len(segments))))
    assert set(made["summarySegmentIds"]) <= set(range(len(segments)))


def test_german_nouns_are_topics_and_a_sentence_is_the_title():
    german = (
        "Guten Morgen zusammen.",
        "Der Vertrag liegt auf dem Tisch im Rathaus.",
        "Wer holt den Schlüssel?",
    )
    made = note(replace(said(*german), language="de"))
    assert made["title"] == "Der Vertrag liegt auf dem Tisch im Rathaus"
    assert set(made["topics"]) >= {"Vertrag", "Tisch", "Rathaus"}
    assert made["remark"].startswith("To-dos and decisions are found in English only")


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("ja", "not in ja"),
        ("cy", "not in cy"),
        ("th", "not in th"),
        (None, "language of the recording is not"),
    ],
)
@pytest.mark.parametrize("recipe", ["notes", "chapters"])
def test_languages_that_it_cannot_do_get_no_notes_and_the_reason(recipe, language, reason):
    made = note(replace(said("Mae hi'n braf heddiw."), language=language), recipe)
    assert set(made) == {"engine", "skipped"}
    assert reason in made["skipped"]


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
