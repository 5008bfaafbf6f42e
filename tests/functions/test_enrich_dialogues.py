"""Offline notes of the project's own dialogues, against what a person would write down."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from functions.enrich.offline import OfflineEnricher
from rem.stage.recipe_files import load_recipes
from rem.transcripts.transcript import Segment, Word
from tests.rem.transcripts.test_transcript import build_transcript

ROOT = Path(__file__).parents[2]
SUMMARY_SENTENCES = 3


@dataclass(frozen=True)
class Expected:
    """What a person would accept.

    Attributes:
        tasks: Every sentence that is a to-do, with its owner and its time.
        found: Those of them that must be found.
        subjects: Words of which the title must hold one.
        names: Proper names that must stand in title, topics and summary in their own case or not at all.
    """

    path: str
    tasks: dict[str, tuple[str | None, str | None]]
    found: set[str]
    subjects: set[str]
    names: set[str]


DIALOGUES = [
    Expected(
        "tests/data/heldout-1.json",
        {
            "I will update the website on Wednesday at noon.": ("B", "on Wednesday"),
            "Sure, I can do that before Thursday.": ("B", "before Thursday"),
            "Remind me to water the plants tomorrow at six.": (None, "tomorrow"),
            "We need rice and onions.": (None, None),
            "Add butter and cheese to the list.": (None, None),
        },
        {"I will update the website on Wednesday at noon.", "Remind me to water the plants tomorrow at six."},
        {"microphone", "website", "meeting", "budget", "plants", "train", "bakery"},
        {"Oscar"},
    ),
    Expected(
        "tests/data/heldout-2.json",
        {
            "I will send the invoice tomorrow at three.": ("B", "tomorrow"),
            "Oscar will review the design on Saturday.": ("Oscar", "on Saturday"),
            "Tell Emma that the tests are slow.": (None, None),
            "Do not forget to return the books before Monday.": (None, "before Monday"),
            "Call my sister this morning.": (None, "this morning"),
            "Please buy eggs, sugar and tea.": (None, None),
        },
        {
            "I will send the invoice tomorrow at three.",
            "Oscar will review the design on Saturday.",
            "Do not forget to return the books before Monday.",
            "Call my sister this morning.",
            "Please buy eggs, sugar and tea.",
        },
        {"contract", "invoice", "design", "tests", "schedule", "meeting", "report", "server", "database"},
        {"Nora", "Oscar", "Emma", "Frank"},
    ),
    Expected(
        "tests/data/heldout-3.json",
        {
            "I have to wash the car this afternoon.": ("B", "this afternoon"),
            "On the way home I will stop at the market.": ("B", None),
            "Buy tomatoes and cheese.": (None, None),
            "Ask Martin about the test plan.": (None, None),
            "Please update the website next week.": (None, "next week"),
            "Set an alarm for half past six.": (None, None),
        },
        {"I have to wash the car this afternoon.", "Please update the website next week."},
        {"package", "plumber", "car", "test plan", "website", "garage"},
        {"Sarah", "Martin", "Paul"},
    ),
    Expected(
        "models/demo/standup.json",
        {
            "Today I will test the new battery.": ("Ben", "Today"),
            "Please remind me to call the doctor tomorrow at nine.": (None, "tomorrow"),
            "I have to go to the bank after lunch.": ("Ben", None),
            "Please buy milk, bread and coffee.": (None, None),
            "Okay, I will do that this afternoon.": ("Ben", "this afternoon"),
            "Do not forget to book a table for dinner.": (None, None),
        },
        {
            "Today I will test the new battery.",
            "Please remind me to call the doctor tomorrow at nine.",
            "Please buy milk, bread and coffee.",
            "Do not forget to book a table for dinner.",
        },
        {"battery", "database", "contract", "test plan", "meeting", "deadline", "invoice", "printer"},
        {"Ben", "David"},
    ),
]


def load(expected):
    segments = json.loads((ROOT / expected.path).read_text())["segments"]
    return [
        Segment(tuple(Word(w["start"], w["end"], f" {w['text']}", 1.0) for w in s["words"]), s["speaker"])
        for s in segments
    ]


def make_notes(segments):
    recipe = load_recipes()["notes"]
    return OfflineEnricher(SUMMARY_SENTENCES).enrich(build_transcript(segments), recipe, None).fields


def plain(text):
    return " ".join(re.findall(r"\w+", text.lower()))


@pytest.fixture(params=DIALOGUES, ids=lambda expected: Path(expected.path).stem)
def dialogue(request):
    segments = load(request.param)
    return request.param, segments, make_notes(segments)


def test_no_to_do_is_false_and_the_plain_ones_are_found(dialogue):
    expected, _, notes = dialogue
    found = {item["text"]: (item["owner"], item["due"]) for item in notes["actionItems"]}
    assert set(found) <= set(expected.tasks)
    assert set(found) >= expected.found
    assert found == {text: expected.tasks[text] for text in found}


def test_title_is_a_part_of_one_sentence_about_a_subject(dialogue):
    expected, segments, notes = dialogue
    assert any(plain(notes["title"]) in plain(segment.text) for segment in segments)
    assert any(subject in notes["title"] for subject in expected.subjects)
    assert len(notes["title"].split()) <= 10


def test_summary_is_made_of_whole_sentences(dialogue):
    _, segments, notes = dialogue
    assert notes["summary"] == " ".join(segments[i].text for i in notes["summarySegmentIds"])
    assert len(notes["summarySegmentIds"]) == SUMMARY_SENTENCES


def test_questions_are_about_something(dialogue):
    _, segments, notes = dialogue
    asked = {segment.text for segment in segments if segment.text.endswith("?")}
    small_talk = {
        "Hello Sarah, how are you?",
        "Is there anything else?",
        "What are you doing before Tuesday?",
    }
    assert {item["text"] for item in notes["questions"]} == asked - small_talk


def test_names_keep_their_case_and_topics_are_no_verbs(dialogue):
    expected, _, notes = dialogue
    text = " ".join([notes["title"], notes["summary"], *notes["topics"]])
    assert not [name for name in expected.names if re.search(rf"\b{name.lower()}\b", text)]
    assert set(notes["topics"]) & expected.names
    verbs = "leaves|closes|opens|arrives|review|send|called|finished|bought|fixed|helpful|slow|wrong|forget"
    assert not [topic for topic in notes["topics"] if re.search(rf"\b(?:{verbs})\b", topic)]


@pytest.mark.parametrize("words", [2, 3, 5, 7])
def test_notes_do_not_depend_on_where_the_transcriber_cuts(dialogue, words):
    """Whisper ends a segment where it likes: in the middle of a sentence, or after several."""
    _, segments, notes = dialogue
    spoken = [(word, segment.speaker) for segment in segments for word in segment.words]
    cut = []
    for at in range(0, len(spoken), words):
        part = spoken[at : at + words]
        for speaker in dict.fromkeys(speaker for _, speaker in part):
            cut.append(Segment(tuple(word for word, who in part if who == speaker), speaker))
    again = make_notes(cut)
    assert (again["title"], again["summary"], again["topics"]) == (
        notes["title"],
        notes["summary"],
        notes["topics"],
    )
    for name in ("actionItems", "questions"):
        assert [item["text"] for item in again[name]] == [item["text"] for item in notes[name]]
        for item in again[name]:
            cited = " ".join(cut[i].text.strip() for i in item["segmentIds"])
            assert item["text"] in cited
