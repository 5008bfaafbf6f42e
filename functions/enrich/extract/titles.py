"""Titles: a sentence or its main clause as it was said, else names and times."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import partial

from functions.enrich.extract import english
from functions.enrich.extract.languages import load_stop_words
from functions.enrich.extract.names import WORD
from functions.enrich.extract.phrases import Phrases
from functions.enrich.extract.sentences import ENDS, Sentence

FEWEST_WORDS, MOST_WORDS = 3, 10
MOST_CHARACTERS = 64
MOST_NAMES, MOST_TIMES = 3, 2
FEWEST_FUNCTION_WORDS, FUNCTION_WORDS = 2, 0.3  # least number and share of them in a sentence with a verb
INTRODUCTION = re.compile(r"This is [A-Z]")
PERSONAL = 0.5  # weight of a sentence about the speakers themselves against one about a subject
CLAUSE_END = re.compile(
    r"\s*[,;:\u2013\u2014]\s+|\s+(?:and|but|because|so|until|while|when|if)\s+"
    r"(?=(?:I|we|you|he|she|it|they|the|there)\b)"
)


def choose_title(sentences: Sequence[Sentence], phrases: Phrases, language: str, day: str) -> str:
    """Choose the best statement, else the best question, else names and times; empty where there is none.

    Args:
        day: Of the recording, for a title that would be a single name.
    """
    whole = [sentence for sentence in sentences if sentence.is_whole]
    statements = [sentence for sentence in whole if not sentence.is_question]
    questions = [sentence for sentence in whole if sentence.is_question]
    return (
        _choose(statements, phrases, language)
        or _choose(questions, phrases, language)
        or _name(sentences, phrases, language, day)
    )


def _choose(sentences: Sequence[Sentence], phrases: Phrases, language: str) -> str:
    scored = [
        (score, title)
        for sentence in sentences
        for title in _shorten(sentence, language)
        if (score := _score(title, phrases)) > 0
    ]
    return max(scored, key=lambda pair: pair[0], default=(0.0, ""))[1]


def _shorten(sentence: Sentence, language: str) -> Iterator[str]:
    """Yield the sentence, and in English its main clause, where they can stand alone as a title."""
    text = english.strip_opening(sentence.text) if language == "en" else sentence.text
    clauses = [text, CLAUSE_END.split(text)[0]] if language == "en" else [text]
    for clause in dict.fromkeys(clauses):
        title = clause if sentence.is_question and clause == text else ENDS.sub("", clause)
        judge = _stands_alone if language == "en" else partial(_has_function_words, language=language)
        if _fits(title) and judge(title):
            yield title[0].upper() + title[1:]


def _fits(title: str) -> bool:
    return FEWEST_WORDS <= len(title.split()) <= MOST_WORDS and len(title) <= MOST_CHARACTERS


def _stands_alone(title: str) -> bool:
    """Check that an English clause has a verb and needs no sentence before it."""
    first = title.split(maxsplit=1)[0].lower().strip(",.")
    if first in english.NEEDS_CONTEXT | english.SUBORDINATORS and not INTRODUCTION.match(title):
        return False
    if english.COURTESY.match(title) or english.DANGLING_END.search(title):
        return False
    return english.FINITE.search(title) is not None


def _has_function_words(title: str, language: str) -> bool:
    """Check for the small words of a sentence: a heap of nouns has few."""
    words = re.findall(r"[^\W_]+", title.lower())
    if "," in title:  # an aside, or a list without a verb
        return False
    small = sum(word in load_stop_words(language) for word in words)
    return small >= max(FEWEST_FUNCTION_WORDS, FUNCTION_WORDS * len(words))


def _score(title: str, phrases: Phrases) -> float:
    """Weigh a title by the topics that it holds; one without a topic says nothing."""
    words = f" {' '.join(WORD.findall(title.lower()))} "
    topics = [topic for topic in (*phrases.topics, *phrases.names) if f" {topic.lower()} " in words]
    if not topics:
        return 0.0
    personal = PERSONAL if re.match(r"(?:I|we|you|my|our)\b", title, re.IGNORECASE) else 1.0
    return personal * phrases.weigh(title) / math.sqrt(len(title.split()))


def _name(sentences: Sequence[Sentence], phrases: Phrases, language: str, day: str) -> str:
    """Join names and times that were said; a single word gets the day of the recording."""
    if not phrases.names:
        return ""
    names = phrases.names[0]
    for name in phrases.names[1:MOST_NAMES]:
        names = joined if len(joined := f"{names}, {name}") <= MOST_CHARACTERS else names
    said = [match[0] for sentence in sentences for match in english.TIME.finditer(sentence.text)]
    times = list(dict.fromkeys(said))[:MOST_TIMES] if language == "en" else []
    title = " · ".join([names, *times])
    return title if " " in title else f"{title} · {day}"
