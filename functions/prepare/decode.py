"""Reads every audio track of a recording: packet by packet, part by part, to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
from av.error import FFmpegError
from av.stream import Disposition

from functions.prepare.parts import Part, find_hidden, find_parts
from functions.prepare.resample import Shape
from functions.prepare.timeline import Clock
from functions.prepare.track import Track
from rem.core.errors import InputError

# Formats whose packets carry times. In the others FFmpeg counts packets, and is wrong where the rate changes.
WITH_CLOCK = set("mov matroska mpegts mpeg asf flv ogg avi nut rm mxf wtv".split())
WITH_LENGTH = "mov"  # its index gives each track's length
MOST_FAULTS = 1000  # of reading, without a packet between them
MOST_HIDDEN = 8  # places tried in a file that begins as nothing known

Plan = Callable[[int, int], Shape | None]  # a track's number, and how many there are; None leaves it out


def decode_tracks(source: Path, folder: Path, plan: Plan) -> list[Track]:
    """Decode the audio tracks of a recording into 16 kHz 16-bit WAVs in a folder, all equally long.

    Memory stays at some frames, whatever the length. A WAV's header is repaired in place. What cannot be
    decoded becomes silence, and is told as the track's damage.

    Raises:
        InputError: an empty file, not audio, no audio track, or nothing that could be decoded.
    """
    if source.stat().st_size == 0:
        raise InputError("the file is empty (0 bytes): record again or send the original file")
    reader = _Reader(folder, plan)
    reader.read_all(find_parts(source))
    for start in find_hidden(source)[:MOST_HIDDEN]:
        if not reader.is_open:
            reader.read_all(find_parts(source, start))
    return reader.finish()


class _Reader:
    """The tracks of a file, and what went wrong while it was read.

    Attributes:
        is_open: FFmpeg knew what a part of the file is.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.is_open = False
        self._folder, self._plan = folder, plan
        self._tracks: dict[int, Track] = {}
        self._failure: Exception | None = None

    def read_all(self, parts: list[Part]) -> None:
        for part in parts:
            try:
                with av.open(part.url, metadata_errors="ignore") as container:
                    self.is_open = True
                    self._read(container)
            except (FFmpegError, ValueError) as error:
                self._failure = error

    def _read(self, container: av.container.InputContainer) -> None:
        start_s = _find_start(container)
        chosen = self._choose(container)
        origin = max((track.samples for track in self._tracks.values()), default=0)
        for index, track in chosen.items():
            track.fill_to(origin)
            track.begin(container.streams[index].codec_context, Clock(start_s), origin)
        for packet in _read_packets(container, list(chosen)):
            chosen[packet.stream_index].take(packet)
        for index, track in chosen.items():
            track.end(_read_length(container, container.streams[index], start_s))

    def _choose(self, container: av.container.InputContainer) -> dict[int, Track]:
        """Find the tracks to read, by the number of their stream in the container."""
        streams = container.streams.audio
        if not streams:
            raise InputError("the file has no audio track: send a file with sound")
        chosen = {}
        for number, stream in enumerate(streams):
            shape = self._plan(number, len(streams))
            if shape and stream.codec_context:  # None: no decoder for it
                chosen[stream.index] = self._tracks.setdefault(number, Track(number, self._folder, shape))
        return chosen

    def finish(self) -> list[Track]:
        """Close the files and give the tracks that have sound.

        Raises:
            InputError: nothing was decoded.
        """
        tracks = [track for track in self._tracks.values() if track.samples]
        samples = max((track.samples for track in tracks), default=0)
        for track in tracks:
            track.close(samples)
        if tracks:
            return tracks
        failures = [track.failure for track in self._tracks.values() if track.failure]
        error = self._failure or next(iter(failures), None)
        if error is None:
            raise InputError("the file holds no sound: its audio track has no samples that can be decoded")
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"the file is not a sound or video file that can be decoded ({reason})") from error


def _find_start(container: av.container.InputContainer) -> float | None:
    """Find the container's time at which the recording begins; None for a format without a clock.

    The picture counts: sound that starts after it stays behind it.
    """
    if not WITH_CLOCK & set(container.format.name.split(",")):
        return None
    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    starts = [
        float(s.start_time * s.time_base)
        for s in (*container.streams.audio, *pictures)
        if s.start_time is not None
    ]
    return min(starts, default=0.0)


def _read_length(
    container: av.container.InputContainer, stream: av.AudioStream, start_s: float | None
) -> float:
    """Read how much sound a track's index promises, in seconds; 0 where there is no index."""
    if WITH_LENGTH not in container.format.name.split(",") or not stream.duration:
        return 0.0
    return float((stream.duration + (stream.start_time or 0)) * stream.time_base) - (start_s or 0.0)


def _read_packets(container: av.container.InputContainer, streams: list[int]) -> Iterator[av.Packet]:
    """Read on behind whatever cannot be read."""
    faults = 0
    while streams and faults < MOST_FAULTS:
        try:
            for packet in container.demux([container.streams[index] for index in streams]):
                faults = 0
                yield packet
        except FFmpegError:
            faults += 1
        else:
            return
