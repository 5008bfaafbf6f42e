"""A watched folder: nothing is taken half, twice, or forgotten."""

import os

import pytest

from rem.core.errors import InputError
from rem.home.watch import RETRY_S, SETTLE_S, Watch


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
        self.watch = Watch(folder, self.take, lambda path, text: self.reports.append(text), self.clock)

    def take(self, path):
        if error := self.errors.pop(path.name, None):
            raise error
        self.taken.append((path.name, path.read_bytes()))
        return len(self.taken) == 1

    def look_after(self, seconds):
        self.clock.now_s += seconds
        self.watch.look()


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


def test_a_full_disk_is_tried_again_and_a_useless_file_is_not(scene):
    for name in ("full.wav", "useless.wav"):
        (scene.folder / name).write_bytes(b"x")
    scene.errors = {"full.wav": OSError(28, "No space left on device"), "useless.wav": InputError("no sound")}
    scene.look_after(0)
    scene.look_after(SETTLE_S)
    assert len(scene.reports) == 2
    assert "no sound" in scene.reports
    scene.look_after(1)
    assert scene.taken == []
    scene.look_after(RETRY_S)
    assert [name for name, _ in scene.taken] == ["full.wav"]
