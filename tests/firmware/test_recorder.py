"""From blocks to files: what is kept, how it is named, what a power cut and a full flash leave."""

import json
from itertools import pairwise

import numpy as np
import pytest

from app import wav
from app.recorder import RING_BLOCKS, WRITE_BLOCKS
from app.store import LOST, RESERVE_BYTES, SMALLEST_CHUNK_BLOCKS, Entry, Store
from tests.firmware.flash import Flash, PowerCut
from tests.firmware.sound import noise
from tests.firmware.talks import START_UTC_MS, Bench, silence, talk

ROOM = RESERVE_BYTES + wav.HEADER_BYTES


def blocks_of(content: bytes) -> list[bytes]:
    audio = content[wav.HEADER_BYTES :]
    whole = len(audio) // wav.BLOCK_BYTES * wav.BLOCK_BYTES
    return [audio[at : at + wav.BLOCK_BYTES] for at in range(0, whole, wav.BLOCK_BYTES)]


def test_a_talk_becomes_one_chunk_that_waits():
    bench = Bench(Flash())
    bench.hear(talk(3))
    (path,) = bench.waiting()
    assert not bench.recorder.is_recording
    entry = Entry(path.rsplit("/", 1)[1])
    assert (entry.boot, entry.seq, entry.first, entry.has_date) == (1, 1, 1, True)
    assert bench.store.recording_id(entry) == "desk-00000001-00001"


def test_silence_makes_no_file():
    bench = Bench(Flash())
    bench.hear(silence(10))
    assert bench.flash.files == {}


def test_the_second_before_the_first_word_is_kept():
    bench = Bench(Flash())
    bench.hear(talk(3))
    entry = bench.store.next_waiting()
    start_ms, end_ms, source = bench.store.times(entry)
    heard_at_ms = START_UTC_MS + 1_500
    assert heard_at_ms - 1_100 < start_ms < heard_at_ms - 700
    assert source == "ntp"
    assert end_ms - start_ms == pytest.approx(3_000 + 900 + 3_000, abs=300)


