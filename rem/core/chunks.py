"""The cutting of a recording: speech regions, chunks at silences, slices of the diarization window grid.

All positions are sample numbers at 16 kHz, so that a cut is exact and times add up to the sample.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rem.core.recordings import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """Samples [start, end) in which somebody speaks."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Chunk:
    """Samples [start, end) of a recording, or of one of its split channels, that one invocation works on."""

    index: int
    start: int
    end: int
    channel: int = 0

    def to_event(self) -> dict[str, int]:
        split = {"channel": self.channel} if self.channel else {}
        return {"index": self.index, "startSample": self.start, "endSample": self.end, **split}

    @classmethod
    def from_event(cls, event: dict[str, int]) -> Chunk:
        return cls(event["index"], event["startSample"], event["endSample"], event.get("channel", 0))


def join_regions(regions: Iterable[Region]) -> list[Region]:
    """Make one region of those that touch or overlap, whatever their order."""
    joined: list[Region] = []
    for region in sorted(regions):
        if joined and region.start <= joined[-1].end:
            joined[-1] = Region(joined[-1].start, max(region.end, joined[-1].end))
        else:
            joined.append(region)
    return joined


def subtract_regions(regions: Sequence[Region], holes: Sequence[Region]) -> list[Region]:
    """Cut holes out of regions, each sorted and without overlaps."""
    left: list[Region] = []
    first = 0
    for region in regions:
        while first < len(holes) and holes[first].end <= region.start:
            first += 1
        start = region.start
        for i in range(first, len(holes)):
            if holes[i].start >= region.end:
                break
            if holes[i].start > start:
                left.append(Region(start, holes[i].start))
            start = holes[i].end
        if start < region.end:
            left.append(Region(start, region.end))
    return left


def plan_chunks(samples: int, speech: Sequence[Region], target_s: float) -> list[Chunk]:
    """Cut a recording into chunks of at most target_s, at silences where there are any.

    Each cut is the middle of the longest silence in the second half of the chunk; speech that never
    pauses is cut at target_s. The chunks cover [0, samples) exactly once, in order.

    Args:
        speech: Sorted, not overlapping.
    """
    target = int(target_s * SAMPLE_RATE_HZ)
    cuts = [0]
    while samples - cuts[-1] > target:
        earliest, latest = cuts[-1] + target // 2, cuts[-1] + target
        cuts.append(_find_cut(speech, earliest, latest))
    cuts.append(samples)
    return [Chunk(i, a, b) for i, (a, b) in enumerate(itertools.pairwise(cuts))]


def _find_cut(speech: Sequence[Region], earliest: int, latest: int) -> int:
    edges = [earliest]
    for region in speech:
        if region.end > earliest and region.start < latest:
            edges += [max(earliest, region.start), min(latest, region.end)]
    edges.append(latest)
    silences = list(zip(edges[0::2], edges[1::2], strict=True))
    start, end = max(silences, key=lambda silence: silence[1] - silence[0])
    return (start + end) // 2 if end > start else latest


def clip_regions(speech: Sequence[Region], start: int, end: int) -> list[Region]:
    """Clip the speech regions to [start, end)."""
    clipped = (Region(max(r.start, start), min(r.end, end)) for r in speech)
    return [region for region in clipped if region.end > region.start]


@dataclass(frozen=True, slots=True)
class Clip:
    """One or more regions that a model hears as one sound; the silence between them is left out."""

    regions: tuple[Region, ...]

    @property
    def seconds(self) -> float:
        return sum(region.seconds for region in self.regions)

    def find_region(self, at_s: float) -> tuple[Region, float]:
        """Find the region heard at a time of the clip, and the seconds to add for the recording's time.

        Times beyond the clip's end belong to its last region.
        """
        before_s = 0.0
        for region in self.regions[:-1]:
            if at_s < before_s + region.seconds:
                break
            before_s += region.seconds
        else:
            region = self.regions[-1]
        return region, region.start / SAMPLE_RATE_HZ - before_s


def pack_regions(speech: Sequence[Region], longest_s: float, widest_gap_s: float) -> list[Clip]:
    """Put neighbouring regions into clips for a model whose cost is per window, not per second.

    Args:
        longest_s: Packing makes no clip longer than this; a single longer region stays whole.
        widest_gap_s: A silence up to this length is kept for the model to hear. A longer one is cut out.
    """
    clips: list[Clip] = []
    for region in speech:
        if clips and (joined := _append(clips[-1], region, widest_gap_s)).seconds <= longest_s:
            clips[-1] = joined
        else:
            clips.append(Clip((region,)))
    return clips


def _append(clip: Clip, region: Region, widest_gap_s: float) -> Clip:
    *others, last = clip.regions
    if (region.start - last.end) / SAMPLE_RATE_HZ <= widest_gap_s:
        return Clip((*others, Region(last.start, region.end)))
    return Clip((*clip.regions, region))


def plan_slices(samples: int, target_s: float) -> list[Chunk]:
    """Cut the diarization window grid: slices of equal length, the last one shorter.

    A slice holds the windows that *start* in it. Diarization needs no silence at its cuts, because the
    windows of neighbouring slices overlap as if there were no cut.
    """
    step = int(target_s * SAMPLE_RATE_HZ)
    starts = range(0, max(samples, 1), step)
    return [Chunk(i, start, min(start + step, samples)) for i, start in enumerate(starts)]


def window_count(samples: int, window: int, hop: int) -> int:
    """Count the windows of the grid over a whole recording; the last may reach beyond its end.

    The count is that of pyannote.audio's sliding inference: all whole windows, plus one for a remainder.
    """
    if samples < window:
        return 1
    whole, rest = divmod(samples - window, hop)
    return whole + 1 + (1 if rest > 0 else 0)


def slice_windows(chunk: Chunk, samples: int, window: int, hop: int) -> range:
    """List the numbers of the grid's windows that start inside a slice."""
    total = window_count(samples, window, hop)
    first, end = (-(-edge // hop) for edge in (chunk.start, chunk.end))
    if chunk.end >= samples:
        end = total
    return range(min(first, total), min(end, total))
