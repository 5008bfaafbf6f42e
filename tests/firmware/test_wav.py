import struct

import av
import numpy as np
import pytest

from app import wav
from tests.firmware.sound import encode, speech
from tests.functions.sounds import decode_one


def test_the_header_is_one_sector_and_says_what_follows(tmp_path):
    content, clean = encode(speech(2))
    (tmp_path / "a.wav").write_bytes(content)
    assert content[508:512] == struct.pack("<I", len(content) - wav.HEADER_BYTES)
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8
    with av.open(str(tmp_path / "a.wav")) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("adpcm_ima_wav", 16_000, 1)
        assert stream.duration == len(clean)


def test_a_file_as_it_lies_on_a_card_is_readable_without_the_device(tmp_path):
    """Its header says "unknown" for ever; the server repairs the sizes."""
    content, clean = encode(speech(2))
    blocks = wav.count_blocks(len(content))
    (tmp_path / "a.wav").write_bytes(wav.make_header(None) + content[wav.HEADER_BYTES :])
    decoded = decode_one(tmp_path / "a.wav")
    assert len(decoded) == len(clean) == blocks * wav.BLOCK_SAMPLES
    (tmp_path / "c.wav").write_bytes(content)
    np.testing.assert_array_equal(decoded, decode_one(tmp_path / "c.wav"))


@pytest.mark.parametrize(
    ("file_bytes", "blocks"), [(0, 0), (511, 0), (512, 0), (1023, 0), (1024, 1), (2047, 2)]
)
def test_only_whole_blocks_count(file_bytes, blocks):
    assert wav.count_blocks(file_bytes) == blocks


def test_five_minutes_are_less_than_the_servers_4_mib():
    blocks = wav.to_blocks(300)
    assert wav.HEADER_BYTES + blocks * wav.BLOCK_BYTES < 4 << 20
    assert wav.to_ms(blocks) == pytest.approx(300_000, abs=64)
