"""Laws of the decoder on random recordings: codecs, containers, channels, holes, broken packets, joins.

`python -m benchmarks.fuzz_decode --laws 2000` runs them on as many.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.functions.recorders import Stretches, Take, join, ladder, read_ladder, record
from tests.functions.sounds import HZ, decode

# Container, codec, rates, most channels. Those with a clock keep the time of what is left around a hole.
WITH_CLOCK = (
    ("mp4", "aac", (16_000, 44_100, 48_000), 2),
    ("m4a", "aac", (16_000, 44_100, 48_000), 2),
    ("mov", "aac", (44_100,), 2),
    ("mkv", "aac", (16_000, 44_100), 2),
    ("mkv", "flac", (16_000, 48_000), 8),
    ("mkv", "libmp3lame", (16_000, 44_100), 2),
    ("mkv", "ac3", (48_000,), 6),
    ("mkv", "pcm_s16le", (8_000, 44_100), 2),
    ("webm", "libopus", (48_000,), 2),
    ("ogg", "libopus", (48_000,), 2),
    ("ts", "aac", (44_100, 48_000), 2),
    ("ts", "mp2", (48_000,), 2),
    ("flv", "aac", (44_100,), 2),
    ("3gp", "libopencore_amrnb", (8_000,), 1),
)
WITHOUT_CLOCK = (
    ("mp3", "libmp3lame", (16_000, 44_100, 48_000), 2),
    ("aac", "aac", (16_000, 44_100), 2),
    ("flac", "flac", (16_000, 48_000), 8),
    ("wav", "pcm_s16le", (8_000, 16_000, 44_100), 8),
    ("wav", "adpcm_ima_wav", (16_000,), 2),
    ("ogg", "libopus", (48_000, 24_000), 2),
    ("amr", "libopencore_amrnb", (8_000,), 1),
)
NOISE_IS_SOUND = ("libopus", "pcm_s16le", "libopencore_amrnb", "adpcm_ima_wav")  # to them any bytes are sound
EDGE_S = 0.25  # packets on the edge of a wound, and the one after it that a codec needs to find its feet
MOST_PACKET_S = 0.3


@dataclass(frozen=True)
class Plan:
    """One or two files, joined; the wounds are seconds of the first."""

    suffix: str
    takes: tuple[Take, ...]
    has_clock: bool

    @property
    def wounds(self) -> Stretches:
        return [*self.takes[0].lost, *self.takes[0].broken]

    @property
    def seconds(self) -> float:
        return sum(len(take.pcm) / take.rate_hz for take in self.takes)

    @property
    def undamaged_s(self) -> float:
        return self.seconds - sum(end_s - start_s + MOST_PACKET_S for start_s, end_s in self.wounds)

    def is_whole(self, second: int) -> bool:
        return all(
            second + 1 <= start_s - EDGE_S or end_s + EDGE_S <= second for start_s, end_s in self.wounds
        )

    def write(self, folder: Path) -> Path:
        files = [record(folder / f"{i}.{self.suffix}", take) for i, take in enumerate(self.takes)]
        return join(folder / f"joined.{self.suffix}", *files)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    has_clock = draw(st.booleans())
    suffix, codec, rates, most = draw(st.sampled_from(WITH_CLOCK if has_clock else WITHOUT_CLOCK))
    lengths = (
        [draw(st.integers(6, 10))] if has_clock else draw(st.lists(st.integers(4, 7), min_size=1, max_size=2))
    )
    takes, first_s = [], 0
    for seconds in lengths:
        rate_hz, channels = (
            draw(st.sampled_from(rates)),
            draw(st.sampled_from([c for c in (1, 2, 3, 6, 8) if c <= most])),
        )
        if codec in ("libmp3lame", "ac3", "aac") and channels == 3:
            channels = 2
        takes.append(Take(ladder(seconds, rate_hz, channels, first_s=first_s), codec, rate_hz))
        first_s += seconds
    if has_clock:
        takes[0] = draw(wounded(takes[0]))
    return Plan(suffix, tuple(takes), has_clock)


@st.composite
def wounded(draw: st.DrawFn, take: Take) -> Take:
    """Holes and broken packets, apart from each other and from both ends."""
    spots = draw(st.lists(st.integers(1, len(take.pcm) // take.rate_hz - 3), max_size=2, unique=True))
    wounds = [(spot + draw(st.floats(0, 0.3)), spot + draw(st.floats(0.5, 0.9))) for spot in spots]
    breaks = [draw(st.booleans()) and take.codec not in NOISE_IS_SOUND for _ in wounds]
    lost = [wound for wound, is_broken in zip(wounds, breaks, strict=True) if not is_broken]
    broken = [wound for wound, is_broken in zip(wounds, breaks, strict=True) if is_broken]
    return replace(take, lost=lost, broken=broken)


def check_laws(plan: Plan) -> None:
    """Hold that a recording is whole, in its place, and tells what it lacks."""
    with tempfile.TemporaryDirectory() as folder:
        (pcm,), heard = decode(plan.write(Path(folder)), "mix")
    assert len(pcm) / HZ >= 0.99 * plan.undamaged_s - 0.1
    assert len(pcm) / HZ <= plan.seconds + 0.3
    if plan.has_clock:
        assert len(pcm) / HZ >= 0.99 * plan.seconds - 0.1
        whole = [second for second in range(int(plan.seconds)) if plan.is_whole(second)]
        assert [read_ladder(pcm, second) for second in whole] == whole
    missing_s = sum(damage.missing_s for damage in heard.damage)
    assert missing_s == pytest.approx(
        sum(b - a for a, b in plan.wounds), abs=MOST_PACKET_S * (1 + len(plan.wounds))
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(Plan("mkv", (Take(ladder(6, 48_000, 2), "aac", 48_000, lost=[(2, 3)], broken=[(4, 4.5)]),), True))
@given(plans())
def test_a_random_recording_is_whole_and_in_its_place(plan):
    check_laws(plan)
