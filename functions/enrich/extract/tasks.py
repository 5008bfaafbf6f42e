"""Find to-dos, decisions and questions. A false one costs a reader's trust, so doubtful ones are left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from functions.enrich.extract import english
from functions.enrich.extract.names import WORD
from functions.enrich.extract.sentences import Sentence

LONGEST_TASK = 25  # words; a longer sentence tells a story


@dataclass(frozen=True, slots=True)
class Task:
    """A to-do: the sentence that says so, who takes it on, and the time in the speaker's own words."""

    sentence: Sentence
    owner: str | None
    due: str | None


def find_tasks(sentences: Sequence[Sentence]) -> Iterator[Task]:
    """Find the statements in which somebody takes something on or asks for it; English only."""
    for sentence in _drop_repeated(s for s in sentences if s.is_whole and not s.is_question):
        match = _match_task(sentence.text)
        if match is not None and len(sentence.words) <= LONGEST_TASK:
            due = english.DUE.search(sentence.text)
            owner = _find_owner(match.groupdict().get("who"), sentence)
            yield Task(sentence, owner, due[0] if due else None)


def _match_task(text: str) -> re.Match[str] | None:
    """Match a promise, a request or a timed order that no word puts in doubt."""
    is_timed = english.DUE.search(text) is not None
    patterns = [english.PROMISE, english.REQUEST, *([english.ORDER] if is_timed else [])]
    match = next((found for pattern in patterns if (found := pattern.match(text))), None)
    if match is None or english.HEDGE.search(english.FORGET.sub("", text)):
        return None
    return match if _has_object(match, is_timed) and _has_owner(match, is_timed) else None


def _has_object(match: re.Match[str], is_timed: bool) -> bool:
    """Check that the task says what is to be done: "I'll tell you" and "we must check that" do not."""
    verb, thing = match["verb"], match["thing"]
    if english.PREPOSITION.match(thing) and not english.TAKES_PREPOSITION.fullmatch(verb):
        return False
    if english.IS_TALK.fullmatch(verb) and english.LISTENER.match(thing):
        return False
    return is_timed or not (english.PRONOUN.match(thing) or english.IS_TALK.fullmatch(verb))


def _has_owner(match: re.Match[str], is_timed: bool) -> bool:
    """Check that somebody in particular takes it on.

    Any noun may stand where a name does, and "we must" often exhorts: both need a time, or an errand.
    """
    groups = match.groupdict()
    who = (groups.get("who") or "I").lower()
    if who == "i":
        return True
    if who == "we":
        return is_timed or not groups["duty"] or english.IS_ERRAND.fullmatch(match["verb"]) is not None
    return is_timed and match["who"][0].isupper() and who not in english.NO_PERSON and not who.endswith("s")


def _find_owner(who: str | None, sentence: Sentence) -> str | None:
    if who is None or who.lower() == "we":
        return None
    return sentence.speaker if who == "I" else who


def find_decisions(sentences: Sequence[Sentence]) -> Iterator[Sentence]:
    """Find the statements that say that something was agreed; English only."""
    found = _drop_repeated(s for s in sentences if s.is_whole and not s.is_question)
    return (sentence for sentence in found if english.DECISION.match(sentence.text))


def find_questions(sentences: Sequence[Sentence], stop_words: frozenset[str]) -> Iterator[Sentence]:
    """Find the questions about something: "How are you?" has no word of its own."""
    asked = _drop_repeated(s for s in sentences if s.is_whole and s.is_question)
    asked = (sentence for sentence in asked if not english.COURTESY.match(sentence.text))
    return (s for s in asked if {word.lower() for word in WORD.findall(s.text)} - stop_words)


def _drop_repeated(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    seen: set[str] = set()
    for sentence in sentences:
        if sentence.text not in seen:
            seen.add(sentence.text)
            yield sentence
