"""Decide which speaker said which word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from rem.transcripts.transcript import Segment, Speaker, Turn, Word

NEAR_S = 0.5  # a listener still hears a word this close to a turn as part of it; docs/adr/0006
EDGE_S = 0.5  # a run at the edge of a sentence must be this long to keep its own speaker; docs/adr/0006


def assign_speakers(words: Sequence[Word], turns: Sequence[Turn]) -> list[str | None]:
    """Give each word the speaker whose turns cover most of it.

    A word that no turn touches takes the speaker of the nearest turn within NEAR_S. Beyond that it has no
    speaker, because an honest "unknown" serves the reader better than a guess. On equal cover the earlier
    turn wins.

    Args:
        words: Sorted by start.
        turns: Sorted by start; they may overlap. O(words + turns) for short turns.
    """
    assigned: list[str | None] = []
    first = 0
    for word in words:
        while first < len(turns) and turns[first].end_s < word.start_s - NEAR_S:
            first += 1
        assigned.append(_find_speaker(word, _turns_near(word, turns, first)))
    return assigned


def _turns_near(word: Word, turns: Sequence[Turn], first: int) -> Iterator[Turn]:
    for i in range(first, len(turns)):
        if turns[i].start_s > word.end_s + NEAR_S:
            return
        yield turns[i]


def _find_speaker(word: Word, near: Iterator[Turn]) -> str | None:
    cover_s: dict[str, float] = {}
    distance_s: dict[str, float] = {}
    for turn in near:
        overlap_s = min(word.end_s, turn.end_s) - max(word.start_s, turn.start_s)
        if overlap_s > 0:
            cover_s[turn.speaker] = cover_s.get(turn.speaker, 0.0) + overlap_s
        elif -overlap_s <= NEAR_S:
            distance_s[turn.speaker] = min(-overlap_s, distance_s.get(turn.speaker, NEAR_S))
    if cover_s:
        return max(cover_s, key=lambda speaker: cover_s[speaker])
    return min(distance_s, key=lambda speaker: distance_s[speaker], default=None)


def split_at_speakers(segments: Sequence[Segment], turns: Sequence[Turn]) -> list[Segment]:
    """Assign speakers to all words and split every segment where its speaker changes.

    Every word is kept, in the same order.

    Args:
        segments: Sorted by start; each is one sentence or phrase of the transcriber.
    """
    words = [word for segment in segments for word in segment.words]
    speakers = iter(assign_speakers(words, turns))
    split: list[Segment] = []
    for segment in segments:
        spoken = [(next(speakers), word) for word in segment.words]
        runs = [
            Segment(tuple(w for _, w in run), who) for who, run in groupby(spoken, key=lambda pair: pair[0])
        ]
        split += _settle_edges(runs)
    return split


def _settle_edges(runs: list[Segment]) -> list[Segment]:
    """Give a run shorter than EDGE_S at either edge of a sentence to its longer neighbour.

    Diarization places turn boundaries a few frames early or late, and people seldom say a single word of
    somebody else's sentence.
    """
    for edge, inner in ((0, 1), (-1, -2)):
        if len(runs) > 1 and _length_s(runs[edge]) < min(EDGE_S, _length_s(runs[inner])):
            first, second = (runs[edge], runs[inner]) if edge == 0 else (runs[inner], runs[edge])
            runs[inner] = Segment(first.words + second.words, runs[inner].speaker)
            del runs[edge]
    return runs


def _length_s(run: Segment) -> float:
    return run.end_s - run.start_s


def join_channels(channels: Iterable[Sequence[Segment]], labels: Iterable[str | None]) -> list[Segment]:
    """Give all words of a channel to its speaker, and put the segments in the order in which they begin."""
    named = [
        replace(s, speaker=who) for said, who in zip(channels, labels, strict=True) for s in said if s.words
    ]
    return sorted(named, key=lambda segment: segment.start_s)


def label_by_appearance(turns: Sequence[Turn]) -> dict[str, str]:
    """Number the voices in order of appearance: SPEAKER_00 speaks first. Equal turns get equal labels."""
    order = dict.fromkeys(turn.speaker for turn in sorted(turns, key=lambda turn: turn.start_s))
    return {label: f"SPEAKER_{i:02}" for i, label in enumerate(order)}


def measure_speakers(segments: Sequence[Segment], turns: Sequence[Turn]) -> tuple[Speaker, ...]:
    """List the speakers of at least one word, in order of appearance, with their seconds of speech."""
    speaking = dict.fromkeys(segment.speaker for segment in segments if segment.speaker is not None)
    speech_s = dict.fromkeys(speaking, 0.0)
    for turn in turns:
        if turn.speaker in speech_s:
            speech_s[turn.speaker] += turn.end_s - turn.start_s
    return tuple(Speaker(label, seconds) for label, seconds in speech_s.items())
