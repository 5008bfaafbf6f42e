"""Which files of a folder are recordings: by suffix. What is really inside is Prepare's business."""

from __future__ import annotations

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
