"""The client against a server that fails in every way it may."""

import socket

import numpy as np
import pytest

from app.http import Client, Response, split_url
from app.upload import (
    ACCEPTED,
    KEY,
    LOOK_MS,
    REFUSED,
    REFUSED_KEY_WAIT_MS,
    RETRY,
    Uploader,
    backoff_ms,
    judge,
)
from tests.firmware import server
from tests.firmware.flash import Flash
from tests.firmware.talks import Bench, talk
from tests.functions.sounds import decode_one


class Stream:
    """MicroPython's stream methods over a socket of this machine."""

    def __init__(self, host, port, is_tls):
        self._socket = socket.create_connection((host, port), 5)
        self._file = self._socket.makefile("rb")
        self.write = self._socket.send
        self.read = self._file.read
        self.readline = self._file.readline

    def close(self):
        self._file.close()
        self._socket.close()


class Link:
    is_up = True

    def bring_up(self):
        yield 0
        return self.is_up

    def rest(self):
        pass


@pytest.fixture
def ingest():
    with server.serve() as running:
        yield running


@pytest.fixture
def bench():
    made = Bench(Flash())
    made.hear(talk(1))
    return made


@pytest.fixture
def uploader(bench, ingest):
    made = Uploader(bench.store, bench.clock, Client(ingest.url, server.KEY, Stream), Link(), "1.2.3")
    yield made
    made.client.close()


def drive(uploader, most_waits: int = 50) -> list[int]:
    """Run until nothing waits or the key was refused; returns the waits that failures asked for."""
    waits = []
    for wait_ms in uploader.run():
        if wait_ms == LOOK_MS:
            return waits
        if wait_ms:
            waits.append(wait_ms)
        if wait_ms == REFUSED_KEY_WAIT_MS or len(waits) >= most_waits:
            return waits
    raise AssertionError("the upload loop never ends")


def outcomes(ingest) -> list[str]:
    return [outcome for _, outcome in ingest.log]


def test_a_chunk_arrives_whole_and_leaves_the_flash(bench, uploader, ingest, tmp_path):
    uploader.battery_pct = 81
    assert drive(uploader) == []
    ((recording_id, audio),) = ingest.audio.items()
    (tmp_path / "a.wav").write_bytes(audio)
    samples = len(decode_one(tmp_path / "a.wav"))
    fields = ingest.fields[recording_id]
    assert samples * 1000 / 16_000 == pytest.approx(4_900, abs=400)
    assert fields["deviceId"] == "desk"
    assert fields["startedAt"].startswith("2026-05-28T")
    assert (fields["seq"], fields["clock"], fields["fw"], fields["lost"]) == ("0", "ntp", "1.2.3", "0")
    assert (fields["battery"], fields["sessionId"]) == ("81", recording_id)
    assert bench.waiting() == []


def test_a_server_error_is_tried_again_and_stored_once(bench, uploader, ingest):
    ingest.faults = [500, 503]
    assert len(drive(uploader)) == 2
    assert outcomes(ingest) == ["500", "503", "stored"]
    assert bench.waiting() == []


@pytest.mark.parametrize("fault", [server.LOST_ANSWER, server.TRUNCATED])
def test_a_lost_answer_makes_no_second_recording(bench, uploader, ingest, fault):
    ingest.faults = [fault]
    drive(uploader)
    assert outcomes(ingest) == ["stored", "duplicate"]
    assert (len(ingest.audio), bench.waiting()) == (1, [])


def test_retry_after_is_honoured(uploader, ingest):
    ingest.faults = [(429, {"Retry-After": "120"})]
    assert drive(uploader) == [120_000]


def test_a_refused_key_stops_the_queue_and_keeps_everything(bench, uploader, ingest):
    bench.hear(talk(1))
    ingest.keys.clear()
    assert drive(uploader) == [REFUSED_KEY_WAIT_MS]
    assert uploader.is_key_refused
    assert (len(bench.waiting()), len(ingest.log)) == (2, 1)
    ingest.keys.add(server.KEY)
    drive(uploader)
    assert not uploader.is_key_refused
    assert bench.waiting() == []


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_a_refused_chunk_steps_aside_and_is_kept(bench, uploader, ingest, status):
    bench.hear(talk(1))
    ingest.faults = [status]
    drive(uploader)
    assert outcomes(ingest) == [str(status), "stored"]
    assert [path[-4:] for path in bench.flash.files] == [".bad"]


def test_the_login_page_of_a_hotel_is_no_acknowledgement(bench, uploader, ingest):
    ingest.faults = [200, 200, 302]
    drive(uploader)
    assert outcomes(ingest) == ["200", "200", "302", "stored"]
    assert len(ingest.audio) == 1


def test_without_a_server_the_waits_grow_and_nothing_is_lost(bench):
    unused = socket.create_server(("127.0.0.1", 0))
    port = unused.getsockname()[1]
    unused.close()
    lonely = Uploader(bench.store, bench.clock, Client(f"http://127.0.0.1:{port}", "k", Stream), Link(), "1")
    waits = drive(lonely, 14)
    assert waits[0] <= 5_000
    assert max(waits) <= 900_000
    assert waits[-1] > 400_000
    assert len(bench.waiting()) == 1


