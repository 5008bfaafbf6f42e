"""Identifies a model's folder by the content of its files, whatever the folder is called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

MANIFEST = "rem-model.json"
IDENTITY_HEX = 16


def hash_file(path: Path) -> str:
    """Compute the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_files(folder: Path) -> list[str]:
    """List a model's files, relative to its folder, sorted; without the manifest and hidden files."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(p.as_posix() for p in found if p.name != MANIFEST and not p.parts[0].startswith("."))


def compute_identity(hashes: Mapping[str, str]) -> str:
    """Compute the identity of a set of files from their sha256, by name."""
    lines = "".join(f"{name} {hashes[name]}\n" for name in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()[:IDENTITY_HEX]


def write_manifest(folder: Path, name: str, origin: str, identity: str = "") -> None:
    """Write down a folder's files, so that nobody has to hash gigabytes to know what they are.

    Args:
        name: The model's name in models/sources.yaml.
        origin: The place that the files came from, for people.
        identity: Of what the folder was built from; computed from the files where empty.
    """
    hashes = {file: hash_file(folder / file) for file in list_files(folder)}
    document = {
        "name": name,
        "origin": origin,
        "identity": identity or compute_identity(hashes),
        "files": {
            file: {"sha256": digest, "bytes": (folder / file).stat().st_size}
            for file, digest in hashes.items()
        },
    }
    (folder / MANIFEST).write_text(json.dumps(document, indent=1) + "\n")


def read_identity(folder: Path) -> str:
    """Return what identifies the content of a model's folder: 16 hex digits.

    A manifest is believed as long as every file has the size it names; otherwise all files are hashed.
    """
    path = folder / MANIFEST
    if path.is_file():
        document = json.loads(path.read_text())
        sizes = {file: (folder / file).stat().st_size for file in list_files(folder)}
        if sizes == {file: entry["bytes"] for file, entry in document["files"].items()}:
            return str(document["identity"])
    return compute_identity({file: hash_file(folder / file) for file in list_files(folder)})


def find_damage(folder: Path) -> list[str]:
    """List the files that are not as the manifest says: changed, missing, or not in it.

    Raises:
        FileNotFoundError: the folder has no manifest.
    """
    written = json.loads((folder / MANIFEST).read_text())["files"]
    present = set(list_files(folder))
    changed = {
        file for file in present & written.keys() if hash_file(folder / file) != written[file]["sha256"]
    }
    return sorted(changed | (present ^ written.keys()))
