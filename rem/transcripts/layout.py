"""Divide a stretch of speech into captions, and each caption into lines, at the least cost for its reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

LINE_WIDTH = 42  # characters, half as many full-width ones; docs/adr/0038 has the sources of these four
SHORTEST_S, LONGEST_S = 5 / 6, 7.0  # how long a caption stays
CHARACTERS_PER_S = 20  # reading speed of adults

# The costs below have no unit; only their ratios matter.
AFTER_SENTENCE, AFTER_CLAUSE, AFTER_PHRASE, INSIDE_PHRASE = 0, 8, 25, 60  # of a break there
NEW_CAPTION = 20
LONELY_WORD = 60  # one word of a longer sentence that stands alone
FILLED_WIDTH = 21  # a caption of half a sentence should not be narrower; each character less costs 1
TOO_SHORT, TOO_FAST, MOST_TOO_FAST = 400, 6, 240  # per second that lacks, per character a second too many
BLINK_S = 0.05  # less time than this is counted as this
BORNE_PAUSE_S, PAUSE_INSIDE = 0.5, 20  # a longer pause inside a caption costs this much per second
LONELY_LINE = 15  # a line of one word beside a longer one
UNEVEN = 0.5  # per character by which one line is longer than the other


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that stays whole, with the blank that follows it, and the time at which it is said.

    Attributes:
        break_cost: What a break after it costs, AFTER_SENTENCE to INSIDE_PHRASE.
        width: Of the text with its blank, in characters.
        visible_width: Of the text without it: at the end of a line.
        is_name: Whether it is the speaker's name, which is shown and not said.
    """

    text: str
    start_s: float
    end_s: float
    break_cost: int
    width: int
    visible_width: int
    is_name: bool = False


def divide_speech(pieces: Sequence[Piece], next_start_s: float) -> list[Sequence[Piece]]:
    """Divide pieces into captions that fit their lines and times, by dynamic programming.

    Args:
        pieces: What one voice says without a long pause. Each fits a line.
        next_start_s: When the next voice is heard; the last caption has time until then.
    """
    costs = [0.0, *[inf] * len(pieces)]
    begins = [0] * (len(pieces) + 1)
    for first in range(len(pieces)):
        for last, cost in _price_captions(pieces, first, next_start_s):
            if costs[first] + cost < costs[last + 1]:
                costs[last + 1], begins[last + 1] = costs[first] + cost, first
    captions, end = [], len(pieces)
    while end:
        captions.append(pieces[begins[end] : end])
        end = begins[end]
    return captions[::-1]


def break_lines(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """Put a caption into one line if it fits, else into the two that read best."""
    if _fits(pieces):
        return (_join(pieces),)
    cuts = [i for i in range(1, len(pieces)) if _fits(pieces[:i]) and _fits(pieces[i:])]
    best = min(cuts, key=lambda i: _price_lines(pieces[:i], pieces[i:]))
    return _join(pieces[:best]), _join(pieces[best:])


def measure(pieces: Sequence[Piece]) -> int:
    """Measure pieces as one line, in characters."""
    return sum(piece.width for piece in pieces[:-1]) + pieces[-1].visible_width


def _price_captions(pieces: Sequence[Piece], first: int, next_start_s: float) -> Iterator[tuple[int, float]]:
    """Yield each piece with which a caption that begins with `first` may end, and its cost."""
    spoken = first + pieces[first].is_name  # the first piece that is said
    start_s, lines, line_width, width, pauses_s = pieces[first].start_s, 1, 0, 0, 0.0
    name_width = pieces[first].width if pieces[first].is_name else 0
    for last in range(first, len(pieces)):
        piece = pieces[last]
        if line_width + piece.visible_width > LINE_WIDTH:
            lines, line_width = lines + 1, 0
        if lines > 2 or (last > spoken and piece.end_s - start_s > LONGEST_S):
            return
        if last > spoken:
            pauses_s += max(0.0, piece.start_s - pieces[last - 1].end_s - BORNE_PAUSE_S)
        if last >= spoken:
            until_s = pieces[last + 1].start_s if last + 1 < len(pieces) else next_start_s
            shown_width = width + piece.visible_width
            cost = NEW_CAPTION + PAUSE_INSIDE * pauses_s + (piece.break_cost if last + 1 < len(pieces) else 0)
            cost += _price_reading(shown_width, piece.end_s - start_s, until_s - start_s)
            if not _is_sentence(pieces, spoken, last):
                cost += LONELY_WORD * (last == spoken) + max(0, FILLED_WIDTH + name_width - shown_width)
            yield last, cost
        line_width += piece.width
        width += piece.width


def _price_reading(width: int, spoken_s: float, until_next_s: float) -> float:
    """Price the time that a reader lacks if the caption stays until the next one at most."""
    shown_s = min(max(spoken_s, SHORTEST_S, width / CHARACTERS_PER_S), LONGEST_S, until_next_s)
    too_fast = width / max(shown_s, BLINK_S) - CHARACTERS_PER_S
    cost = min(MOST_TOO_FAST, TOO_FAST * too_fast) if too_fast > 0 else 0.0
    return cost + TOO_SHORT * (SHORTEST_S - shown_s) if shown_s < SHORTEST_S else cost


def _is_sentence(pieces: Sequence[Piece], first: int, last: int) -> bool:
    """Tell whether the pieces begin and end with sentences, or with the whole speech."""
    begins = first == 0 or pieces[first - 1].is_name or pieces[first - 1].break_cost == AFTER_SENTENCE
    return begins and (last + 1 == len(pieces) or pieces[last].break_cost == AFTER_SENTENCE)


def _price_lines(above: Sequence[Piece], below: Sequence[Piece]) -> float:
    lonely = sum(len(line) == 1 and not line[0].is_name for line in (above, below))
    return UNEVEN * abs(measure(above) - measure(below)) + above[-1].break_cost + LONELY_LINE * lonely


def _fits(pieces: Sequence[Piece]) -> bool:
    return measure(pieces) <= LINE_WIDTH


def _join(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces).rstrip()