def test_without_a_network_nothing_is_tried(bench, uploader, ingest):
    uploader.link.is_up = False
    assert len(drive(uploader, 3)) == 3
    assert (ingest.log, ingest.connections) == ([], 0)
    assert uploader.last_error == "no network"


def test_one_connection_carries_the_whole_queue(bench, uploader, ingest):
    for _ in range(3):
        bench.hear(talk(1))
    drive(uploader)
    assert outcomes(ingest) == ["stored"] * 4
    assert ingest.connections == 1


def test_without_ntp_the_servers_date_is_used_and_marked(ingest):
    bench = Bench(Flash(), has_date=False)
    bench.hear(talk(1))
    uploader = Uploader(bench.store, bench.clock, Client(ingest.url, server.KEY, Stream), Link(), "1")
    drive(uploader)
    uploader.client.close()
    (fields,) = ingest.fields.values()
    assert fields["clock"] == "estimated"
    assert fields["startedAt"].startswith("2026-05-28T20:26:3")


def test_what_the_ledger_misses_is_sent_again(bench, uploader, ingest):
    bench.store.keeps_sent = True
    bench.hear(talk(1))
    drive(uploader)
    assert bench.store.count("sent") == 2
    ingest.resend = ["desk-00000001-00002"]
    bench.ticks.now_ms += 3_700_000
    drive(uploader)
    drive(uploader)
    assert outcomes(ingest) == ["stored", "stored", "duplicate"]


def test_a_file_that_cannot_be_read_does_not_block_the_others(bench, uploader, ingest):
    bench.hear(talk(1))
    first = bench.waiting()[0]
    opened = bench.flash.open

    def fail(path, mode="rb"):
        if path == first:
            raise OSError(5)
        return opened(path, mode)

    bench.flash.open = fail
    drive(uploader)
    assert outcomes(ingest) == ["stored"]
    assert "cannot be read" in uploader.last_error or bench.store.count("bad") == 1


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b'{"recordingId": "a"}', ACCEPTED),
        (202, b'{"recordingId": "a"}', ACCEPTED),
        (200, b'{"recordingId": "b"}', RETRY),
        (200, b"<html>", RETRY),
        (200, b"[]", RETRY),
        (301, b"", RETRY),
        (401, b"", KEY),
        (403, b"", KEY),
        (408, b"", RETRY),
        (413, b"", REFUSED),
        (429, b"", RETRY),
        (502, b"", RETRY),
    ],
)
def test_every_answer_has_one_meaning(status, body, verdict):
    assert judge(Response(status, {}, body), "a") == verdict


def test_waits_double_up_to_a_quarter_of_an_hour_and_differ():
    assert [backoff_ms(n, 0) for n in (0, 1, 2, 20)] == [5_000, 10_000, 20_000, 900_000]
    assert backoff_ms(3, 255) == pytest.approx(20_000, rel=0.01)


def test_addresses_are_taken_apart():
    assert split_url("https://rem.example/prod/") == ("https", "rem.example", 443, "/prod")
    assert split_url("http://192.168.1.5:8787") == ("http", "192.168.1.5", 8787, "")
    for wrong in ("rem.example", "ftp://a", "https://", "http://a:b"):
        with pytest.raises(ValueError, match="not an address"):
            split_url(wrong)


def answer_with(raw: bytes):
    """A client connected to a server that says exactly this."""
    ours, theirs = socket.socketpair()
    theirs.sendall(raw)
    theirs.shutdown(socket.SHUT_WR)

    class Canned(Stream):
        def __init__(self, *_):
            self._socket, self._file = ours, ours.makefile("rb")
            self.write, self.read, self.readline = ours.send, self._file.read, self._file.readline

    client = Client("http://x", "k", Canned)
    try:
        request = client.request("GET", "/")
        while True:
            try:
                next(request)
            except StopIteration as stop:
                return stop.value
    finally:
        client.close()
        ours.close()
        theirs.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\n\nhello",
    ],
)
def test_bodies_of_every_kind_are_read(raw):
    assert answer_with(raw).body == b"hello"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nA: b\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100 + b"\r\n",
    ],
)
def test_a_broken_answer_is_an_error(raw):
    with pytest.raises(OSError, match="104"):
        answer_with(raw)


def test_speech_sent_in_chunks_is_the_speech_that_was_heard(ingest, tmp_path):
    bench = Bench(Flash(), chunk_blocks=30)
    bench.hear(talk(4))
    uploader = Uploader(bench.store, bench.clock, Client(ingest.url, server.KEY, Stream), Link(), "1")
    drive(uploader)
    uploader.client.close()
    whole = Bench(Flash())
    whole.hear(talk(4))
    (single,) = whole.flash.files.values()
    sent = [ingest.audio[key] for key in sorted(ingest.audio)]
    np.testing.assert_array_equal(
        np.frombuffer(b"".join(content[512:] for content in sent), np.uint8),
        np.frombuffer(single[512:], np.uint8),
    )
    seqs = [ingest.fields[key]["seq"] for key in sorted(ingest.fields)]
    assert seqs == [str(n) for n in range(len(seqs))]
    assert len({fields["sessionId"] for fields in ingest.fields.values()}) == 1
