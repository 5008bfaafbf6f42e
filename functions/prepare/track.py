"""One audio track on its way from packets to WAV files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.error import FFmpegError

from functions.prepare.mixing import Block
from functions.prepare.packets import PacketDecoder
from functions.prepare.resample import Resampler, Shape, is_plausible
from functions.prepare.sound_file import SoundFile
from functions.prepare.timeline import Cause, Clock, Damage
from rem.core.recordings import SAMPLE_RATE_HZ

SURE_PACKETS = 25  # half a second to two after a broken packet, times that go back are believed again
ENOUGH_PACKETS, LEAST_SHARE = 20, 0.1  # random packets: one in 500 decodes as AAC, one in six as ALAC
CUT_OFF_S = 1.0  # a track that ends so much before its index says was cut off


@dataclass(frozen=True, slots=True)
class _Placeable:
    """A frame on its way to its place."""

    frame: av.AudioFrame
    time_s: float | None
    is_after_pause: bool


class Track:
    """The sound of one track, over all parts of a file.

    Attributes:
        files: One, or one per channel; all that were written so far.
        failure: The decoder's last error.
    """

    def __init__(self, number: int, folder: Path, shape: Shape) -> None:
        self.number = number
        self.files: list[SoundFile] = []
        self.damage: list[Damage] = []
        self.failure: FFmpegError | None = None
        self._folder = folder
        self._resampler = Resampler(shape)
        self._good = self._bad = 0  # packets

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

    @property
    def is_noise(self) -> bool:
        """Whether so few packets can be decoded that those few mean nothing, as where a file is encrypted."""
        return self._bad >= ENOUGH_PACKETS and self._good < LEAST_SHARE * self._bad

    def begin(self, decoder: PacketDecoder, clock: Clock, origin: int) -> None:
        """Begin with a part of the file.

        Args:
            origin: The sample of the recording at which the part's clock begins.
        """
        self._decoder, self._clock, self._origin = decoder, clock, origin
        self._held: _Placeable | None = None

    def take(self, packet: av.Packet) -> None:
        """Decode a packet and write its sound where it belongs, or skip it where that is not possible."""
        frames = self._decoder.decode(packet)
        if not self._decoder.since_loss:
            self._held = None  # noise that happened to decode: its time is as wrong as it is
        for frame in frames:
            self._judge(frame)

    def end(self, expected_s: float) -> None:
        """Write what the decoder and the resampler still hold.

        Args:
            expected_s: The part's length by its own index; 0 where that says nothing.
        """
        for frame in self._decoder.drain():
            self._judge(frame)
        self._settle(None)
        self._write(self._resampler.drain())
        self._good += self._decoder.good
        self._bad += self._decoder.bad
        self.failure = self._decoder.failure or self.failure
        if self._clock.now_s + self._decoder.lost_s < expected_s - CUT_OFF_S:
            self._tell(self._clock.now_s, expected_s, Cause.CUT_OFF)
        elif self._decoder.lost_s:
            self._leave(self._decoder.lost_s, is_pause=False)

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
        if not frame.samples or not is_plausible(frame):
            return
        self._settle(frame)
        placeable = _Placeable(frame, frame.time, self._decoder.after_pause)
        jump = self._clock.find_jump(placeable.time_s, self._decoder.lost_s)
        if jump < 0 and self._decoder.since_loss < SURE_PACKETS:
            return  # noise that happened to decode
        if jump:
            self._held = placeable
        else:
            self._place(placeable)

    def _settle(self, following: av.AudioFrame | None) -> None:
        """Place the frame that was held, at its own time where the following one agrees with it."""
        if self._held is None:
            return
        held, self._held = self._held, None
        agrees = following is not None and self._clock.agrees(held.time_s, following.time)
        self._place(held if agrees else replace(held, time_s=None))

    def _place(self, placeable: _Placeable) -> None:
        frame = placeable.frame
        gap_s = self._clock.find_gap(placeable.time_s, self._decoder.lost_s)
        if gap_s > 0:
            self._leave(gap_s, is_pause=placeable.is_after_pause)
        self._decoder.lost_s = 0.0
        seconds = frame.samples / frame.sample_rate
        if self._clock.pace != 1.0:
            frame.sample_rate = round(frame.sample_rate * self._clock.pace)
        try:
            self._write(self._resampler.convert(frame))
        except FFmpegError as error:  # a format that cannot be resampled
            self._decoder.failure, self._decoder.lost_s = error, seconds
        else:
            self._clock.place(placeable.time_s, seconds)

    def _leave(self, gap_s: float, *, is_pause: bool) -> None:
        """Leave silence; tell of it unless the sound only starts late, or its encoder paused."""
        self._write(self._resampler.drain())
        start_s = self._clock.now_s
        self._clock.skip(gap_s)
        if not self.files:
            self._add_file()
        self.fill_to(self._origin + round(self._clock.now_s * SAMPLE_RATE_HZ))
        if self._decoder.lost_s:
            self._tell(start_s, self._clock.now_s, Cause.UNDECODABLE)
        elif start_s > 0 and not is_pause:
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
