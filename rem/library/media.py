"""Recordings as files: which files of a folder are taken, and how a file is named as a recording."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rem.core.sniff import HEAD_BYTES, find_refusal

UNFINISHED = frozenset({".part", ".partial", ".crdownload", ".download", ".tmp"})  # others still write these


@dataclass(frozen=True, slots=True)
class FolderContent:
    """The files below a folder: those that are taken, and those that are not, each with the reason."""

    taken: Sequence[Path]
    skipped: Mapping[Path, str]


def list_files(folder: Path) -> list[Path]:
    """List the files below a folder, sorted; hidden files and folders are left out."""
    return sorted(path for path in folder.rglob("*") if _is_visible(path, folder))


def read_folder(folder: Path) -> FolderContent:
    """Decide on every file below a folder, in the order of their paths."""
    reasons = {path: explain_skip(path) for path in list_files(folder)}
    return FolderContent(
        [path for path, reason in reasons.items() if not reason],
        {path: reason for path, reason in reasons.items() if reason},
    )


def explain_skip(path: Path) -> str:
    """Say why a file is no recording; empty for one that is taken.

    By its first bytes, so that every door decides alike, whatever the file is called.
    """
    if path.suffix.lower() in UNFINISHED:
        return f"it is still being written ({path.suffix.lower()})"
    try:
        with path.open("rb") as file:
            return find_refusal(file.read(HEAD_BYTES))
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def _is_visible(path: Path, folder: Path) -> bool:
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def hash_file(path: Path) -> str:
    """Compute the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_recording_id(path: Path, digest: str) -> str:
    """Build a readable, valid id that tells files of one name apart."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:60]
    return f"{stem or 'recording'}-{digest[:8]}"
