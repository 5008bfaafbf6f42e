"""Words with their places, and the proper names among them, in the case in which they were written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from functions.enrich.extract.languages import NOUNS_HAVE_CAPITALS

TITLES = frozenset("mr mrs ms dr prof st".split())
OPENS = re.compile(r"[.!?:\"\u201c\u00ab(\u2026]")
WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Token:
    """A word at its place.

    Attributes:
        before, after: The text between it and its neighbours, such as a blank or a comma and a blank.
        is_first: Whether a sentence or a quotation begins with it, so that its capital letter says nothing.
    """

    text: str
    before: str
    after: str
    is_first: bool

    @property
    def key(self) -> str:
        return self.text.lower()

    @property
    def name(self) -> str:
        """The word without the ending of "Anna's" or "he'll"."""
        return re.split(r"['\u2019](?:s|ll|re|ve|d|m)$", self.text)[0]


def tokenize(text: str) -> Iterator[Token]:
    """Yield the words of one sentence."""
    matches = list(WORD.finditer(text))
    ends = [0, *(match.end() for match in matches)]
    starts = [*(match.start() for match in matches), len(text)]
    for i, match in enumerate(matches):
        before = text[ends[i] : match.start()]
        is_first = i == 0 or (OPENS.search(before) is not None and not _is_title(matches[i - 1], before))
        yield Token(match[0], before, text[match.end() : starts[i + 1]], is_first)


def _is_title(word: re.Match[str], after: str) -> bool:
    return after == ". " and word[0].lower() in TITLES


def find_names(tokens: Sequence[Sequence[Token]], stops: frozenset[str], language: str) -> list[str]:
    """Find words that have a capital letter wherever they stand, and join neighbours into one name.

    Where nouns have capitals too, only two such words in a row are a name.
    """
    is_german = language in NOUNS_HAVE_CAPITALS
    small = {token.key for sentence in tokens for token in sentence if token.text[0].islower()}
    sure = {
        token.key
        for sentence in tokens
        for token in sentence
        if _is_inside(token) and not {token.key, token.name.lower()} & (small | stops)
    }
    counts: Counter[str] = Counter()
    for sentence in tokens:
        runs = _join_capitals(sentence, small | stops, stops if is_german else frozenset())
        counts.update(" ".join(t.name for t in run) for run in runs if any(t.key in sure for t in run))
    if is_german:
        counts = Counter({name: count for name, count in counts.items() if " " in name})
    whole = [name for name in counts if not any(_is_part(name, other) for other in counts)]
    return sorted(whole, key=lambda name: -counts[name])


def _is_inside(token: Token) -> bool:
    """Check that a capital letter tells a name: verses and lists begin with one after a comma too."""
    return (
        token.text[0].isupper() and not token.is_first and token.before in (" ", ". ") and token.text != "I"
    )


def _join_capitals(
    sentence: Sequence[Token], never_first: set[str] | frozenset[str], never: frozenset[str]
) -> Iterator[list[Token]]:
    """Yield runs of words with capital letters; a sentence's first word joins one unless it is common."""
    run: list[Token] = []
    for token in sentence:
        is_short = token.name != token.text and token.name.lower() in never_first  # "He's", "I'm"
        is_part = token.text[0].isupper() and not (token.text == "I" or is_short or token.key in never)
        is_part = is_part and (_may_begin(token, never_first) if token.is_first else _is_inside(token))
        if run and (not is_part or token.before != " " or token.is_first):
            yield run
            run = []
        if is_part:
            run.append(token)
    if run:
        yield run


def _may_begin(token: Token, never_first: set[str] | frozenset[str]) -> bool:
    return token.key not in never_first and not token.key.endswith("ing")


def _is_part(name: str, other: str) -> bool:
    return name != other and f" {name} " in f" {other} "
