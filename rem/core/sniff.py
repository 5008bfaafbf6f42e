"""What kind of sound or video file some bytes are. Names and content types are claims; bytes are not."""

from __future__ import annotations

HEAD_BYTES = 4096  # enough for every signature below
FTYP_AUDIO = (b"M4A ", b"M4B ", b"M4P ")
ADTS_OR_MPEG = 0xFF


def sniff_audio(head: bytes) -> str | None:
    """The file extension for the content, None where it is no sound or video that REM knows.

    A WAV needs no honest sizes: a device that lost power left zeros or 0xFFFFFFFF in its header.

    Args:
        head: The first HEAD_BYTES of the file, or all of it.
    """
    return _sniff_riff(head) or _sniff_mpeg4(head) or _sniff_signature(head) or _sniff_frames(head)


def _sniff_riff(head: bytes) -> str | None:
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return {b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    return None


def _sniff_mpeg4(head: bytes) -> str | None:
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    if brand in FTYP_AUDIO:
        return "m4a"
    return {b"qt  ": "mov", b"3gp4": "3gp", b"3gp5": "3gp", b"3gp6": "3gp"}.get(brand, "mp4")


def _sniff_signature(head: bytes) -> str | None:
    if head.startswith(b"OggS"):
        return "opus" if b"OpusHead" in head[:64] else "ogg"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in head[:64] else "mkv"
    signatures = {
        b"fLaC": "flac",
        b"#!AMR": "amr",
        b"caff": "caf",
        b".snd": "au",
        b"wvpk": "wv",
        b"MAC ": "ape",
        b"TTA1": "tta",
        b"\x0b\x77": "ac3",
        b"FLV\x01": "flv",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "wma",
        b"\x00\x00\x01\xba": "mpg",
        b"ID3": "mp3",
    }
    return next((kind for start, kind in signatures.items() if head.startswith(start)), None)


def _sniff_frames(head: bytes) -> str | None:
    """Streams without a header begin with a frame: 11 or 12 set bits, then what it is."""
    if len(head) < 4 or head[0] != ADTS_OR_MPEG:
        return None
    if head[1] & 0xF6 == 0xF0:  # ADTS: layer is always 0
        return "aac"
    is_frame = head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08 and head[1] & 0x06 != 0
    is_possible = head[2] & 0xF0 not in (0x00, 0xF0) and head[2] & 0x0C != 0x0C  # rates that exist
    return "mp3" if is_frame and is_possible else None


AUDIO_TYPES = {
    "aac": "audio/aac",
    "ac3": "audio/ac3",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "ape": "audio/ape",
    "au": "audio/basic",
    "avi": "video/x-msvideo",
    "caf": "audio/x-caf",
    "flac": "audio/flac",
    "flv": "video/x-flv",
    "m4a": "audio/mp4",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "3gp": "video/3gpp",
    "mpg": "video/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "tta": "audio/x-tta",
    "wav": "audio/wav",
    "webm": "video/webm",
    "wma": "audio/x-ms-wma",
    "wv": "audio/x-wavpack",
}
