"""A watched folder: nothing is taken half, twice, or forgotten."""

import os

import pytest

from rem.core.errors import BusyError, InputError
from rem.home.watch import RETRY_S, SETTLE_S, FileIntake, WatchedFolder
from rem.library.intake import Intake
from rem.library.refusals import NotAudioError
from rem.library.upload_parts import PART_BYTES
from tests.fakes import FakeCatalog, FakeStore, FakeUploads
from tests.functions.sounds import tone, write_wav


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


class Scene:
    def __init__(self, folder):
        self.folder, self.clock = folder, Clock()
        self.taken, self.reports, self.errors = [], [], {}
        self.watched = WatchedFolder(folder, self.take, lambda _, text: self.reports.append(text), self.clock)

    def take(self, path):
        if error := self.errors.pop(path.name, None):
            raise error
        self.taken.append((path.name, path.read_bytes()))
        return len(self.taken) == 1

    def look_after(self, seconds):
        self.clock.now_s += seconds
        self.watched.look()


def test_a_file_is_taken_once_when_it_has_stopped_growing(scene):
    (scene.folder / "a.wav").write_bytes(b"one")
    scene.look_after(0)
    scene.look_after(SETTLE_S - 1)
    (scene.folder / "a.wav").write_bytes(b"one and more")
    scene.look_after(1)
    scene.look_after(SETTLE_S - 1)
    assert scene.taken == []
    for _ in range(3):
        scene.look_after(SETTLE_S)
    assert scene.taken == [("a.wav", b"one and more")]
    assert scene.reports == ["taken"]


def test_a_file_that_is_replaced_later_is_taken_again(scene):
    for content, changed_s in ((b"one", 1), (b"two", 2)):
        (scene.folder / "a.wav").write_bytes(content)
        os.utime(scene.folder / "a.wav", (changed_s, changed_s))
        scene.look_after(0)
        scene.look_after(SETTLE_S)
    assert [content for _, content in scene.taken] == [b"one", b"two"]
    assert scene.reports == ["taken", "known"]


def test_every_visible_file_below_the_folder_is_offered(scene):
    (scene.folder / "trip").mkdir()
    for name in ("trip/b.m4a", "memo.qta", ".hidden.wav"):
        (scene.folder / name).write_bytes(b"x")
    scene.look_after(0)
    scene.look_after(SETTLE_S)
    assert sorted(name for name, _ in scene.taken) == ["b.m4a", "memo.qta"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BusyError("no time"), KeyError()])
def test_any_failure_is_tried_again_but_that_of_a_useless_file(scene, error):
    for name in ("full.wav", "useless.wav"):
        (scene.folder / name).write_bytes(b"x")
    scene.errors = {"full.wav": error, "useless.wav": InputError("no sound")}
    scene.look_after(0)
    scene.look_after(SETTLE_S)
    assert len(scene.reports) == 2
    assert "no sound" in scene.reports
    scene.look_after(1)
    assert scene.taken == []
    scene.look_after(RETRY_S)
    assert [name for name, _ in scene.taken] == ["full.wav"]


@pytest.fixture
def files():
    store = FakeStore()
    return FileIntake(Intake(store, FakeCatalog(), FakeUploads(store), "bucket"), "me")


@pytest.mark.parametrize("seconds", [1.0, 400.0], ids=["small", "in parts"])
def test_a_file_is_taken_once_whatever_its_size(files, tmp_path, seconds):
    path = write_wav(tmp_path / "memo.wav", tone(seconds))
    assert (path.stat().st_size > PART_BYTES) == (seconds > 300)
    assert files.take(path)
    assert not files.take(path)
    [record] = files.intake.catalog.find("me").records
    assert (record.status, record.device_id) == ("UPLOADED", "watch")
    assert record.recording_id.startswith("memo-")
    assert files.intake.store.read_bytes(record.key) == path.read_bytes()


def test_a_file_that_is_no_sound_is_refused(files, tmp_path):
    (tmp_path / "letter.wav").write_text("Dear Ada")
    with pytest.raises(NotAudioError, match="it is text"):
        files.take(tmp_path / "letter.wav")


class EndsUploads(FakeUploads):
    """Somebody ends each upload before its first part comes."""

    def put_part(self, key, upload_id, number, content):
        self.abort(key, upload_id)
        return super().put_part(key, upload_id, number, content)


def test_an_upload_that_ended_meanwhile_may_be_tried_again(tmp_path):
    store = FakeStore()
    files = FileIntake(Intake(store, FakeCatalog(), EndsUploads(store), "bucket"), "me")
    with pytest.raises(OSError, match="has ended"):
        files.take(write_wav(tmp_path / "memo.wav", tone(400.0)))
    assert store.objects == {}
