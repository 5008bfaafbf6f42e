"""Recordings as recorders write and damage them, made on the spot: tracks, holes, broken packets, joins."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]  # shape (samples,) or (samples, channels)
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 6: "5.1", 8: "7.1"}
FIRST_HZ, STEP_HZ = 500, 50  # a second of the ladder is a tone of its own


def ladder(seconds: float, rate_hz: int = 16_000, channels: int = 1, first_s: int = 0) -> Pcm:
    """A tone per second, each higher than the last: a decoded second says when it was recorded."""
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    tones = FIRST_HZ + STEP_HZ * ((np.floor(times) + first_s) % 40)
    pcm = (8000 * np.sin(2 * np.pi * tones * times)).astype(np.int16)
    return pcm if channels == 1 else np.repeat(pcm[:, None], channels, axis=1)


def read_ladder(pcm: Pcm, second: float, rate_hz: int = 16_000) -> int | None:
    """The second whose tone is heard in the middle of a second; None for silence."""
    part = pcm[int((second + 0.3) * rate_hz) : int((second + 0.7) * rate_hz)].astype(float)
    if len(part) < 0.3 * rate_hz or np.abs(part).max() < 500:
        return None
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    return round((np.argmax(spectrum) * rate_hz / len(part) - FIRST_HZ) / STEP_HZ)


Stretches = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Take:
    """One audio track to be written.

    Attributes:
        start_s: When it begins on the container's clock.
        lost: Stretches (seconds of the sound) whose packets are not written.
        broken: Stretches whose packets are overwritten with noise.
        comfort: Stretches whose packets are the shortest that Opus knows.
        astray: Packets (second of the sound, seconds) with a wrong time.
        drift: Share by which the container's times run faster than the samples.
        jitter_s: By how much the container's times are wrong at most, one way and the other.
        pauses: Seconds of the sound before which nothing was recorded, and for how long.
    """

    pcm: Pcm
    codec: str
    rate_hz: int = 16_000
    start_s: float = 0.0
    lost: Stretches = ()
    broken: Stretches = ()
    comfort: Stretches = ()
    astray: Stretches = ()
    drift: float = 0.0
    jitter_s: float = 0.0
    pauses: Stretches = ()
    bit_rate: int = 64_000  # wmav2 has no default

    @property
    def channels(self) -> int:
        return 1 if self.pcm.ndim == 1 else self.pcm.shape[1]

    def encode(self, stream: av.AudioStream, noise: random.Random) -> list[av.Packet]:
        return [self._edit(packet, noise) for packet in self._encode(stream) if not _is_in(packet, self.lost)]

    def _encode(self, stream: av.AudioStream) -> list[av.Packet]:
        context = stream.codec_context
        size = stream.frame_size or 1024
        resampler = av.AudioResampler(context.format, context.layout, self.rate_hz, size)
        frame = av.AudioFrame.from_ndarray(self.pcm.reshape(1, -1), "s16", LAYOUTS[self.channels])
        frame.sample_rate, frame.pts, frame.time_base = self.rate_hz, 0, Fraction(1, self.rate_hz)
        parts = [*resampler.resample(frame), *resampler.resample(None), None]
        return [packet for part in parts for packet in stream.encode(part)]

    def _edit(self, packet: av.Packet, noise: random.Random) -> av.Packet:
        content = bytes(packet)
        if _is_in(packet, self.broken):
            content = noise.randbytes(packet.size)
        if _is_in(packet, self.comfort):
            content = b"\x78"  # one frame of 20 ms, CELT, without content
        edited = av.Packet(content)
        edited.stream, edited.time_base = packet.stream, packet.time_base
        edited.duration, edited.is_keyframe = packet.duration, True
        edited.pts, edited.dts = (
            self._move(time, packet.time_base, noise) for time in (packet.pts, packet.dts)
        )
        edited.dts = edited.pts
        return edited

    def _move(self, time: int, time_base: Fraction, noise: random.Random) -> int:
        moved_s = self.start_s + noise.uniform(-self.jitter_s, self.jitter_s)
        moved_s += sum(by_s for at_s, by_s in self.astray if abs(time * time_base - at_s) < 0.032)
        moved_s += sum(by_s for at_s, by_s in self.pauses if time * time_base >= at_s)
        return round(time * (1 + self.drift) + moved_s / time_base)


def _is_in(packet: av.Packet, stretches: Stretches) -> bool:
    middle_s = float((packet.pts + packet.duration / 2) * packet.time_base)
    return any(start_s <= middle_s < end_s for start_s, end_s in stretches)


def record(
    path: Path, *takes: Take, picture_s: float = 0.0, container: str = "", noise: int = 1, **options: str
) -> Path:
    """Write tracks into a container, with a picture where it has to last some seconds."""
    chance = random.Random(noise)
    with av.open(str(path), "w", format=container or None, options=options) as file:
        streams = []
        for take in takes:
            stream = file.add_stream(take.codec, rate=take.rate_hz, layout=LAYOUTS[take.channels])
            stream.bit_rate = take.bit_rate
            streams.append(stream)
        packets = _draw(file, picture_s) if picture_s else []
        for take, stream in zip(takes, streams, strict=True):
            packets += take.encode(stream, chance)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            file.mux(packet)
    return path


def _draw(file: av.container.OutputContainer, seconds: float) -> list[av.Packet]:
    stream = file.add_stream("mpeg4", rate=5)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    blank = np.zeros((64, 64, 3), np.uint8)
    frames = [av.VideoFrame.from_ndarray(blank, format="rgb24") for _ in range(round(5 * seconds))]
    return [packet for frame in [*frames, None] for packet in stream.encode(frame)]


def overwrite(path: Path, start: float, length: int, fill: Callable[[int], bytes]) -> Path:
    """Overwrite bytes of a file from a share of its length on."""
    content = bytearray(path.read_bytes())
    at = int(start * len(content))
    content[at : at + length] = fill(length)
    path.write_bytes(content)
    return path


def join(path: Path, *parts: Path, between: bytes = b"") -> Path:
    """What `cat` makes of several files."""
    path.write_bytes(between.join(part.read_bytes() for part in parts))
    return path
