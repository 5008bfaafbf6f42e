"""Hypothesis strategies for words, turns, regions and segments."""

from __future__ import annotations

from hypothesis import strategies as st

from rem.core.chunks import Region
from rem.transcripts.transcript import Segment, Turn, Word

TEXT = st.text(alphabet="abcdefghijklmnopqrstuvwxyzäöüéÅß'", min_size=1, max_size=12)


@st.composite
def words(draw: st.DrawFn, max_size: int = 30) -> list[Word]:
    """Words in order, with pauses between some of them."""
    at_ms, spoken = draw(st.integers(0, 5_000)), []
    for text in draw(st.lists(TEXT, max_size=max_size)):
        length_ms, pause_ms = draw(st.integers(20, 1_500)), draw(st.integers(0, 3_000))
        spoken.append(Word(at_ms / 1000, (at_ms + length_ms) / 1000, f" {text}", 0.9))
        at_ms += length_ms + pause_ms
    return spoken


@st.composite
def turns(draw: st.DrawFn) -> list[Turn]:
    """Turns sorted by start; they may overlap."""
    count = draw(st.integers(0, 12))
    starts = sorted(draw(st.lists(st.integers(0, 60_000), min_size=count, max_size=count)))
    lengths = draw(st.lists(st.integers(50, 8_000), min_size=count, max_size=count))
    names = draw(st.lists(st.sampled_from("ABC"), min_size=count, max_size=count))
    return [Turn(s / 1000, (s + n) / 1000, name) for s, n, name in zip(starts, lengths, names, strict=True)]


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    """Words cut into segments of some length; each segment may have a speaker."""
    spoken, found = draw(words()), []
    while spoken:
        size = draw(st.integers(1, 8))
        found.append(Segment(tuple(spoken[:size]), draw(st.sampled_from([None, "SPEAKER_00", "SPEAKER_01"]))))
        spoken = spoken[size:]
    return found


@st.composite
def recordings(draw: st.DrawFn) -> tuple[int, list[Region]]:
    """A length in samples, and speech regions inside it."""
    samples = draw(st.integers(1, 16_000 * 300))
    edges = sorted(draw(st.sets(st.integers(0, samples), max_size=40)))
    return samples, [Region(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]
