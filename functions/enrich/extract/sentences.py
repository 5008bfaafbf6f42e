"""Put the sentences of a transcript together again, from segments that the transcriber cut by sound."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from functions.enrich.extract.english import CALENDAR
from functions.enrich.extract.languages import NOUNS_HAVE_CAPITALS, load_stop_words
from rem.transcripts.transcript import Segment

LONGEST_PAUSE_S = 3.0  # a longer pause without a full stop ends a sentence that nobody finished
INTERRUPTION_S = 1.0  # who begins sooner after an unfinished sentence may be continuing it
HESITATION_S = 0.5  # a capital letter after a pause like this begins a sentence, not a name
SHORTEST_WORDS = 3  # "Project documents." is no sentence
ENDS = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\u061f][\"'\u201d\u2019\u00bb)]*$")
TRAILS_OFF = re.compile(r"(?:\.\.|\u2026)[\"'\u201d\u2019\u00bb)]*$")
ASKS = re.compile(r"[?\uff1f\u061f][\"'\u201d\u2019\u00bb)]*$")
LOOSE_MARK = re.compile(r"(?<=\s[?!])\s+")  # French writes a blank before these marks
OPENING = "\"'\u201c\u2018\u00ab\u00bf\u00a1([-\u2013\u2014 "


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, or a part of one where `is_whole` is False.

    Attributes:
        segment_ids: The segments that it stands in.
        is_whole: Whether it begins and ends as sentences do and no other voice cut into it.
    """

    text: str
    segment_ids: tuple[int, ...]
    speaker: str | None
    is_whole: bool

    @property
    def is_question(self) -> bool:
        return ASKS.search(self.text) is not None

    @property
    def words(self) -> list[str]:
        return self.text.split()


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive segments of one speaker, with the place at which each begins in the joined text."""

    text: str
    starts: tuple[int, ...]
    first_id: int
    speaker: str | None
    begins_clean: bool


def split_sentences(segments: Sequence[Segment], language: str) -> list[Sentence]:
    """Split what each speaker says in a row into sentences."""
    return [sentence for run in _join_runs(segments, language) for sentence in _split_run(run)]


def _join_runs(segments: Sequence[Segment], language: str) -> Iterator[_Run]:
    begins = [0] if segments else []
    begins += [
        i for i, (before, after) in enumerate(pairwise(segments), 1) if _is_break(before, after, language)
    ]
    for begin, end in pairwise([*begins, len(segments)]):
        texts = [" ".join(segment.text.split()) for segment in segments[begin:end]]
        starts, at = [], 0
        for text in texts:
            starts.append(at)
            at += len(text) + 1
        clean = begin == 0 or not _is_cut_into(segments[begin - 1], segments[begin])
        yield _Run(" ".join(texts), tuple(starts), begin, segments[begin].speaker, clean)


def _is_break(before: Segment, after: Segment, language: str) -> bool:
    if before.speaker != after.speaker or after.start_s - before.end_s > LONGEST_PAUSE_S:
        return True
    return before.text.strip()[-1:].isalnum() and _begins_anew(before, after, language)


def _begins_anew(before: Segment, after: Segment, language: str) -> bool:
    """Check for a capital letter that no name explains: the model left the sentence before unfinished."""
    first = re.split(r"\W", after.text.strip(), maxsplit=1)[0]
    if first == "I" or not first[:1].isupper():
        return False
    paused = after.start_s - before.end_s >= HESITATION_S and language not in NOUNS_HAVE_CAPITALS
    return paused or first.lower() in load_stop_words(language) - CALENDAR


def _is_cut_into(before: Segment, after: Segment) -> bool:
    return not ENDS.search(before.text) and after.start_s - before.end_s < INTERRUPTION_S


def _split_run(run: _Run) -> Iterator[Sentence]:
    at = 0
    for i, text in enumerate(_split_text(run.text)):
        begin = run.text.index(text, at)
        at = begin + len(text)
        ids = tuple(
            run.first_id + n
            for n, start in enumerate(run.starts)
            if start < at and (n + 1 == len(run.starts) or run.starts[n + 1] > begin)
        )
        is_whole = _looks_whole(text) and (i > 0 or run.begins_clean)
        yield Sentence(text, ids, run.speaker, is_whole)


def _split_text(text: str) -> list[str]:
    from segtok.segmenter import split_single

    return [part for found in split_single(text) for part in LOOSE_MARK.split(found.strip()) if part]


def _looks_whole(text: str) -> bool:
    """Check for a capital letter or a number at the beginning, and a mark at the end."""
    first = text.lstrip(OPENING)[:1]
    begins = first.isupper() or first.isdigit()
    ends = ENDS.search(text) is not None and TRAILS_OFF.search(text) is None
    return begins and ends and len(text.split()) >= SHORTEST_WORDS
