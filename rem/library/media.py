"""Recordings as files. Which of a folder are is told by suffix; what is inside is Prepare's business."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

MEDIA_SUFFIXES = frozenset(
    "3gp aac ac3 aif aiff amr ape au avi caf flac flv m4a m4b mka mkv mov mp2 mp3 mp4 mpeg mpg oga ogg opus "
    "ts tta wav webm wma wmv wv".split()
)


def is_media(path: Path) -> bool:
    return path.suffix.lower().lstrip(".") in MEDIA_SUFFIXES and not path.name.startswith(".")


def find_media(folder: Path) -> list[Path]:
    """The sound and video files below a folder, sorted; hidden ones left out."""
    return sorted(path for path in folder.rglob("*") if is_media(path) and path.is_file())


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_recording_id(path: Path, digest: str) -> str:
    """A readable, valid id that tells files of one name apart."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:60]
    return f"{stem or 'recording'}-{digest[:8]}"
