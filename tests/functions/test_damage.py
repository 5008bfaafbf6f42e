"""Damaged recordings: everything that can be decoded is there, at its place, and what is missing is told."""

import struct

import numpy as np
import pytest

from functions.prepare.timeline import MOST_DAMAGE, Cause, Damage, join_damage
from rem.core.errors import InputError
from tests.functions.recorders import Take, join, ladder, overwrite, read_ladder, record
from tests.functions.sounds import HZ, decode, decode_one

WITH_CLOCK = [
    ("a.m4a", "aac", 44_100),
    ("a.mov", "alac", 44_100),
    ("a.mkv", "libmp3lame", 44_100),
    ("a.mkv", "flac", 16_000),
    ("a.webm", "libopus", 48_000),
    ("a.ogg", "libopus", 48_000),
    ("a.ts", "aac", 48_000),
    ("a.mpg", "mp2", 48_000),
    ("a.flv", "aac", 44_100),
    ("a.3gp", "libopencore_amrnb", 8_000),
]


def heard_seconds(pcm):
    return [read_ladder(pcm, second) for second in range(len(pcm) // HZ)]


def tell(heard):
    return [(damage.cause, damage.start_s, damage.missing_s) for damage in heard.damage]


@pytest.mark.parametrize(("name", "codec", "rate_hz"), WITH_CLOCK)
def test_packets_that_were_never_written_are_silence_and_what_follows_keeps_its_time(
    tmp_path, name, codec, rate_hz
):
    take = Take(ladder(8.4, rate_hz), codec, rate_hz, lost=[(3, 5)])
    (pcm,), heard = decode(record(tmp_path / name, take))
    assert len(pcm) == pytest.approx(8.4 * HZ, abs=0.1 * HZ)
    assert heard_seconds(pcm) == [0, 1, 2, None, None, 5, 6, 7]
    ((cause, start_s, missing_s),) = tell(heard)
    assert (cause, start_s, missing_s) == (Cause.HOLE, pytest.approx(3, abs=0.12), pytest.approx(2, abs=0.12))


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("a.m4a", "aac", 44_100),
        ("a.mp4", "aac", 16_000),
        ("a.mkv", "libmp3lame", 44_100),
        ("a.mkv", "ac3", 48_000),
        ("a.ts", "mp2", 48_000),
        ("a.avi", "libmp3lame", 44_100),
        ("a.aac", "aac", 44_100),
        ("a.tta", "tta", 44_100),
    ],
)
def test_packets_that_cannot_be_decoded_are_silence_and_the_decoder_goes_on(tmp_path, name, codec, rate_hz):
    take = Take(ladder(8.4, rate_hz, 2 if codec == "ac3" else 1), codec, rate_hz, broken=[(3, 5)])
    (pcm,), heard = decode(record(tmp_path / name, take))
    assert len(pcm) == pytest.approx(8.4 * HZ, abs=0.1 * HZ)
    assert heard_seconds(pcm) == [0, 1, 2, None, None, 5, 6, 7]
    assert {cause for cause, _, _ in tell(heard)} == {Cause.UNDECODABLE}
    assert sum(missing_s for _, _, missing_s in tell(heard)) == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize("noise", range(12))
def test_an_aac_decoder_that_noise_has_confused_is_replaced(tmp_path, noise):
    """In one of twelve, FFmpeg's own decoder is silent from the noise to the end of the file."""
    take = Take(ladder(6, 48_000, 2), "aac", 48_000, broken=[(2, 4)])
    pcm = decode_one(record(tmp_path / "a.mkv", take, noise=noise))
    assert heard_seconds(pcm) == [0, 1, None, None, 4, 5]


def test_noise_that_decodes_does_not_move_what_follows(tmp_path):
    """Ogg counts back from the end of a page: broken packets claim lengths that put them before the start."""
    take = Take(ladder(8.4, 48_000), "libopus", 48_000, broken=[(3, 5)])
    pcm = decode_one(record(tmp_path / "a.ogg", take))
    assert len(pcm) == pytest.approx(8.4 * HZ, abs=0.3 * HZ)
    assert heard_seconds(pcm)[5:] == [5, 6, 7]


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.aac", "aac")])
@pytest.mark.parametrize("length", [16, 700, 3000])
def test_bytes_that_a_card_has_lost_cost_no_more_than_themselves(tmp_path, name, codec, length):
    path = record(tmp_path / name, Take(ladder(12), codec, bit_rate=32_000))
    pcm = decode_one(overwrite(path, 0.45, length, bytes))
    lost_s = length / 4000 + 0.3
    assert 12 - lost_s < len(pcm) / HZ < 12.15
    assert heard_seconds(pcm)[:5] == [0, 1, 2, 3, 4]
    assert [s for s in heard_seconds(pcm) if s is not None][-3:] in ([8, 9, 10], [9, 10, 11])


@pytest.mark.parametrize("late_s", [0.5, 2.5, 20.0])
@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("a.mp4", "aac", 44_100),
        ("a.mkv", "libopus", 48_000),
        ("a.ts", "aac", 44_100),
        ("a.mpg", "mp2", 48_000),
    ],
)
def test_sound_that_starts_after_the_picture_stays_behind_it(tmp_path, name, codec, rate_hz, late_s):
    path = record(tmp_path / name, Take(ladder(3, rate_hz), codec, rate_hz, start_s=late_s), picture_s=24)
    (pcm,), heard = decode(path)
    assert np.flatnonzero(np.abs(pcm) > 1000)[0] == pytest.approx(late_s * HZ, abs=0.06 * HZ)
    assert heard.damage == ()
    assert heard.files[0].silences[0].start == 0