def test_a_long_talk_becomes_chunks_of_one_session_without_a_gap():
    whole, cut = Bench(Flash()), Bench(Flash(), chunk_blocks=SMALLEST_CHUNK_BLOCKS // 8)
    for bench in (whole, cut):
        bench.hear(talk(4))
    (single,) = whole.flash.files.values()
    pieces = [cut.flash.files[path] for path in cut.waiting()]
    assert len(pieces) > 3
    assert b"".join(b"".join(blocks_of(p)) for p in pieces) == b"".join(blocks_of(single))
    entries = [Entry(path.rsplit("/", 1)[1]) for path in cut.waiting()]
    assert {cut.store.session_id(entry) for entry in entries} == {"desk-00000001-00001"}
    ends = [cut.store.times(entry)[:2] for entry in entries]
    assert all(abs(a[1] - b[0]) <= 2 for a, b in pairwise(ends))


def test_the_second_talk_is_another_session():
    bench = Bench(Flash())
    bench.hear(np.concatenate([talk(2), talk(2)]))
    sessions = {bench.store.session_id(Entry(path.rsplit("/", 1)[1])) for path in bench.waiting()}
    assert sessions == {"desk-00000001-00001", "desk-00000001-00002"}


def test_muting_ends_the_talk_and_keeps_it():
    bench = Bench(Flash())
    bench.hear(talk(3, after_s=0))
    assert bench.recorder.is_recording
    bench.recorder.finish()
    assert len(bench.waiting()) == 1


SCENE = talk(2.2, before_s=0.8, after_s=3.6)


def play(flash: Flash) -> tuple[Bench, list[tuple[int, int]]]:
    """The scene, and after each block of it: (changes of the flash so far, blocks in its files)."""
    bench, history = Bench(flash, chunk_blocks=24), []
    for at in range(0, len(SCENE), wav.BLOCK_SAMPLES):
        bench.hear(SCENE[at : at + wav.BLOCK_SAMPLES])
        history.append((flash.changes, count(flash)))
    return bench, history


def count(flash: Flash) -> int:
    return sum(len(blocks_of(content)) for content in flash.files.values())


@pytest.mark.parametrize("keeps_unflushed", [False, True], ids=["littlefs", "fat"])
def test_a_power_cut_at_any_write_loses_no_committed_chunk(keeps_unflushed):
    """At most the open sector goes: the blocks since the last flush, half a second."""
    reference, history = play(Flash(keeps_unflushed=keeps_unflushed))
    expected = {path: reference.flash.files[path] for path in reference.waiting()}
    assert len(expected) >= 3
    assert reference.flash.changes > 20
    for cut_after in range(reference.flash.changes):
        flash = Flash(keeps_unflushed=keeps_unflushed)
        flash.cut_after = cut_after
        with pytest.raises(PowerCut):
            play(flash)
        committed = {path for path in flash.files if path.endswith(".wav")}
        flash.cut_after = None
        Store(flash, "/rec", "desk", 2, reference.clock)
        for path, content in flash.files.items():
            assert path in expected
            if path in committed:
                assert content == expected[path]
            else:
                found = blocks_of(content)
                assert found
                assert found == blocks_of(expected[path])[: len(found)]
        assert count(flash) >= max(blocks for changes, blocks in [(0, 0), *history] if changes <= cut_after)


def test_a_torn_block_at_the_end_is_left_out():
    bench = Bench(Flash())
    bench.hear(talk(2))
    (path,) = bench.waiting()
    whole = len(blocks_of(bench.flash.files[path]))
    bench.flash.files[path] += b"torn"
    audio = bench.store.open_audio(bench.store.next_waiting())
    buffer, total = bytearray(2048), 0
    while count := audio.readinto(buffer):
        total += count
    assert (audio.blocks, total) == (whole, whole * wav.BLOCK_BYTES)


def test_a_full_flash_keeps_the_oldest_and_counts_the_new_ones():
    flash = Flash(room_bytes=ROOM + (SMALLEST_CHUNK_BLOCKS + 40) * wav.BLOCK_BYTES)
    bench = Bench(flash)
    bench.hear(talk(3))
    first = bench.waiting()
    bench.hear(talk(3))
    bench.hear(talk(3))
    assert bench.waiting() == first
    assert bench.store.is_full
    assert bench.store.lost["chunks"] == 2
    assert json.loads(flash.files[LOST])["ms"] == pytest.approx(2 * 6_900, abs=1_000)
    assert Bench(flash, boot=2).store.lost["chunks"] == 2


def test_a_flash_that_fills_up_in_the_middle_keeps_the_beginning():
    flash = Flash(room_bytes=1 << 24)
    bench = Bench(flash)
    bench.hear(talk(2, after_s=0))
    flash.room_bytes = sum(map(len, flash.files.values())) + 3 * wav.BLOCK_BYTES
    bench.hear(talk(2, before_s=0))
    (path,) = bench.waiting()
    assert len(blocks_of(flash.files[path])) >= RING_BLOCKS
    assert bench.store.lost["chunks"] == 1


def test_sent_and_refused_chunks_make_room_before_anything_is_lost():
    flash = Flash(room_bytes=ROOM + (SMALLEST_CHUNK_BLOCKS + 60) * wav.BLOCK_BYTES)
    bench = Bench(flash)
    bench.store.keeps_sent = True
    bench.hear(talk(3))
    bench.store.acknowledge(bench.store.next_waiting())
    bench.hear(talk(3))
    assert [path for path in flash.files if path.endswith(".sent")] == []
    assert (len(bench.waiting()), bench.store.lost["chunks"]) == (1, 0)


def test_what_the_server_misses_goes_back_into_the_queue():
    bench = Bench(Flash())
    bench.store.keeps_sent = True
    bench.hear(np.concatenate([talk(2), talk(2)]))
    bench.store.acknowledge(bench.store.next_waiting())
    bench.store.quarantine(bench.store.next_waiting())
    assert bench.store.next_waiting() is None
    assert bench.store.resend(["desk-00000001-00001", "desk-00000001-00002", "desk-00000009-00009"]) == 2
    assert len(bench.waiting()) == 2


def test_a_chunk_without_a_date_gets_it_when_the_network_says_it():
    bench = Bench(Flash(), has_date=False)
    bench.hear(talk(2))
    entry = bench.store.next_waiting()
    assert not entry.has_date
    bench.clock.set_utc(START_UTC_MS + bench.ticks.now_ms)
    start_ms, _, source = bench.store.times(entry)
    assert source == "ntp"
    assert start_ms == pytest.approx(START_UTC_MS + 600, abs=150)


def test_a_chunk_of_an_undated_boot_is_placed_before_this_one_and_marked():
    flash = Flash()
    Bench(flash, boot=1, has_date=False).hear(talk(2))
    later = Bench(flash, boot=2)
    start_ms, end_ms, source = later.store.times(later.store.next_waiting())
    assert source == "estimated"
    assert start_ms < end_ms <= START_UTC_MS


def test_a_thousand_chunks_come_oldest_first_and_a_few_names_at_a_time():
    flash = Flash()
    for number in range(1000):
        name = f"/rec/{1 + number // 300:08x}-{number % 300:05d}-00000-{START_UTC_MS + number}u.wav"
        flash.files[name] = wav.make_header(None) + bytes(wav.BLOCK_BYTES)
    bench = Bench(flash, boot=9)
    seen = []
    while (entry := bench.store.next_waiting()) is not None:
        assert len(bench.store._batch) <= 16
        seen.append(entry.start_ms)
        bench.store.acknowledge(entry)
    assert seen == [START_UTC_MS + number for number in range(1000)]


def test_a_noisy_room_does_not_record_for_ever():
    """A fan of rms 400 starts: recorded at first, forgotten after the floor has risen."""
    bench = Bench(Flash())
    bench.hear(noise(16_000 * 60, 400))
    assert not bench.recorder.is_recording
    seconds = sum(len(blocks_of(content)) for content in bench.flash.files.values()) * 0.0636
    assert seconds < 40


def test_at_most_one_sector_is_open():
    bench = Bench(Flash())
    bench.hear(talk(2, after_s=0))
    assert bench.recorder._waiting < WRITE_BLOCKS


def test_a_gap_in_the_sound_takes_no_number_of_the_sequence():
    """The server's ledger reads a rising count of chunks as numbers that will never come."""
    bench = Bench(Flash())
    bench.store.count_lost(800, chunks=0)
    assert bench.store.lost == {"chunks": 0, "ms": 800}
