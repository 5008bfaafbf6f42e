"""Cues: what each caption of a transcript shows, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf

from rem.transcripts.breaks import split_phrases
from rem.transcripts.layout import (
    AFTER_CLAUSE,
    AFTER_PHRASE,
    AFTER_SENTENCE,
    CHARACTERS_PER_S,
    INSIDE_PHRASE,
    LINE_WIDTH,
    LONGEST_S,
    SHORTEST_S,
    Piece,
    break_lines,
    divide_speech,
    measure,
)
from rem.transcripts.spacing import UNSPACED, measure_width, restore_blanks, shorten
from rem.transcripts.transcript import Transcript, Word

NAME_WIDTH = 20  # characters; a longer name is shortened in captions
LONG_PAUSE_S = 2.0  # no caption spans it
HEARD_PAUSE_S = 0.35  # a pause that a listener notices, as good a place for a break as a comma
SYNC_MS = 500  # a cue may begin this much before or after its words where a short cue needs the time
SHORT_WORD = 3  # letters; articles and prepositions have so few, and belong to the word behind them
SHORTEST_MS, LONGEST_MS = ceil(SHORTEST_S * 1000), int(LONGEST_S * 1000)

Draft = tuple[str | None, Sequence[Piece]]  # a caption before it has its time: who speaks, and what

CLOSERS = "[\"'”’»)\\]」』）】]*$"
SENTENCE = re.compile("[.?!…。？！｡؟۔।॥።፧။៕]" + CLOSERS)
TITLES = {"mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "sr.", "sra.", "hr.", "fr.", "mme."}  # a name follows
CLAUSE = re.compile("[,;:，、；：،؛·፣၊–—]" + CLOSERS)


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption.

    Attributes:
        speaker: The name of whoever speaks; None if the transcript tells no speakers apart.
        lines: One or two, beginning with the speaker's name where the speaker has changed.
        spoken_lines: The same text without the name.
    """

    start_ms: int
    end_ms: int
    speaker: str | None
    lines: tuple[str, ...]
    spoken_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """Speech of one voice without a long pause."""

    speaker: str | None
    words: list[Word]
    segment_starts: set[int]  # indices into words
    shows_name: bool


def build_cues(transcript: Transcript) -> list[Cue]:
    """Cut a transcript into cues that keep the rules of captions as far as the speech allows."""
    runs = list(_collect_runs(transcript))
    drafts: list[Draft] = []
    untils_s = [run.words[0].start_s for run in runs[1:]] + [inf]
    for run, until_s in zip(runs, untils_s, strict=False):
        pieces = _build_pieces(run, transcript.language)
        drafts += [(run.speaker, caption) for caption in divide_speech(pieces, until_s)]
    drafts.sort(key=lambda draft: draft[1][0].start_s)
    return _set_times(list(_name_changes(drafts)))


def _collect_runs(transcript: Transcript) -> Iterator[_Run]:
    """Join the segments of one voice until another is heard or a long pause comes."""
    run: _Run | None = None
    for segment in transcript.segments:
        speaker = transcript.speaker_name(segment.speaker) if transcript.speakers else None
        for i, word in enumerate(segment.words):
            is_change = run is None or run.speaker != speaker
            if run is None or is_change or word.start_s - run.words[-1].end_s >= LONG_PAUSE_S:
                if run is not None:
                    yield run
                run = _Run(speaker, [], set(), is_change and speaker is not None)
            if i == 0:
                run.segment_starts.add(len(run.words))
            run.words.append(word)
    if run is not None:
        yield run


def _build_pieces(run: _Run, language: str | None) -> list[Piece]:
    """Cut the text of a run into pieces and give each its time and the cost of a break after it."""
    text, times, starts = _lay_out(run)
    pieces: list[Piece] = [_name_piece(run.speaker or "", times[0][0])] if run.shows_name else []
    texts, end = split_phrases(text, language, LINE_WIDTH), 0
    for i, part in enumerate(texts):
        begin, end = end, end + len(part)
        visible = part.rstrip()
        start_s, end_s = times[begin][0], times[begin + max(len(visible), 1) - 1][1]
        pause_s = times[end][0] - end_s if end < len(text) else 0.0
        following = texts[i + 1] if i + 1 < len(texts) else ""
        cost = _price_break(part, following)
        if pause_s >= HEARD_PAUSE_S or end in starts:
            cost = min(cost, AFTER_CLAUSE)
        pieces.append(Piece(part, start_s, end_s, cost, measure_width(part), measure_width(visible)))
    return pieces