def test_times_that_jitter_are_not_filled(tmp_path):
    path = record(tmp_path / "a.mkv", Take(ladder(6), "pcm_s16le", jitter_s=0.03))
    (pcm,), heard = decode(path)
    assert len(pcm) == 6 * HZ
    assert (heard.damage, heard.files[0].silences) == ((), [])


@pytest.mark.parametrize("drift", [0.002, -0.002])
def test_a_clock_that_drifts_from_the_samples_is_followed(tmp_path, drift):
    """A sound card that runs 0.2 % slow or fast, against a container in which a computer's clock counts."""
    (pcm,), heard = decode(record(tmp_path / "a.mkv", Take(ladder(180), "pcm_s16le", drift=drift)))
    assert len(pcm) / HZ == pytest.approx(180 * (1 + drift), abs=0.12)
    assert heard.damage == ()
    for second in (60, 120, 170):
        assert read_ladder(pcm, second * (1 + drift)) == second % 40


def test_a_pause_of_the_encoder_is_no_damage(tmp_path):
    """Opus with DTX: a packet of comfort noise, then none for as long as nobody speaks."""
    take = Take(ladder(6, 48_000), "libopus", 48_000, lost=[(2, 4)], comfort=[(1.9, 2)])
    (pcm,), heard = decode(record(tmp_path / "a.webm", take))
    assert heard_seconds(pcm)[4:] == [4, 5]
    assert heard.damage == ()


def test_comfort_noise_of_a_phone_is_decoded(tmp_path):
    """Frames of type 8 and 15: silence descriptors, and nothing at all; FFmpeg's own decoder refuses both."""
    path = record(tmp_path / "a.amr", Take(ladder(3, 8_000), "libopencore_amrnb", 8_000))
    speech = path.read_bytes()
    pause = (b"\x44" + bytes(5)) + b"\x7c" * 49  # one second: 50 frames of 20 ms
    path.write_bytes(speech + pause + speech[6:])
    (pcm,), heard = decode(path)
    assert len(pcm) / HZ == pytest.approx(7.0, abs=0.05)
    assert heard.damage == ()


def test_one_time_that_a_flipped_bit_moved_is_not_believed(tmp_path):
    path = record(tmp_path / "a.mkv", Take(ladder(6), "pcm_s16le", astray=[(3.0, 500.0)]))
    (pcm,), heard = decode(path)
    assert heard_seconds(pcm) == [0, 1, 2, 3, 4, 5]
    assert heard.damage == ()


def test_a_clock_that_was_set_meanwhile_leaves_no_days_of_silence(tmp_path):
    path = record(tmp_path / "a.mkv", Take(ladder(6), "pcm_s16le", pauses=[(3, 90_000)]))
    assert heard_seconds(decode_one(path)) == [0, 1, 2, 3, 4, 5]


def test_a_night_between_two_sentences_is_kept(tmp_path):
    take = Take(ladder(6), "pcm_s16le", pauses=[(4, 600)])
    (pcm,), heard = decode(record(tmp_path / "a.mkv", take))
    assert [read_ladder(pcm, second) for second in (3, 300, 604, 605)] == [3, None, 4, 5]
    assert tell(heard) == [(Cause.HOLE, pytest.approx(4, abs=0.1), pytest.approx(600, abs=0.1))]


def test_times_that_start_again_go_on_without_a_gap(tmp_path):
    """Two transport streams joined by `cat`."""
    parts = [record(tmp_path / f"{i}.ts", Take(ladder(4, first_s=4 * i), "aac")) for i in range(2)]
    (pcm,), heard = decode(join(tmp_path / "a.ts", *parts))
    assert heard_seconds(pcm)[:8] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert heard.damage == ()


def test_a_file_that_ends_before_its_index_says_where_it_was_cut_off(tmp_path):
    path = record(tmp_path / "a.mp4", Take(ladder(10), "aac"), movflags="faststart")
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    (pcm,), heard = decode(path)
    (cause, start_s, missing_s) = tell(heard)[-1]
    assert cause == Cause.CUT_OFF
    assert start_s == pytest.approx(len(pcm) / HZ, abs=0.01)
    assert start_s + missing_s == pytest.approx(10, abs=0.1)


def test_an_edit_list_is_honoured(tmp_path):
    """Two seconds trimmed on the phone: no player plays them, and their packets are still in the file."""
    path = record(tmp_path / "a.m4a", Take(ladder(8), "aac"))
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 4 + 8
    duration, media_time = struct.unpack_from(">Ii", content, at)
    struct.pack_into(">Ii", content, at, duration - 2000, media_time + 2 * HZ)
    path.write_bytes(content)
    pcm = decode_one(path)
    assert len(pcm) / HZ == pytest.approx(6, abs=0.1)
    assert heard_seconds(pcm)[:5] == [2, 3, 4, 5, 6]


def test_a_file_of_which_nothing_can_be_decoded_is_refused_with_a_sentence(tmp_path):
    path = record(tmp_path / "a.mp4", Take(ladder(2), "aac", broken=[(-1, 3)]))
    with pytest.raises(InputError, match="hardly any of the file can be decoded"):
        decode(path)


def test_damage_close_together_is_told_once_and_a_ruin_in_few_lines():
    near = [Damage(1.0 + i / 10, 1.05 + i / 10, Cause.UNDECODABLE, 0.05) for i in range(10)]
    (joined,) = join_damage(near)
    assert (joined.start_s, joined.end_s, joined.missing_s) == pytest.approx((1.0, 1.95, 0.5))
    far = [Damage(10.0 * i, 10.0 * i + 1, Cause.HOLE, 1.0) for i in range(1000)]
    assert len(join_damage(far)) == MOST_DAMAGE
    assert sum(damage.missing_s for damage in join_damage(far)) == pytest.approx(1000)
