"""Reads every audio track of a recording: packet by packet, part by part, to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition

from functions.prepare.packets import PacketDecoder
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
COMPLAINTS = {
    False: "the file is not a sound or video file that can be decoded",
    True: "hardly any of the file can be decoded: it is encrypted, or damaged beyond use",
}

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
        """Read parts one after the other; what cannot be opened is left out."""
        for part in parts:
            try:
                with av.open(part.url, metadata_errors="ignore") as container:
                    self.is_open = True
                    self._read(container)
            except (FFmpegError, ValueError) as error:
                self._failure = error

    def _read(self, container: InputContainer) -> None:
        start_s = _find_start(container)
        chosen = self._choose(container)
        origin = max((track.samples for track in self._tracks.values()), default=0)
        for stream, track in chosen.values():
            decoder = PacketDecoder(stream.codec_context, has_clock=start_s is not None)
            track.begin(decoder, Clock(start_s), origin)
        for packet in _read_packets(container, [stream for stream, _ in chosen.values()]):
            chosen[packet.stream_index][1].take(packet)
        for stream, track in chosen.values():
            track.end(_read_length(container, stream, start_s))

    def _choose(self, container: InputContainer) -> dict[int, tuple[av.AudioStream, Track]]:
        """Find the tracks to read, by the number of their stream in the container."""
        streams = container.streams.audio
        if not streams:
            raise InputError("the file has no audio track: send a file with sound")
        chosen = {}
        for number, stream in enumerate(streams):
            shape = self._plan(number, len(streams))
            if shape and stream.codec_context:  # None: no decoder for it
                track = self._tracks.setdefault(number, Track(number, self._folder, shape))
                chosen[stream.index] = (stream, track)
        return chosen

    def finish(self) -> list[Track]:
        """Close the files and give the tracks that have sound, all equally long.

        Raises:
            InputError: nothing was decoded, or hardly anything.
        """
        tracks = [track for track in self._tracks.values() if track.samples]
        samples = max((track.samples for track in tracks), default=0)
        for track in tracks:
            track.close(samples)
        good = [track for track in tracks if not track.is_noise]
        if good:
            return good
        error = self._failure or next((t.failure for t in self._tracks.values() if t.failure), None)
        if error is None:
            raise InputError("the file holds no sound: its audio track has no samples that can be decoded")
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{COMPLAINTS[bool(tracks)]} ({reason})") from error


def _find_start(container: InputContainer) -> float | None:
    """Find the container's time at which the recording begins; None for a format without a clock.

    The picture counts: sound that starts after it stays behind it.
    """
    if not WITH_CLOCK & set(container.format.name.split(",")):
        return None
    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    streams = (*container.streams.audio, *pictures)
    starts = [float(s.start_time * s.time_base) for s in streams if s.start_time is not None and s.time_base]
    return min(starts, default=0.0)


def _read_length(container: InputContainer, stream: av.AudioStream, start_s: float | None) -> float:
    """Read how much sound a track's index promises, in seconds; 0 where there is no index."""
    time_base = stream.time_base
    if WITH_LENGTH not in container.format.name.split(",") or not stream.duration or not time_base:
        return 0.0
    return float((stream.duration + (stream.start_time or 0)) * time_base) - (start_s or 0.0)


def _read_packets(container: InputContainer, streams: list[av.AudioStream]) -> Iterator[av.Packet]:
    """Read on behind whatever cannot be read.

    PyAV 18.1 ends with an empty packet per track, which names the wrong one, and with an IndexError where a
    stream appeared that was not there at first.
    """
    faults = 0
    while streams and faults < MOST_FAULTS:
        try:
            for packet in container.demux(streams):
                faults = 0
                if packet.size:
                    yield packet
        except FFmpegError:
            faults += 1
        except IndexError:
            return
        else:
            return
