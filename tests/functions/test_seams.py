"""Cut into chunks and clips and put together again: no word lost, none doubled, every time exact."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from functions.transcribe.handler import place_segments
from rem.core.chunks import clip_regions, pack_regions, plan_chunks
from rem.transcripts.transcript import Segment, Word, join_chunks
from tests.rem.core.strategies import recordings

HZ = 16_000
EVERY = 4_000  # samples: a word wherever the recording's sample number is divisible by this


def hear(sound: np.ndarray) -> list[Segment]:
    """A model that reads sample numbers: one word a sample long at each multiple, named by the number."""
    at = np.flatnonzero(sound % EVERY == 0)
    words = tuple(Word(i / HZ, (i + 1) / HZ, str(sound[i]), 1.0) for i in at)
    return [Segment(words)] if words else []


@given(recordings(), st.floats(1, 120), st.floats(1, 30), st.floats(0, 5))
def test_every_spoken_word_appears_once_at_its_own_time(recording, chunk_s, longest_s, gap_s):
    samples, speech = recording
    numbers = np.arange(samples)
    found = []
    for chunk in plan_chunks(samples, speech, chunk_s):
        for clip in pack_regions(clip_regions(speech, chunk.start, chunk.end), longest_s, gap_s):
            sound = np.concatenate([numbers[region.start : region.end] for region in clip.regions])
            found.append(place_segments(hear(sound), clip))
    words = [word for segment in join_chunks(found) for word in segment.words]
    heard = [int(word.text) for word in words]
    spoken = [n for r in speech for n in range(-(-r.start // EVERY) * EVERY, r.end, EVERY)]
    assert set(heard) >= set(spoken)
    assert heard == sorted(set(heard))
    assert [round(word.start_s * HZ) for word in words] == heard
