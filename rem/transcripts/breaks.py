"""Places at which a text may be broken, by ICU: Unicode's line breaking (UAX 14) with dictionaries.

Japanese and Chinese follow their strict rules (no line begins with closing punctuation, a small kana or a
prolonged sound mark, none ends with an opening bracket) and break between phrases or words; Thai, Lao, Khmer
and Burmese break between the words of ICU's dictionaries.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

from rem.transcripts.spacing import KANA, UNSPACED, measure_width

PARTICLE_AFTER_BRACKET = re.compile("[」』\uff09】][\u3041-\u3096]")  # ICU breaks here: 「東京」 | に


def split_phrases(text: str, language: str | None, width: int) -> list[str]:
    """Cut a text into the smallest pieces that a reader likes to see whole; joined they are the text.

    Args:
        language: Whisper's code; None where it is unknown.
        width: Room that a piece may take. A wider one is cut where a line may break, and at last anywhere.
    """
    from icu4py.breakers import LineBreaker

    allowed = {0, *_ends(LineBreaker(text, f"{_locale(text, language)}-u-lb-strict"))}
    liked = sorted(allowed & {0, len(text), *_find_liked(text, language)})
    phrases = _join_marks(text[a:b] for a, b in pairwise(liked))
    return [piece for phrase in phrases for piece in _cut(phrase, language, width)]


def _find_liked(text: str, language: str | None) -> Iterable[int]:
    """Find the ends of phrases (Japanese), of words, or of what stands between blanks."""
    from icu4py.breakers import LineBreaker, WordBreaker

    if not UNSPACED.search(text):
        return (i for i in range(1, len(text)) if text[i - 1].isspace() and not text[i].isspace())
    if KANA.search(text):
        phrases = _ends(LineBreaker(text, "ja-u-lb-strict-lw-phrase"))
        return (end for end in phrases if not PARTICLE_AFTER_BRACKET.fullmatch(text, end - 1, end + 1))
    return _ends(WordBreaker(text, _locale(text, language)))


def _join_marks(phrases: Iterable[str]) -> list[str]:
    """Keep marks that stand alone with the word that they follow, opening ones with the next: 100 %, oui ?"""
    joined: list[str] = []
    pending = ""
    for phrase in phrases:
        is_mark = not any(character.isalnum() for character in phrase)
        if is_mark and unicodedata.category(phrase[0]) in ("Ps", "Pi"):
            pending += phrase
        elif is_mark and joined and not pending:
            joined[-1] += phrase
        else:
            joined.append(pending + phrase)
            pending = ""
    return [*joined, pending] if pending else joined


def _cut(phrase: str, language: str | None, width: int) -> Iterator[str]:
    """Cut a phrase that is too wide as late as a line may break, if need be between any two characters."""
    from icu4py.breakers import LineBreaker

    if measure_width(phrase.rstrip()) <= width:
        yield phrase
        return
    units = list(LineBreaker(phrase, f"{_locale(phrase, language)}-u-lb-strict"))
    units = [part for unit in units for part in _cut_anywhere(unit, width)]
    line = ""
    for unit in units:
        if line and measure_width((line + unit).rstrip()) > width:
            yield line
            line = ""
        line += unit
    yield line


def _cut_anywhere(unit: str, width: int) -> list[str]:
    from icu4py.breakers import CharacterBreaker

    return [unit] if measure_width(unit.rstrip()) <= width else list(CharacterBreaker(unit, "und"))


def _locale(text: str, language: str | None) -> str:
    return "ja" if KANA.search(text) else language or "und"


def _ends(parts: Iterable[str]) -> Iterable[int]:
    """Turn parts into the places where they end. ICU's own offsets count UTF-16 units, not characters."""
    return accumulate(map(len, parts))