def _lay_out(run: _Run) -> tuple[str, list[tuple[float, float]], set[int]]:
    """Concatenate the words: the text, the time of each character, and where segments begin."""
    texts = restore_blanks([word.text for word in run.words], run.segment_starts)
    text, times, starts, clock = "", [], set(), 0.0
    for i, (word, own) in enumerate(zip(run.words, texts, strict=True)):
        shown = " ".join(own.split())
        blank = " " if own[:1].isspace() and text and shown else ""
        begin_s = max(clock, word.start_s)
        length_s = max(0.0, word.end_s - begin_s) / max(1, len(shown))
        times += [(clock, clock)] * len(blank)
        times += [(begin_s + k * length_s, begin_s + (k + 1) * length_s) for k in range(len(shown))]
        if i in run.segment_starts:
            starts.add(len(text) + len(blank))
        text += blank + shown
        clock = max(clock, word.end_s)
    return text, times, starts


def _price_break(part: str, following: str) -> int:
    """Price a break by the marks before it and, between two words, by how short they are."""
    visible = part.rstrip()
    if SENTENCE.search(visible) and visible.lower() not in TITLES:
        return AFTER_SENTENCE
    if CLAUSE.search(visible):
        return AFTER_CLAUSE
    if UNSPACED.match(visible[-1:]):
        return AFTER_CLAUSE if part != visible else AFTER_PHRASE
    if part == visible:
        return INSIDE_PHRASE
    ends_short, begins_short = len(visible) <= SHORT_WORD, len(following.rstrip()) <= SHORT_WORD
    return AFTER_PHRASE + 8 * ends_short - 8 * (begins_short and not ends_short)


def _name_piece(name: str, start_s: float) -> Piece:
    text = f"{shorten(name, NAME_WIDTH)}: "
    return Piece(text, start_s, start_s, AFTER_CLAUSE, measure_width(text), measure_width(text) - 1, True)


def _name_changes(
    drafts: Sequence[Draft],
) -> Iterator[Draft]:
    """Show the name also where two voices speak at once and their captions alternate."""
    before: str | None = None
    for speaker, pieces in drafts:
        if speaker is None or speaker == before or pieces[0].is_name:
            yield speaker, pieces
        else:
            name = _name_piece(speaker, pieces[0].start_s)
            yield from ((speaker, caption) for caption in divide_speech([name, *pieces], inf))
        before = speaker


def _set_times(drafts: Sequence[Draft]) -> list[Cue]:
    """Give each caption its time: no two at once, none too short or too fast if silence is around it."""
    cues: list[Cue] = []
    times = _place(drafts)
    ends = [min(end, after) for (_, end), (after, _) in pairwise(times)] + [end for _, end in times[-1:]]
    for (speaker, pieces), (start_ms, _), end_ms in zip(drafts, times, ends, strict=True):
        spoken = pieces[1:] if pieces[0].is_name else pieces
        cues.append(Cue(start_ms, end_ms, speaker, break_lines(pieces), break_lines(spoken)))
    return cues


def _place(drafts: Sequence[Draft]) -> list[tuple[int, int]]:
    """Find each caption's start, and the end that it would have if no other came: in milliseconds."""
    times: list[tuple[int, int]] = []
    starts = [round(pieces[0].start_s * 1000) for _, pieces in drafts]
    for i, (_, pieces) in enumerate(drafts):
        start_ms, previous_start_ms, previous_end_ms = starts[i], -inf, 0
        if times:
            previous_start_ms, previous_end_ms = times[-1]
            late_ms = min(max(0, previous_start_ms + SHORTEST_MS - start_ms), SYNC_MS)
            start_ms = max(start_ms + late_ms, previous_start_ms + 1)
        lack_ms = SHORTEST_MS - (starts[i + 1] - start_ms) if i + 1 < len(drafts) else 0
        start_ms -= max(0, min(lack_ms, SYNC_MS, start_ms - previous_end_ms))
        reading_ms = max(SHORTEST_MS, ceil(measure(pieces) * 1000 / CHARACTERS_PER_S))
        end_ms = max(round(pieces[-1].end_s * 1000), start_ms + reading_ms)
        times.append((start_ms, min(end_ms, start_ms + LONGEST_MS)))
    return times
