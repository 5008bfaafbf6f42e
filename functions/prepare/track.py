"""One audio track on its way from packets to WAV files."""

from __future__ import annotations

from pathlib import Path

import av
from av.error import FFmpegError

from functions.prepare.mixing import Block
from functions.prepare.resample import Resampler, Shape
from functions.prepare.sound_file import SoundFile
from functions.prepare.timeline import RESTART_S, Cause, Clock, Damage
from rem.core.recordings import SAMPLE_RATE_HZ

PHONE_CODECS = {
    "amrnb": "libopencore_amrnb",
    "amrwb": "libopencore_amrwb",
}  # FFmpeg's own know no comfort noise
COMFORT_BYTES = 8  # an encoder that pauses while nobody speaks sends packets up to this size, then none
CUT_OFF_S = 1.0  # a track that ends so much before its index says was cut off


class Track:
    """The sound of one track, over all parts of a file.

    Attributes:
        files: One, or one per channel; all that were written so far.
        failure: The last error of the decoder.
    """

    def __init__(self, number: int, folder: Path, shape: Shape) -> None:
        self.number = number
        self.files: list[SoundFile] = []
        self.damage: list[Damage] = []
        self.failure: FFmpegError | None = None
        self._folder = folder
        self._resampler = Resampler(shape)

    @property
    def samples(self) -> int:
        return max((file.samples for file in self.files), default=0)

    @property
    def is_mixed(self) -> bool:
        """Whether several channels are heard as one."""
        return len(self.files) == 1 and self._resampler.channels > 1

    @property
    def loses_sound(self) -> bool:
        """Whether the channels cancel each other in FFmpeg's mix."""
        return self._resampler.check.loses_sound

    def begin(self, codec: av.CodecContext, clock: Clock, origin: int) -> None:
        """Begin with a part of the file.

        Args:
            origin: The sample of the recording at which the part's clock begins.
        """
        phone_codec = PHONE_CODECS.get(codec.name)
        self._decoder = av.CodecContext.create(phone_codec, "r") if phone_codec else codec
        self._clock, self._origin = clock, origin
        self._held: av.AudioFrame | None = None
        self._lost_s = 0.0  # of packets since the last frame
        self._packet_bytes = 0

    def take(self, packet: av.Packet) -> None:
        """Decode a packet and write its sound where it belongs, or skip it where that is not possible."""
        if not packet.size:  # to a decoder this is the end
            return
        try:
            frames = self._decoder.decode(packet)
        except FFmpegError as error:
            self.failure = error
            self._lost_s += float((packet.duration or 0) * packet.time_base)
            return
        for frame in frames:
            self._judge(frame)
        self._packet_bytes = packet.size

    def end(self, expected_s: float) -> None:
        """Write what the decoder and the resampler still hold.

        Args:
            expected_s: The part's length by its own index; 0 where that says nothing.
        """
        try:
            for frame in self._decoder.decode(None):
                self._judge(frame)
        except FFmpegError as error:
            self.failure = error
        self._settle(None)
        if self._lost_s:
            self._leave(self._lost_s)
        self._write(self._resampler.drain())
        ended_s = self._clock.now_s
        if ended_s < expected_s - CUT_OFF_S:
            self._tell(ended_s, expected_s, Cause.CUT_OFF)

    def fill_to(self, samples: int) -> None:
        """Make all files equally long, with silence."""
        for file in self.files:
            file.fill_to(samples)

    def close(self, samples: int) -> None:
        """Fill the files up and finish them."""
        self.fill_to(samples)
        for file in self.files:
            file.close()

    def _judge(self, frame: av.AudioFrame) -> None:
        """Place a frame; hold one whose time jumps until the next one shows which of both times is wrong."""
        if not frame.samples or not frame.sample_rate:
            return
        self._settle(frame)
        if abs(self._clock.measure_lead(frame.time) - self._lost_s) > RESTART_S:
            self._held = frame
        else:
            self._place(frame, frame.time)

    def _settle(self, following: av.AudioFrame | None) -> None:
        """Place the frame that was held, at its own time where the following one agrees with it."""
        if self._held is None:
            return
        held, self._held = self._held, None
        agrees = following is not None and self._clock.agrees(held.time, following.time)
        self._place(held, held.time if agrees else None)

    def _place(self, frame: av.AudioFrame, time_s: float | None) -> None:
        gap_s = self._clock.find_gap(time_s, self._lost_s)
        if gap_s > 0:
            self._leave(gap_s)
        self._lost_s = 0.0
        seconds = frame.samples / frame.sample_rate
        if self._clock.pace != 1.0:
            frame.sample_rate = round(frame.sample_rate * self._clock.pace)
        try:
            self._write(self._resampler.convert(frame))
        except FFmpegError as error:  # a format that cannot be resampled
            self.failure = error
            self._lost_s = seconds
        else:
            self._clock.place(time_s, seconds)

    def _leave(self, gap_s: float) -> None:
        """Leave silence; tell of it unless the sound only starts late, or its encoder paused."""
        self._write(self._resampler.drain())
        start_s = self._clock.now_s
        self._clock.skip(gap_s)
        if not self.files:
            self._add_file()
        self.fill_to(self._origin + round(self._clock.now_s * SAMPLE_RATE_HZ))
        if self._lost_s:
            self._tell(start_s, self._clock.now_s, Cause.UNDECODABLE)
        elif start_s > 0 and self._packet_bytes > COMFORT_BYTES:
            self._tell(start_s, self._clock.now_s, Cause.HOLE)

    def _tell(self, start_s: float, end_s: float, cause: Cause) -> None:
        origin_s = self._origin / SAMPLE_RATE_HZ
        self.damage.append(Damage(origin_s + start_s, origin_s + end_s, cause, end_s - start_s))

    def _write(self, blocks: list[Block]) -> None:
        for block in blocks:
            before = self.samples
            while len(self.files) < block.shape[1]:
                self._add_file()
            for i in range(block.shape[1]):
                self.files[i].fill_to(before)  # a channel that the part before did not have
                self.files[i].add(block[:, i])

    def _add_file(self) -> None:
        self.files.append(SoundFile(self._folder / f"track-{self.number}-{len(self.files)}.wav"))
