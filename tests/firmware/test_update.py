"""Updates over the air: what is refused, and that a bad one never stays."""

import hashlib
import json

import pytest

import slots
from app.update import Downloader, UpdateError, Updater, check_manifest
from tests.firmware import server
from tests.firmware.flash import Flash, PowerCut
from tests.firmware.test_upload import Stream

NEW = {"app/__init__.mpy": b"new version", "app/kernels.mpy": b"x" * 5000}


@pytest.fixture
def releases():
    with server.serve() as running:
        publish(running)
        yield running


def publish(running, arch="xtensawin", **changed: bytes) -> None:
    files = [{"path": p, "sha256": hashlib.sha256(content).hexdigest()} for p, content in NEW.items()]
    manifest = {"version": "2.0.0", "arch": arch, "files": files}
    running.files = {"/manifest.json": json.dumps(manifest).encode()}
    running.files |= {"/" + path: content for path, content in NEW.items()}
    running.files |= {"/app/" + name + ".mpy": content for name, content in changed.items()}


def update(flash, url, battery_pct=None, version="1.0.0"):
    run = Updater(flash, Downloader(url, "", Stream), "xtensawin", version).run(battery_pct)
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value


def test_an_update_goes_to_the_other_slot_and_is_tried(releases):
    flash = Flash()
    assert update(flash, releases.url) is True
    assert {p: c for p, c in flash.files.items() if p.startswith("/b/")} == {
        "/b/" + p: c for p, c in NEW.items()
    }
    assert slots.choose(flash) == "b"


def test_a_healthy_update_stays(releases):
    flash = Flash()
    update(flash, releases.url)
    slots.choose(flash)
    slots.mark_healthy(flash)
    assert [slots.choose(flash) for _ in range(4)] == ["b"] * 4


def test_an_update_that_never_gets_healthy_is_rolled_back_and_not_fetched_again(releases):
    flash = Flash()
    update(flash, releases.url)
    assert [slots.choose(flash) for _ in range(4)] == ["b", "b", "a", "a"]
    assert update(flash, releases.url) is False


def test_the_running_version_is_not_fetched(releases):
    assert update(Flash(), releases.url, version="2.0.0") is False


def test_a_wrong_hash_is_refused_and_what_runs_stays(releases):
    publish(releases, kernels=b"tampered")
    flash = Flash()
    with pytest.raises(UpdateError, match=r"kernels\.mpy is not what"):
        update(flash, releases.url)
    assert slots.choose(flash) == "a"


def test_a_low_battery_refuses_the_update(releases):
    flash = Flash()
    with pytest.raises(UpdateError, match="battery is at 19 %"):
        update(flash, releases.url, battery_pct=19)
    assert flash.files == {}
    assert update(flash, releases.url, battery_pct=20) is True


def test_another_processors_update_is_refused(releases):
    publish(releases, arch="rv32imc")
    with pytest.raises(UpdateError, match="for rv32imc, this device is xtensawin"):
        update(Flash(), releases.url)


@pytest.mark.parametrize("path", ["../main.py", "/main.py", "app/../../main.py", "app/ä.mpy"])
def test_a_path_out_of_the_slot_is_refused(path):
    entry = {"path": path, "sha256": "0" * 64}
    with pytest.raises(UpdateError, match="bad entry"):
        check_manifest({"version": "1", "arch": "a", "files": [entry]}, "a")


def test_a_manifest_without_files_is_refused():
    with pytest.raises(UpdateError, match="lacks"):
        check_manifest({"version": "1"}, "a")


def test_a_missing_manifest_is_refused(releases):
    releases.files = {}
    with pytest.raises(UpdateError, match="answered 404"):
        update(Flash(), releases.url)


def test_a_power_cut_during_the_update_leaves_what_runs(releases):
    whole = Flash()
    update(whole, releases.url)
    for cut_after in range(whole.changes):
        flash = Flash()
        flash.cut_after = cut_after
        with pytest.raises(PowerCut):
            update(flash, releases.url)
        flash.cut_after = None
        assert slots.choose(flash) == "a"


def test_damaged_slots_start_the_first_firmware():
    for content in (b"{", b"[]", b'{"active": "c"}'):
        flash = Flash()
        flash.files[slots.PATH] = content
        assert slots.choose(flash) == "a"
