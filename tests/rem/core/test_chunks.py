from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rem.core.chunks import (
    Chunk,
    Region,
    clip_regions,
    pack_regions,
    plan_chunks,
    plan_slices,
    slice_windows,
    window_count,
)
from tests.rem.core.strategies import recordings

HZ = 16_000


@given(recordings(), st.floats(1, 120))
def test_chunks_cover_the_recording_exactly_once(recording, target_s):
    samples, speech = recording
    chunks = plan_chunks(samples, speech, target_s)
    assert chunks[0].start == 0
    assert chunks[-1].end == samples
    assert all(a.end == b.start for a, b in pairwise(chunks))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))


@given(recordings(), st.floats(1, 120))
def test_no_chunk_is_longer_than_its_target(recording, target_s):
    samples, speech = recording
    assert all(c.end - c.start <= int(target_s * HZ) for c in plan_chunks(samples, speech, target_s))


def test_a_short_recording_is_one_chunk():
    assert plan_chunks(5 * HZ, [], 600) == [Chunk(0, 0, 5 * HZ)]


def test_a_cut_lies_in_the_middle_of_the_longest_silence():
    speech = [Region(0, 6 * HZ), Region(7 * HZ, 8 * HZ), Region(8 * HZ + 100, 20 * HZ)]
    assert plan_chunks(20 * HZ, speech, 10)[0].end == 6 * HZ + HZ // 2


def test_speech_without_a_pause_is_cut_at_the_target():
    assert plan_chunks(25 * HZ, [Region(0, 25 * HZ)], 10)[0].end == 10 * HZ


@given(recordings(), st.data())
def test_clipping_keeps_only_what_lies_inside(recording, data):
    samples, speech = recording
    start = data.draw(st.integers(0, samples))
    end = data.draw(st.integers(start, samples))
    clipped = clip_regions(speech, start, end)
    assert all(start <= r.start < r.end <= end for r in clipped)
    inside = sum(max(0, min(r.end, end) - max(r.start, start)) for r in speech)
    assert sum(r.end - r.start for r in clipped) == inside


@given(recordings(), st.floats(1, 30), st.floats(0, 5))
def test_packing_keeps_all_speech_and_the_order(recording, longest_s, gap_s):
    _, speech = recording
    heard = [region for clip in pack_regions(speech, longest_s, gap_s) for region in clip.regions]
    assert all(any(h.start <= r.start and r.end <= h.end for h in heard) for r in speech)
    assert all(a.end <= b.start for a, b in pairwise(heard))


@given(recordings(), st.floats(1, 30), st.floats(0, 5))
def test_packing_never_makes_a_clip_longer_than_allowed(recording, longest_s, gap_s):
    _, speech = recording
    clips = pack_regions(speech, longest_s, gap_s)
    assert all(clip.seconds <= longest_s or clip.regions[0] in speech for clip in clips)


@given(recordings(), st.floats(1, 30), st.floats(0, 5))
def test_packing_never_keeps_a_longer_silence(recording, longest_s, gap_s):
    _, speech = recording
    heard = sum(clip.seconds for clip in pack_regions(speech, longest_s, gap_s))
    spoken = sum(region.seconds for region in speech)
    assert heard <= spoken + gap_s * max(0, len(speech) - 1) + 1e-6


@given(recordings(), st.floats(1, 30), st.floats(0, 5), st.floats(0, 1))
def test_a_time_of_a_clip_is_found_in_the_recording(recording, longest_s, gap_s, share):
    """The sample that the model hears at a time is the recording's sample at the time that it is given."""
    samples, speech = recording
    sound = np.arange(samples)
    for clip in pack_regions(speech, longest_s, gap_s):
        heard = np.concatenate([sound[region.start : region.end] for region in clip.regions])
        number = min(int(share * len(heard)), len(heard) - 1)
        region, offset_s = clip.find_region((number + 0.5) / HZ)
        assert region.start <= heard[number] < region.end
        assert round(number + offset_s * HZ) == heard[number]


@given(
    st.integers(1, HZ * 400),
    st.sampled_from([(80_000, 16_000), (160_000, 16_000), (80_000, 8_000), (160_000, 40_000)]),
    st.sampled_from([10, 30, 60, 600]),
)
def test_every_window_of_the_grid_lies_in_exactly_one_slice(samples, grid, slice_s):
    window, hop = grid
    slices = plan_slices(samples, slice_s)
    numbers = [n for piece in slices for n in slice_windows(piece, samples, window, hop)]
    assert numbers == list(range(window_count(samples, window, hop)))


def test_a_recording_shorter_than_a_window_has_one_window():
    assert window_count(100, 80_000, 16_000) == 1
