"""Tracks and channels: what is heard, by itself or mixed, and what is left out."""

import numpy as np
import pytest

from functions.prepare.likeness import Reason
from tests.functions.recorders import Take, ladder, read_ladder, record
from tests.functions.sounds import HZ, decode, tone, write_wav
from tests.functions.test_parts import wav


def voice(hz, *spoken):
    """Bursts of a tone: somebody who speaks in the given seconds."""
    times = np.arange(8 * HZ) / HZ
    speaks = np.isin(np.floor(times), spoken)
    return (8000 * speaks * np.sin(2 * np.pi * hz * times)).astype(np.int16)


ANNA, BEN, CARL = voice(300, 0, 1, 4, 6), voice(900, 2, 3, 4, 7), voice(2000, 5, 6, 7)
SILENCE = np.zeros(8 * HZ, np.int16)


def tracks(path, *sounds, codec="aac"):
    return record(path, *(Take(sound, codec) for sound in sounds))


def channels(path, *sounds):
    """An unnamed WAV, as recorders with several microphones write it: no channel mask."""
    pcm = np.stack(sounds, axis=1)
    path.write_bytes(wav(pcm, channels=len(sounds)))
    return path


def level(pcm, hz):
    """How loud a tone is in decoded sound, against one of its own."""
    spectrum = np.abs(np.fft.rfft(pcm[: 8 * HZ].astype(float)))
    at = hz * 8
    return spectrum[at - 4 : at + 5].max() / np.abs(np.fft.rfft(voice(hz, *range(8)).astype(float))).max()


def hears(pcm, hz):
    return level(pcm, hz) > 0.02


class TestTracks:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
    def test_a_silent_first_track_is_left_out(self, tmp_path, name):
        (pcm,), heard = decode(tracks(tmp_path / name, SILENCE, ANNA))
        assert hears(pcm, 300)
        assert (heard.mode, heard.names, heard.dropped) == ("mono", ("track 2",), {"track 1": Reason.SILENT})

    def test_a_recording_that_is_all_silent_keeps_one_track(self, tmp_path):
        (pcm,), heard = decode(tracks(tmp_path / "a.mkv", SILENCE, SILENCE))
        assert (heard.names, set(pcm)) == (("track 1",), {0})

    def test_tracks_of_different_voices_are_heard_by_themselves(self, tmp_path):
        (anna, ben), heard = decode(tracks(tmp_path / "a.mkv", ANNA, BEN))
        assert (heard.mode, heard.names, heard.dropped) == ("split", ("track 1", "track 2"), {})
        assert (hears(anna, 300), hears(anna, 900)) == (True, False)
        assert (hears(ben, 300), hears(ben, 900)) == (False, True)

    def test_a_mix_that_is_wished_holds_all_tracks(self, tmp_path):
        (pcm,), heard = decode(tracks(tmp_path / "a.mkv", ANNA, BEN, CARL), "mix")
        assert (heard.mode, heard.names) == ("mix", ("track 1", "track 2", "track 3"))
        assert all(hears(pcm, hz) for hz in (300, 900, 2000))

    @pytest.mark.parametrize("gain", [1.0, 0.3, -1.0])
    def test_a_copy_is_heard_once_whatever_its_codec_level_and_polarity(self, tmp_path, gain):
        copy = Take((gain * ANNA).astype(np.int16), "libmp3lame")
        (_, _), heard = decode(record(tmp_path / "a.mkv", Take(ANNA, "aac"), copy, Take(BEN, "aac")))
        assert (heard.names, heard.dropped) == (("track 1", "track 3"), {"track 2": Reason.COPY})

    def test_a_mix_beside_its_parts_is_left_out(self, tmp_path):
        (_, _), heard = decode(tracks(tmp_path / "a.mkv", ANNA + BEN, ANNA, BEN))
        assert (heard.names, heard.dropped) == (("track 2", "track 3"), {"track 1": Reason.SUM})

    def test_a_part_beside_the_mix_is_left_out(self, tmp_path):
        """The microphone once more, beside a track of everything: each word would come twice."""
        (pcm,), heard = decode(tracks(tmp_path / "a.mkv", ANNA + BEN, ANNA))
        assert (heard.names, heard.dropped) == (("track 1",), {"track 2": Reason.INSIDE})
        assert (heard.mode, hears(pcm, 900)) == ("mono", True)

    def test_a_microphone_that_hears_another_faintly_is_kept(self, tmp_path):
        near_anna, near_ben = ANNA + BEN // 6, BEN + ANNA // 6
        _, heard = decode(tracks(tmp_path / "a.mkv", near_anna, near_ben))
        assert (heard.mode, heard.dropped) == ("split", {})

    def test_tracks_of_unequal_length_end_together(self, tmp_path):
        path = tracks(tmp_path / "a.mkv", ANNA, np.concatenate([BEN, BEN[: 3 * HZ]]))
        (anna, ben), _ = decode(path)
        assert len(anna) == len(ben) == pytest.approx(11 * HZ, abs=0.1 * HZ)

    def test_a_track_that_starts_late_keeps_its_place_beside_the_other(self, tmp_path):
        path = record(tmp_path / "a.mkv", Take(ANNA, "aac"), Take(BEN[: 5 * HZ], "aac", start_s=3.0))
        (_, ben), _ = decode(path)
        assert np.flatnonzero(np.abs(ben) > 1000)[0] == pytest.approx(5 * HZ, abs=0.05 * HZ)

    def test_the_picture_of_an_album_is_no_track(self, tmp_path):
        _, heard = decode(record(tmp_path / "a.mkv", Take(ANNA, "aac"), picture_s=1))
        assert (heard.mode, heard.names) == ("mono", ("track 1",))


