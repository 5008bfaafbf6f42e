"""Files that hold more than they say: joined recordings, chained Ogg, WAVs with wrong sizes, hidden ones."""

import struct

import numpy as np
import pytest

from functions.prepare.parts import find_hidden, find_parts
from rem.core.errors import InputError
from tests.functions.recorders import Take, join, ladder, read_ladder, record
from tests.functions.sounds import HZ, decode, decode_one, tone, write_wav

LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 13) + b"a recorder 1\0\0"
MOST = 0xFFFFFFFF


def heard_seconds(pcm):
    return [read_ladder(pcm, second) for second in range(round(len(pcm) / HZ))]


def wav(pcm, size=None, *, riff=b"RIFF", table=None, after=b"", rate_hz=HZ, channels=1):
    """A WAV with the data size that its header says, or with another; `table`: the size in a ds64 chunk."""
    data = pcm.tobytes()
    written = len(data) if size is None else size
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, 2 * rate_hz * channels, 2 * channels, 16)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", written) + data + after
    if table is not None:
        sizes = struct.pack("<QQQI", 0 if table == 0 else table + 72, table, 0, 0)
        chunks = b"ds64" + struct.pack("<I", len(sizes)) + sizes + chunks
    riff_size = written if written in (0, MOST) else 4 + len(chunks)
    return riff + struct.pack("<I", min(riff_size, MOST)) + b"WAVE" + chunks


@pytest.mark.parametrize(
    "content",
    [
        wav(ladder(6), 0),
        wav(ladder(6), MOST),
        wav(ladder(6), 2 * HZ),
        wav(ladder(6), 2 * HZ, after=LIST),
        wav(ladder(6), 999_999_999),
        wav(ladder(6), after=LIST),
        wav(ladder(6), MOST, riff=b"RF64", table=0),
        wav(ladder(6), MOST, riff=b"RF64", table=12 * HZ),
        wav(ladder(6), MOST, riff=b"RF64", table=2 * HZ),
        wav(ladder(6), MOST, riff=b"BW64", table=0),
        wav(ladder(6), MOST, riff=b"BW64", table=10**12),
        wav(ladder(6), MOST, riff=b"RF64"),
    ],
    ids=(
        "zero unknown stale stale-with-list beyond right rf64-zero rf64 rf64-stale bw64 bw64-beyond no-table"
    ).split(),
)
def test_a_wav_is_read_to_its_end_whatever_size_it_claims(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    pcm = decode_one(path)
    np.testing.assert_array_equal(pcm[: 6 * HZ], ladder(6))
    assert len(pcm) - 6 * HZ <= len(LIST)  # a list behind stale data cannot be told from data


def test_chunks_behind_the_data_are_no_sound(tmp_path):
    notes = b"note" + struct.pack("<I", 60_000) + bytes(60_000)
    (tmp_path / "a.wav").write_bytes(wav(ladder(2), after=LIST + notes))
    assert len(decode_one(tmp_path / "a.wav")) == 2 * HZ


def test_a_stray_end_that_is_too_short_for_sound_is_none(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(ladder(2), after=b"\xff\xfe" * 60))
    assert len(decode_one(tmp_path / "a.wav")) == 2 * HZ


@pytest.mark.parametrize("size", [None, 0, MOST])
def test_wavs_that_were_joined_are_all_read(tmp_path, size):
    parts = [wav(ladder(3), size, after=LIST), wav(ladder(2, first_s=3), size), wav(ladder(1, first_s=5))]
    (tmp_path / "a.wav").write_bytes(b"".join(parts))
    pcm = decode_one(tmp_path / "a.wav")
    assert heard_seconds(pcm) == [0, 1, 2, 3, 4, 5]


def test_joined_wavs_may_differ_in_rate_and_channels(tmp_path):
    stereo = ladder(3, 48_000, channels=2, first_s=3)
    (tmp_path / "a.wav").write_bytes(wav(ladder(3)) + wav(stereo, rate_hz=48_000, channels=2))
    assert heard_seconds(decode_one(tmp_path / "a.wav")) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "before",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n\r\n",
        b'--boundary\r\nContent-Disposition: form-data; name="file"\r\n\r\n',
        b"\x00" * 70_000,
        b"RIFF of nothing ",
    ],
)
@pytest.mark.parametrize("size", [None, 0, 2 * HZ])
def test_a_wav_behind_something_else_is_found(tmp_path, before, size):
    (tmp_path / "a.wav").write_bytes(before + wav(ladder(4), size))
    assert heard_seconds(decode_one(tmp_path / "a.wav")) == [0, 1, 2, 3]


