"""Decodes the packets of one track one by one, and counts the sound in those that cannot be decoded."""

from __future__ import annotations

import av
from av.error import FFmpegError

# FFmpeg's own decoders of phone recordings know no comfort noise.
PHONE_CODECS = {"amrnb": "libopencore_amrnb", "amrwb": "libopencore_amrwb"}
# FFmpeg's decoder believes the table of channels in a broken packet and is silent from then on; a flush does
# not help. Seen with FFmpeg 8.1 in one of twelve recordings with two seconds of noise in their packets.
POISONED = ("aac",)
SWALLOWS = ("mp3float", "mp2float", "mp2")  # their reader takes everything up to the next packet for one
COMFORT_BYTES = 8  # an encoder that pauses while nobody speaks sends packets up to this size, then none
# What stands between joined MP3s is no sound: tags, and the frame with the table of the next file.
NO_SOUND = (b"ID3", b"TAG", b"APETAGEX", b"Xing", b"Info", b"VBRI")
NO_SOUND_WITHIN = 64  # bytes
LEAST_OVERWRITTEN_S = 0.25  # for less, a packet's claim is nearer: the bytes of MP3 frames lie in one another


class PacketDecoder:
    """A decoder that goes on behind broken packets.

    Args:
        has_clock: The container says when each packet is due. Where it does not, lost time is counted here:
            by the length that a packet claims, for MP3 by its bytes: its reader takes all that is overwritten
            for one packet.

    Attributes:
        lost_s: Length of the packets that could not be decoded; whoever leaves a gap for it sets it to 0.
        since_loss: Packets that were decoded after the last one that could not.
        after_pause: The packet before the last one was comfort noise.
        failure: The last error.
    """

    def __init__(self, codec: av.CodecContext, *, has_clock: bool) -> None:
        phone_codec = PHONE_CODECS.get(codec.name)
        self._decoder = av.CodecContext.create(phone_codec, "r") if phone_codec else codec
        self._has_clock = has_clock
        self.lost_s = 0.0
        self.since_loss = self.good = self.bad = 0
        self.after_pause = False
        self.failure: FFmpegError | None = None
        self._last_bytes = COMFORT_BYTES + 1
        self._bytes = 0
        self._seconds = 0.0
        self._in_table = False

    def decode(self, packet: av.Packet) -> list[av.AudioFrame]:
        """Decode a packet; an empty list where that is not possible, or not yet."""
        try:
            frames: list[av.AudioFrame] = self._decoder.decode(packet)
        except FFmpegError as error:
            self._lose(packet, error)
            return []
        self.good += 1
        self.since_loss += 1
        self._in_table = False
        self.after_pause, self._last_bytes = self._last_bytes <= COMFORT_BYTES, packet.size
        self._bytes += packet.size
        self._seconds += sum(frame.samples / (frame.sample_rate or 1) for frame in frames)
        return frames

    def drain(self) -> list[av.AudioFrame]:
        """Take out what is left at the end."""
        try:
            return list(self._decoder.decode(None))
        except FFmpegError as error:
            self.failure = error
            return []

    def _lose(self, packet: av.Packet, error: FFmpegError) -> None:
        self.since_loss = 0
        self._in_table |= any(mark in bytes(packet)[:NO_SOUND_WITHIN] for mark in NO_SOUND)
        if self._in_table:
            return
        self.failure = error
        self.bad += 1
        self.lost_s += self._read_length(packet)
        if self._decoder.name in POISONED:
            self._decoder = _renew(self._decoder)

    def _read_length(self, packet: av.Packet) -> float:
        """Read how much sound is lost with a packet."""
        claimed_s = float((packet.duration or 0) * packet.time_base)
        if self._has_clock or self._decoder.name not in SWALLOWS or not self._bytes:
            return claimed_s
        overwritten_s = float(packet.size * self._seconds / self._bytes)
        return overwritten_s if overwritten_s > LEAST_OVERWRITTEN_S else claimed_s


def _renew(decoder: av.CodecContext) -> av.CodecContext:
    """Build the same decoder without what it has learned from the packets."""
    fresh = av.CodecContext.create(decoder.name, "r")
    fresh.extradata = decoder.extradata
    return fresh
