import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem.core.sniff import AUDIO_TYPES, HEAD_BYTES, sniff_audio


def wav(size=36, format_tag=1):
    return b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + struct.pack("<IH", 20, format_tag)


KNOWN = {
    "wav": [wav(), wav(0xFFFFFFFF, 0x11), wav(0), b"RF64\xff\xff\xff\xffWAVEds64"],
    "avi": [b"RIFF\x00\x00\x00\x00AVI LIST"],
    "aiff": [b"FORM\x00\x00\x00\x00AIFF", b"FORM\x00\x00\x00\x00AIFC"],
    "mp3": [b"ID3\x04\x00", b"\xff\xfb\x90\x64", b"\xff\xf3\x40\xc4"],
    "aac": [b"\xff\xf1\x50\x80", b"\xff\xf9\x50\x80"],
    "m4a": [b"\x00\x00\x00\x20ftypM4A \x00"],
    "mp4": [b"\x00\x00\x00\x20ftypisom\x00", b"\x00\x00\x00\x20ftypmp42\x00"],
    "mov": [b"\x00\x00\x00\x14ftypqt  \x00"],
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
FOREIGN = [
    b"",
    b"RIFF",
    b"RIFF\x00\x00\x00\x00WEBP",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",  # JPEG
    b"%PDF-1.7",
    b"PK\x03\x04",
    b"<!DOCTYPE html>",
    b"\xff\xff\xff\xff" * 20,  # erased flash
    bytes(100),
    b"\xff\xfe\x00\x00h\x00",  # UTF-16 text
]


@pytest.mark.parametrize(("kind", "head"), [(kind, head) for kind, heads in KNOWN.items() for head in heads])
def test_sound_is_known_by_its_first_bytes(kind, head):
    assert sniff_audio(head + bytes(200)) == kind


@pytest.mark.parametrize("head", FOREIGN)
def test_what_is_no_sound_is_not_taken_for_any(head):
    assert sniff_audio(head) is None


@given(st.binary(max_size=HEAD_BYTES))
def test_every_answer_has_a_content_type(head):
    kind = sniff_audio(head)
    assert kind is None or kind in AUDIO_TYPES
