"""Tells by its first bytes what a file is, and whether it is surely no recording.

Names and content types are claims; bytes are not. A door refuses only what `find_refusal` names. Everything
else is taken, and Prepare, which can decode, says what it is.
"""

from __future__ import annotations

import re

HEAD_BYTES = 4096  # every signature below lies within
UNKNOWN = "bin"  # the extension of content that no signature names
FTYP_AUDIO = (b"M4A ", b"M4B ", b"M4P ")
FTYP_IMAGE = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
QUICKTIME_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # files older than the ftyp atom
WAV_INSIDE = re.compile(rb"RIFF.{4}WAVE", re.DOTALL)  # a server's header was saved with the file
TS_PACKETS = {188: 0, 192: 4}  # bytes of a transport stream's packet: where its sync byte is
TS_SYNC = 0x47
ADTS_OR_MPEG = 0xFF
JSON_START = re.compile(rb"[\[{]\s*[\[{\]}\"\d-]")
TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b")
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")  # an MPEG frame of layer I may begin like the first
FOREIGN = {  # start of a file that is surely no recording: what it is
    b"\x89PNG": "an image (PNG)",
    b"\xff\xd8\xff": "an image (JPEG)",
    b"GIF8": "an image (GIF)",
    b"II*\x00": "an image (TIFF)",
    b"MM\x00*": "an image (TIFF)",
    b"%PDF": "a document (PDF)",
    b"\xd0\xcf\x11\xe0": "an Office document",
    b"PK\x03\x04": "an archive (ZIP, or an Office document)",
    b"\x1f\x8b": "an archive (gzip)",
    b"BZh": "an archive (bzip2)",
    b"\xfd7zXZ": "an archive (xz)",
    b"7z\xbc\xaf": "an archive (7-Zip)",
    b"Rar!": "an archive (RAR)",
    b"\x28\xb5\x2f\xfd": "an archive (Zstandard)",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"SQLite format 3": "a database (SQLite)",
}


def find_refusal(head: bytes) -> str:
    """Say what a file is that is surely no recording; empty for everything that may be one.

    Args:
        head: The first HEAD_BYTES of the file, or all of it.
    """
    if not head:
        return "it is empty"
    if _sniff_known(head) and not head.startswith(UTF16_MARKS):
        return ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "it is an image (WebP)"
    if head[4:8] == b"ftyp" and head[8:12] in FTYP_IMAGE:
        return "it is an image (HEIF)"
    if head[257:262] == b"ustar":
        return "it is an archive (tar)"
    foreign = next((what for start, what in FOREIGN.items() if head.startswith(start)), "")
    return f"it is {foreign}" if foreign else _find_text(head)


def _find_text(head: bytes) -> str:
    """Name text. One byte that no text has is enough to take the file."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if not _is_text(head):
        return ""
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start:
        return "it is a web page (HTML): the address gave a page instead of the recording"
    if JSON_START.match(start):
        return "it is JSON"
    return "it is an XML document" if start.startswith(b"<") else "it is text"


def _is_text(head: bytes) -> bool:
    if head.startswith(UTF16_MARKS):
        text = head[: len(head) & ~1].decode("utf-16", "replace")
        return "\ufffd" not in text[:-1] and all(c.isprintable() or c.isspace() for c in text[:-1])
    if any(byte < 0x20 and byte not in TEXT_CONTROLS for byte in head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) >= HEAD_BYTES  # a character that the head cuts
    return True


def sniff_audio(head: bytes) -> str:
    """Return the file extension for the content, `bin` where no signature names it.

    A WAV needs no honest sizes: a device that lost power left zeros or 0xFFFFFFFF in its header.

    Args:
        head: The first HEAD_BYTES of the file, or all of it.
    """
    return _sniff_known(head) or UNKNOWN


def _sniff_known(head: bytes) -> str | None:
    return (
        _sniff_riff(head)
        or _sniff_mpeg4(head)
        or _sniff_signature(head)
        or _sniff_frames(head)
        or _sniff_transport(head)
    )


def _sniff_riff(head: bytes) -> str | None:
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return {b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])
    if WAV_INSIDE.search(head):
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    return None


def _sniff_mpeg4(head: bytes) -> str | None:
    if head[4:8] in QUICKTIME_ATOMS:
        return "mov"
    if head[4:8] != b"ftyp" or head[8:12] in FTYP_IMAGE:
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
        b"riff\x2e\x91\xcf\x11": "w64",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "wma",
        b"\x00\x00\x01\xba": "mpg",
        b"ID3": "mp3",
    }
    return next((kind for start, kind in signatures.items() if head.startswith(start)), None)


def _sniff_frames(head: bytes) -> str | None:
    """Recognize streams without a header by their first frame: 11 or 12 set bits, then the kind."""
    if head[:1] == b"\x56" and len(head) > 1 and head[1] & 0xE0 == 0xE0:  # LATM's sync word, 11 bits
        return "loas"
    if len(head) < 4 or head[0] != ADTS_OR_MPEG:
        return None
    if head[1] & 0xF6 == 0xF0:  # ADTS: layer is always 0
        return "aac"
    is_frame = head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08 and head[1] & 0x06 != 0
    is_possible = head[2] & 0xF0 not in (0x00, 0xF0) and head[2] & 0x0C != 0x0C  # rates that exist
    return "mp3" if is_frame and is_possible else None


def _sniff_transport(head: bytes) -> str | None:
    """Recognize an MPEG transport stream by the sync bytes of three packets in a row."""
    for packet, offset in TS_PACKETS.items():
        if head[offset : offset + 3 * packet : packet] == bytes([TS_SYNC] * 3):
            return "ts" if packet == 188 else "m2ts"
    return None


AUDIO_TYPES = {
    UNKNOWN: "application/octet-stream",
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
    "loas": "audio/aac",
    "m2ts": "video/mp2t",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "3gp": "video/3gpp",
    "mpg": "video/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "ts": "video/mp2t",
    "tta": "audio/x-tta",
    "w64": "audio/x-w64",
    "wav": "audio/wav",
    "webm": "video/webm",
    "wma": "audio/x-ms-wma",
    "wv": "audio/x-wavpack",
}