class TestChannels:
    def test_stereo_is_mixed_unless_a_split_is_wished(self, tmp_path):
        path = channels(tmp_path / "a.wav", ANNA, BEN)
        (pcm,), heard = decode(path)
        assert (heard.mode, hears(pcm, 300), hears(pcm, 900)) == ("mix", True, True)

    def test_a_split_hears_each_channel_by_itself(self, tmp_path):
        (anna, ben), heard = decode(channels(tmp_path / "a.wav", ANNA, BEN), "split")
        assert (heard.mode, heard.names) == ("split", ("channel 1", "channel 2"))
        np.testing.assert_array_equal(anna, ANNA)
        np.testing.assert_array_equal(ben, BEN)

    def test_a_split_of_two_equal_channels_is_one_person(self, tmp_path):
        (pcm,), heard = decode(channels(tmp_path / "a.wav", ANNA, ANNA), "split")
        assert (heard.mode, heard.dropped) == ("mono", {"channel 2": Reason.COPY})
        np.testing.assert_array_equal(pcm, ANNA)

    def test_a_split_leaves_an_unused_channel_out(self, tmp_path):
        (pcm,), heard = decode(channels(tmp_path / "a.wav", SILENCE, ANNA), "split")
        assert (heard.names, heard.dropped) == (("channel 2",), {"channel 1": Reason.SILENT})
        np.testing.assert_array_equal(pcm, ANNA)

    def test_a_split_reaches_the_channels_of_the_only_track_that_is_heard(self, tmp_path):
        call = np.stack([ANNA, BEN], axis=1)
        path = record(tmp_path / "a.mkv", Take(SILENCE, "aac"), Take(call, "aac"))
        (anna, ben), heard = decode(path, "split")
        assert (heard.names, heard.dropped) == (("channel 1", "channel 2"), {"track 1": Reason.SILENT})
        assert (hears(anna, 900), hears(ben, 900)) == (False, True)

    def test_channels_that_cancel_each_other_give_their_sound(self, tmp_path):
        (pcm,), heard = decode(channels(tmp_path / "a.wav", ANNA, -ANNA))
        assert heard.mode == "mix"
        assert level(pcm, 300) == pytest.approx(level(ANNA, 300), rel=0.05)

    @pytest.mark.parametrize(
        ("name", "codec"), [("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.flac", "flac")]
    )
    def test_coded_channels_that_cancel_each_other_give_their_sound(self, tmp_path, name, codec):
        (pcm,), _ = decode(record(tmp_path / name, Take(np.stack([ANNA, -ANNA], axis=1), codec)))
        assert level(pcm, 300) == pytest.approx(level(ANNA, 300), rel=0.1)

    def test_a_voice_that_only_for_a_while_runs_against_itself_is_kept_whole(self, tmp_path):
        reversed_later = np.where(np.arange(8 * HZ) < 3 * HZ, ladder(8), -ladder(8)).astype(np.int16)
        (pcm,), _ = decode(channels(tmp_path / "a.wav", ladder(8), reversed_later))
        assert [read_ladder(pcm, second) for second in range(8)] == list(range(8))

    @pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 8, 12])
    def test_no_channel_of_an_unnamed_wav_is_dropped(self, tmp_path, count):
        """FFmpeg guesses surround sound from the number, and leaves the bass channel out of a mix."""
        tones = [400 + 200 * i for i in range(count)]
        (pcm,), heard = decode(channels(tmp_path / "a.wav", *(voice(hz, *range(8)) for hz in tones)))
        assert heard.mode == "mix"
        assert [level(pcm, hz) for hz in tones] == [pytest.approx(1 / count, rel=0.1)] * count

    def test_a_voice_on_the_bass_channel_of_surround_sound_is_heard(self, tmp_path):
        """A field recorder with six microphones that calls them 5.1."""
        sounds = [SILENCE] * 6
        sounds[3] = ANNA
        (pcm,), _ = decode(record(tmp_path / "a.mkv", Take(np.stack(sounds, axis=1), "flac")))
        assert hears(pcm, 300)

    @pytest.mark.parametrize("count", [3, 6, 8])
    def test_many_channels_can_be_split(self, tmp_path, count):
        voices = [voice(400 + 200 * i, i) for i in range(count)]
        found, heard = decode(channels(tmp_path / "a.wav", *voices), "split")
        assert (heard.mode, len(found)) == ("split", count)
        for pcm, said in zip(found, voices, strict=True):
            np.testing.assert_array_equal(pcm, said)

    def test_a_channel_that_comes_midway_is_silent_before(self, tmp_path):
        call = np.stack([ANNA, BEN], axis=1)
        (tmp_path / "a.wav").write_bytes(wav(CARL) + wav(call, channels=2))
        (first, second), heard = decode(tmp_path / "a.wav", "split")
        assert len(first) == len(second) == 16 * HZ
        np.testing.assert_array_equal(second[: 8 * HZ], SILENCE)
        np.testing.assert_array_equal(second[8 * HZ :], BEN)
        assert heard.mode == "split"

    def test_a_mono_recording_is_the_same_whatever_is_wished(self, tmp_path):
        path = write_wav(tmp_path / "a.wav", tone(2))
        for wish in ("auto", "mix", "split"):
            (pcm,), heard = decode(path, wish)
            assert (heard.mode, heard.names, heard.dropped) == ("mono", ("track 1",), {})
            np.testing.assert_array_equal(pcm, tone(2))
