"""Blanks between words, and the room that text takes on a screen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

# Scripts that set no blank between words: Thai, Lao, Tibetan, Burmese, Khmer, kana, Han, full-width forms.
UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u31f0-\u31ff\u3400-\u9fff\uaa60-\uaa7f"
    "\uf900-\ufaff\uff01-\uffef\U00020000-\U0003ffff]"
)
KANA = re.compile("[\u3040-\u30ff\u31f0-\u31ff]")
# Whisper cuts words before these: c'est, real-time, 1,001, "100 %" of which no blank is known any more.
CONTINUES = re.compile(r"[,.;:!?%)\]}…»”、。]|['\u2019]\w|-\w")


def restore_blanks(texts: Sequence[str], starts: Iterable[int] = ()) -> list[str]:
    """Give words the blanks that stand before them where they lack them.

    Words of today bring their own blanks. Those of old transcripts had lost them; they are recognised by
    bringing none at all, and get one wherever their script sets one.

    Args:
        starts: Indices of words that begin a segment: models set the blank of the first word or leave it out.
    """
    is_old = not any(text[:1].isspace() for text in texts)  # or a language without blanks
    may_lack = set(range(1, len(texts))) if is_old else set(starts) - {0}
    return [
        f" {text}" if i in may_lack and _needs_blank(texts[i - 1], text) else text
        for i, text in enumerate(texts)
    ]


def _needs_blank(before: str, after: str) -> bool:
    if not after or before[-1:].isspace() or after[0].isspace():
        return False
    return not (UNSPACED.match(before[-1:]) or UNSPACED.match(after) or CONTINUES.match(after))


def measure_width(text: str) -> int:
    """Count characters as lines of captions do: a full-width one takes the room of two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def shorten(text: str, width: int) -> str:
    """Cut a text to a width, with an ellipsis in place of what is left out."""
    if measure_width(text) <= width:
        return text
    return "".join(_take(text, width - 1)).rstrip() + "…"


def _take(text: str, width: int) -> Iterator[str]:
    for character in text:
        width -= measure_width(character)
        if width < 0:
            return
        yield character
