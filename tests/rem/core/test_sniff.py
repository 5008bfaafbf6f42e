import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem.core.sniff import AUDIO_TYPES, HEAD_BYTES, UNKNOWN, find_refusal, sniff_audio


def wav(size=36, format_tag=1):
    return b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + struct.pack("<IH", 20, format_tag)


KNOWN = {
    "wav": [
        wav(),
        wav(0xFFFFFFFF, 0x11),
        wav(0),
        b"RF64\xff\xff\xff\xffWAVEds64",
        b"BW64\xff\xff\xff\xffWAVEds64",
        b"HTTP/1.1 200 OK\r\n\r\n" + wav(),
    ],
    "w64": [b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"],
    "ts": [(b"G" + bytes(187)) * 3],
    "m2ts": [(bytes(4) + b"G" + bytes(187)) * 3],
    "loas": [b"\x56\xe1\x8c\x20"],
    "avi": [b"RIFF\x00\x00\x00\x00AVI LIST"],
    "aiff": [b"FORM\x00\x00\x00\x00AIFF", b"FORM\x00\x00\x00\x00AIFC"],
    "mp3": [b"ID3\x04\x00", b"\xff\xfb\x90\x64", b"\xff\xf3\x40\xc4"],
    "aac": [b"\xff\xf1\x50\x80", b"\xff\xf9\x50\x80"],
    "m4a": [b"\x00\x00\x00\x20ftypM4A \x00"],
    "mp4": [b"\x00\x00\x00\x20ftypisom\x00", b"\x00\x00\x00\x20ftypmp42\x00"],
    "mov": [b"\x00\x00\x00\x14ftypqt  \x00", b"\x00\x00\x00\x08wide\x00\x00\xf5\xc0mdat"],
    "3gp": [b"\x00\x00\x00\x14ftyp3gp4\x00"],
    "ogg": [b"OggS\x00\x02" + bytes(22) + b"\x01\x1e\x01vorbis"],
    "opus": [b"OggS\x00\x02" + bytes(22) + b"OpusHead"],
    "flac": [b"fLaC\x00\x00\x00\x22"],
    "webm": [b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm"],
    "mkv": [b"\x1aE\xdf\xa3\xa3B\x82\x88matroska"],
    "amr": [b"#!AMR\n", b"#!AMR-WB\n"],
    "caf": [b"caff\x00\x01"],
    "wma": [b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9"],
}
REFUSED = {
    b"": "it is empty",
    b"RIFF\x00\x00\x00\x00WEBPVP8 ": "it is an image (WebP)",
    b"\x89PNG\r\n\x1a\n": "it is an image (PNG)",
    b"\xff\xd8\xff\xe0": "it is an image (JPEG)",
    b"\x00\x00\x00\x18ftypheic": "it is an image (HEIF)",
    b"%PDF-1.7": "it is a document (PDF)",
    b"PK\x03\x04\x14\x00": "it is an archive (ZIP, or an Office document)",
    b"<!DOCTYPE html><title>Sorry</title>": "it is a web page (HTML)",
    b"\r\n  <HTML lang=en>": "it is a web page (HTML)",
    b'{"error": "not found"}': "it is JSON",
    b"[1, 2]": "it is JSON",
    b'<?xml version="1.0"?><Error/>': "it is an XML document",
    "Wir trafen uns um zehn. Grüße".encode(): "it is text",
    b"\xff\xfeh\x00i\x00": "it is text",
    b"[section]\nkey = 1\n": "it is text",
}
PERHAPS = {  # no signature names them, and Prepare may hear something in them
    "erased flash": b"\xff\xff\xff\xff" * 20,
    "zeros before the sound": bytes(1000) + b"\xff\xfb\x90\x64",
    "the middle of a frame": bytes.fromhex("00000000d04a36f06044cd1a0b03619a"),
    "mu-law without a header": bytes.fromhex("ffff7efe7e7e7e7e7efffeffff7e7e7e"),
    "the rest of a recorder's WebM": bytes.fromhex("a3424081000080fb83"),
    "a header that says nothing": b"RIFF",
}


@pytest.mark.parametrize(("kind", "head"), [(kind, head) for kind, heads in KNOWN.items() for head in heads])
def test_sound_is_known_by_its_first_bytes(kind, head):
    assert sniff_audio(head + bytes(200)) == kind


@pytest.mark.parametrize(("head", "reason"), REFUSED.items(), ids=str)
def test_what_is_surely_no_recording_is_named(head, reason):
    assert find_refusal(head).startswith(reason)


@pytest.mark.parametrize("head", PERHAPS.values(), ids=PERHAPS)
def test_what_may_be_a_recording_is_not_refused(head):
    assert find_refusal(head + bytes(8)) == ""
    assert sniff_audio(head + bytes(8)) == UNKNOWN


@pytest.mark.parametrize("head", [head for heads in KNOWN.values() for head in heads])
def test_known_sound_is_never_refused(head):
    assert find_refusal(head) == ""


def test_a_character_that_the_head_cuts_does_not_make_text_something_else():
    assert find_refusal(("x" + "ä" * HEAD_BYTES).encode()[:HEAD_BYTES]) == "it is text"


@given(st.binary(max_size=HEAD_BYTES))
def test_every_answer_has_a_content_type(head):
    assert sniff_audio(head) in AUDIO_TYPES
