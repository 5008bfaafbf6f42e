import numpy as np
import pytest

from functions.prepare.parts import find_parts
from rem.core.errors import InputError
from tests.functions.sounds import (
    HZ,
    break_sizes,
    decode,
    decode_one,
    encode,
    tone,
    write_video_without_sound,
    write_wav,
)


def test_pcm_at_the_right_rate_stays_as_it_is(tmp_path):
    pcm = tone(1.5)
    decoded = decode_one(write_wav(tmp_path / "a.wav", pcm))
    np.testing.assert_array_equal(decoded, pcm)


def test_stereo_float_at_48_khz_becomes_16_khz_mono(tmp_path):
    import av

    stereo = np.stack([tone(2, 48_000), tone(2, 48_000)]).astype(np.float32) / 32768
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=48_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(stereo.T.reshape(1, -1)), format="flt", layout="stereo"
        )
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (decoded,), heard = decode(tmp_path / "a.wav")
    assert abs(len(decoded) - 2 * HZ) < 100
    assert heard.measure_loudness().peak_dbfs == pytest.approx(-10.5, abs=0.6)


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("a.wav", "pcm_mulaw", 8_000),
        ("a.wav", "adpcm_ima_wav", HZ),
        ("a.flac", "flac", HZ),
        ("a.m4a", "aac", 44_100),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.ogg", "libopus", 48_000),
    ],
)
def test_what_people_send_is_decoded(tmp_path, name, codec, rate_hz):
    decoded = decode_one(encode(tmp_path / name, tone(2, rate_hz), codec, rate_hz))
    assert len(decoded) == pytest.approx(2 * HZ, abs=0.1 * HZ)
    spectrum = np.abs(np.fft.rfft(decoded[HZ // 2 : HZ // 2 + HZ]))
    assert np.argmax(spectrum) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 999_999_999])
def test_a_header_that_a_dying_device_left_is_repaired(tmp_path, size):
    pcm = tone(1)
    decoded = decode_one(break_sizes(write_wav(tmp_path / "a.wav", pcm), size))
    np.testing.assert_array_equal(decoded, pcm)


def test_a_right_header_is_not_touched(tmp_path):
    path = write_wav(tmp_path / "a.wav", tone(1))
    before = path.read_bytes()
    find_parts(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_wav_is_not_touched(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF")
    find_parts(path)


def test_a_truncated_wav_gives_what_is_there(tmp_path):
    path = write_wav(tmp_path / "a.wav", tone(2))
    path.write_bytes(path.read_bytes()[: 44 + HZ])
    decoded = decode_one(path)
    assert len(decoded) == HZ // 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "empty"), (b"Dear diary, today I said nothing.\n" * 50, "not a sound or video file")],
)
def test_what_is_no_sound_is_refused_with_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        decode(path)


def test_a_video_without_sound_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(InputError, match="no audio track"):
        decode(write_video_without_sound(tmp_path / "a.mp4"))


def test_a_wav_without_samples_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"no sound|not a sound"):
        decode(write_wav(tmp_path / "a.wav", tone(0)))


def test_clipping_and_silence_are_measured(tmp_path):
    _, loud = decode(
        write_wav(tmp_path / "a.wav", np.clip(tone(1).astype(int) * 9, -32768, 32767).astype(np.int16))
    )
    assert loud.measure_loudness().clipped > 0.5
    _, silent = decode(write_wav(tmp_path / "b.wav", np.zeros(HZ, np.int16)))
    levels = silent.measure_loudness()
    assert (levels.peak_dbfs, levels.clipped) == (-100.0, 0.0)
