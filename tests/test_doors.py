"""`rem run`, `rem upload`, POST /ingest and a watched folder decide alike on every kind of file."""

import io
from datetime import UTC, datetime

import httpx2
import pytest
from rich.console import Console

from rem.cli.run import find_recordings
from rem.cli.uploader import Uploader
from rem.core.errors import InputError
from rem.core.sniff import HEAD_BYTES
from rem.home.watch import FileIntake
from rem.library.announcement import Announcement
from rem.library.intake import Intake
from tests.fakes import FakeCatalog, FakeStore, FakeUploads
from tests.rem.core.test_sniff import KNOWN, PERHAPS, REFUSED

TAKEN = {f"{kind} {i}": head for kind, heads in KNOWN.items() for i, head in enumerate(heads)} | PERHAPS
CASES = {**{name: (head + bytes(64), True) for name, head in TAKEN.items()}}
CASES |= {f"{reason} {i}": (head, False) for i, (head, reason) in enumerate(REFUSED.items())}


def build_intake():
    store = FakeStore()
    return Intake(store, FakeCatalog(), FakeUploads(store), "bucket")


def is_run(path):
    return find_recordings([path], Console(file=io.StringIO()))[0] == [path]


def is_run_of_a_folder(path):
    return find_recordings([path.parent], Console(file=io.StringIO()))[0] == [path]


def is_uploaded(path):
    answer = {"success": True, "recordingId": "a", "duplicate": False}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=answer))
    with httpx2.Client(transport=transport) as client:
        return accepts(lambda: Uploader(client, "http://127.0.0.1", "key", "cli").upload(path))


def is_ingested(path):
    announced = Announcement("badge-1", datetime(2026, 11, 24, tzinfo=UTC))
    return accepts(lambda: build_intake().accept("me", announced, path.read_bytes()))


def is_watched(path):
    return accepts(lambda: FileIntake(build_intake(), "me").take(path))


def accepts(door):
    try:
        door()
    except InputError:
        return False
    return True


DOORS = (is_run, is_run_of_a_folder, is_uploaded, is_ingested, is_watched)


@pytest.mark.parametrize("case", CASES)
def test_every_door_decides_alike(case, tmp_path):
    content, expected = CASES[case]
    assert len(content) <= HEAD_BYTES
    path = tmp_path / "memo.mp3"  # its name says nothing about it
    path.write_bytes(content)
    assert {door.__name__: door(path) for door in DOORS} == {door.__name__: expected for door in DOORS}
