"""The moment when a recording began: from the file itself, else from the time when it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rem.core.errors import InputError
from rem.core.moments import is_plausible, parse_moment

# Names that recorders use, as PyAV tells them in lower case; the first with a zone of its own comes first.
MOMENT_TAGS = ("com.apple.quicktime.creationdate", "creation_time", "date", "tdrc", "date_recorded")
HAS_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")  # a day or a year alone is a release date
CLOCK_TIME = re.compile(r"\d\d:\d\d(:\d\d)?")
WRITTEN = "the file's last change, less its length"


@dataclass(frozen=True, slots=True)
class Start:
    """The moment when a recording began, and the source of that moment in words for people."""

    moment: datetime
    origin: str


def find_start(path: Path, now: datetime | None = None) -> Start:
    """Find when the recording in a file began.

    The container's own time counts, if it has one that a clock can have shown. Otherwise the recorder closed
    the file at the end of the recording.

    Raises:
        OSError: the file cannot be read.
    """
    now = now or datetime.now(UTC)
    tags, length_s = _read_container(path)
    for name, text in _list_moments(tags):
        try:
            moment = parse_moment(text)
        except InputError:
            continue
        if is_plausible(moment, now):
            return Start(moment, f"the file's {name}")
    written = datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    return Start(written - timedelta(seconds=length_s), WRITTEN)


def _read_container(path: Path) -> tuple[Mapping[str, str], float]:
    """Read a file's tags, names in lower case, and its length in seconds; 0 where it tells none."""
    import av

    try:
        with av.open(str(path), metadata_errors="replace") as container:
            own = dict(container.metadata)
            of_streams = [dict(stream.metadata) for stream in container.streams]
            length_s = (container.duration or 0) / av.time_base
    except (av.error.FFmpegError, ValueError):
        return {}, 0.0
    tags: dict[str, str] = {}
    for found in (own, *of_streams):
        for name, text in found.items():
            tags.setdefault(name.lower(), text)
    return tags, length_s


def _list_moments(tags: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """List the tags that tell a moment; Broadcast WAV has the day in one and the time in another."""
    if CLOCK_TIME.fullmatch(tags.get("creation_time", "")):
        yield "origination date", f"{tags.get('date', '')}T{tags['creation_time']}"
    for name in MOMENT_TAGS:
        if HAS_TIME.match(tags.get(name, "")):
            yield name.rpartition(".")[2], tags[name]