@pytest.mark.parametrize(("name", "codec"), [("b.ogg", "libopus"), ("b.flac", "flac"), ("b.m4a", "aac")])
def test_other_files_behind_the_head_of_an_answer_are_found(tmp_path, name, codec):
    inner = record(tmp_path / name, Take(ladder(3, 48_000), codec, 48_000))
    path = tmp_path / f"a{inner.suffix}"
    path.write_bytes(b"HTTP/1.1 200 OK\r\n\r\n" + inner.read_bytes())
    assert heard_seconds(decode_one(path)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp3", "libmp3lame"),
        ("a.aac", "aac"),
        ("a.ogg", "libopus"),
        ("a.ogg", "flac"),
        ("a.flac", "flac"),
        ("a.m4a", "aac"),
        ("a.webm", "libopus"),
        ("a.mkv", "flac"),
        ("a.caf", "alac"),
        ("a.aiff", "pcm_s16be"),
        ("a.w64", "pcm_s16le"),
        ("a.wma", "wmav2"),
        ("a.ts", "aac"),
    ],
)
@pytest.mark.parametrize("rates", [(48_000, 48_000), (48_000, 24_000)])
def test_files_that_were_joined_by_cat_are_all_read(tmp_path, name, codec, rates):
    parts = []
    for i, rate_hz in enumerate(rates):
        take = Take(ladder(3, rate_hz, channels=1 + i, first_s=3 * i), codec, rate_hz)
        parts.append(record(tmp_path / f"{i}-{name}", take))
    (pcm,), heard = decode(join(tmp_path / name, *parts), "mix")
    assert len(pcm) / HZ == pytest.approx(6, abs=0.2)
    assert heard_seconds(pcm)[:2] == [0, 1]
    assert heard_seconds(pcm)[4:] == [4, 5]
    assert heard.damage == ()


def test_tags_between_joined_mp3s_are_no_lost_sound(tmp_path):
    """The picture in the second file's tag is as long as half a minute of sound."""
    parts = [record(tmp_path / f"{i}.mp3", Take(ladder(3, first_s=3 * i), "libmp3lame")) for i in range(2)]
    picture = bytes(range(1, 255)) * 1000
    size = bytes((len(picture) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    tag = b"ID3\x03\x00\x00" + size + picture
    (pcm,), heard = decode(join(tmp_path / "a.mp3", *parts, between=tag))
    assert len(pcm) / HZ == pytest.approx(6, abs=0.3)
    assert heard.damage == ()


def test_the_links_of_an_ogg_are_found_by_their_first_pages(tmp_path):
    takes = [Take(ladder(2, rate_hz), "libopus", rate_hz) for rate_hz in (48_000, 24_000, 16_000)]
    parts = [record(tmp_path / f"{i}.ogg", take) for i, take in enumerate(takes)]
    found = find_parts(join(tmp_path / "a.ogg", *parts))
    assert [part.end - part.start for part in found] == [part.stat().st_size for part in parts]


def test_an_ordinary_file_is_one_part_and_stays_as_it_is(tmp_path):
    for name, codec in (("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.ogg", "libopus"), ("a.mkv", "aac")):
        path = record(tmp_path / name, Take(ladder(2, 48_000), codec, 48_000))
        before = path.read_bytes()
        (part,) = find_parts(path)
        assert (part.start, part.end, part.url) == (0, len(before), str(path))
        assert path.read_bytes() == before


def test_a_fragmented_mp4_is_one_part(tmp_path):
    options = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}
    path = record(tmp_path / "a.mp4", Take(ladder(4), "aac"), **options)
    assert len(find_parts(path)) == 1
    assert heard_seconds(decode_one(path)) == [0, 1, 2, 3]


def test_text_that_only_mentions_sound_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"A RIFF header says RIFF, a size, and WAVE. OggS and fLaC begin others.\n" * 100)
    assert find_hidden(path) == []
    with pytest.raises(InputError, match="not a sound or video file"):
        decode(path)


def test_a_wav_of_one_sample_is_sound(tmp_path):
    assert len(decode_one(write_wav(tmp_path / "a.wav", tone(1 / HZ)))) == 1
