import os
import struct
from datetime import UTC, datetime, timedelta

import av
import numpy as np
import pytest

from rem.library.recorded import WRITTEN, find_start

RATE_HZ, SECONDS = 16_000, 2
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SPOKEN = "2024-03-05T08:15:00"


def write(path, metadata=None, *, codec="aac", seconds=SECONDS, of_stream=None):
    """A file of silence with these tags, written by PyAV."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=RATE_HZ)
        stream.metadata.update(of_stream or {})
        for i in range(seconds * RATE_HZ // 1000):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = RATE_HZ, i * 1000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_bext(path, day, time):
    """A Broadcast WAV: EBU Tech 3285 puts the origination date at byte 320 of the chunk."""
    bext = bytes(320) + day.encode() + time.encode() + bytes(602 - 320 - 18)
    fmt = struct.pack("<HHIIHH", 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    data = bytes(2 * RATE_HZ)
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body
        for name, body in ((b"bext", bext), (b"fmt ", fmt), (b"data", data))
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path


def test_a_phone_s_creation_time_is_when_it_began(tmp_path):
    start = find_start(write(tmp_path / "a.m4a", {"creation_time": f"{SPOKEN}Z"}), NOW)
    assert start.moment == datetime(2024, 3, 5, 8, 15, tzinfo=UTC)
    assert start.origin == "the file's creation_time"


def test_a_field_recorder_s_bext_is_local_time(tmp_path):
    start = find_start(write_bext(tmp_path / "a.wav", "2024-03-05", "08:15:00"), NOW)
    assert start.moment.replace(tzinfo=None) == datetime(2024, 3, 5, 8, 15)
    assert start.moment.tzinfo is not None
    assert start.origin == "the file's origination date"


@pytest.mark.parametrize("tags", [{"DATE": f"{SPOKEN}+02:00"}, {"date": "2024-03-05 08:15:00+02:00"}])
def test_an_ogg_date_with_a_zone_is_taken_with_it(tmp_path, tags):
    start = find_start(write(tmp_path / "a.ogg", codec="libopus", of_stream=tags), NOW)
    assert start.moment == datetime(2024, 3, 5, 6, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "tag",
    ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "2024", "2024-03-05", "soon"],
)
def test_what_no_clock_can_have_shown_is_not_believed(tmp_path, tag):
    path = write(tmp_path / "a.flac", {"DATE": tag}, codec="flac")
    assert find_start(path, NOW).origin == WRITTEN


def test_without_a_time_of_its_own_it_ended_when_the_file_was_written(tmp_path):
    path = write(tmp_path / "a.flac", codec="flac", seconds=30)
    ended = datetime(2026, 11, 24, 10, tzinfo=UTC)
    os.utime(path, (ended.timestamp(), ended.timestamp()))
    start = find_start(path, NOW)
    assert abs(start.moment - (ended - timedelta(seconds=30))) < timedelta(seconds=0.1)
    assert start.origin == WRITTEN


def test_a_file_that_says_nothing_began_when_it_was_written(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(100))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    assert find_start(path, NOW).moment == datetime.fromtimestamp(1_700_000_000, UTC)
