"""Options that several commands share, and how a command takes a group of them."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from rem.core.errors import InputError
from rem.core.moments import parse_moment

UNITS = {"h": "hours", "d": "days", "w": "weeks"}

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for scripts.")]
User = Annotated[str, typer.Option(envvar="REM_USER", help="Whose recordings they are.", metavar="USER")]


StartedAt = Annotated[
    str,
    typer.Option(
        help="When the recording began, e.g. 2026-11-24T09:30; without a zone, this machine's. Default: what "
        "the file says, else when it was written, less its length.",
        metavar="TIME",
    ),
]


def parse_start(text: str, files: Sequence[Path]) -> datetime | None:
    """Read --started-at, which is about one recording; None where it was not given.

    Raises:
        InputError: it is no time, or there are more files than one.
    """
    if not text:
        return None
    if len(files) != 1 or files[0].is_dir():
        raise InputError("--started-at is about one recording: name one file")
    return parse_moment(text)


def take_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for every field of its dataclass parameters.

    Typer reads a function's signature and knows no groups of options. The command that is returned has a
    signature in which each dataclass is replaced by its fields, and builds the dataclass before it calls.
    """
    own = inspect.signature(command, eval_str=True).parameters.values()
    groups: dict[str, Any] = {each.name: each.annotation for each in own if is_dataclass(each.annotation)}
    fields = {name: inspect.signature(group, eval_str=True).parameters for name, group in groups.items()}

    @functools.wraps(command)
    def take(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field: values.pop(field) for field in fields[name]})
        command(**values)

    flat = [each for each in own if each.name not in groups]  # `--help` prints these before the groups'
    flat += [each for group in fields.values() for each in group.values()]
    keyword_only = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in flat]
    take.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    return take


def parse_length(text: str) -> timedelta:
    """Read a length of time: 12h, 30d, 4w.

    Raises:
        InputError: it is anything else.
    """
    match = re.fullmatch(r"(\d+)([hdw])", text)
    if not match or int(match[1]) == 0:
        raise InputError(f"'{text}' is no length of time: write 12h, 30d or 4w")
    return timedelta(**{UNITS[match[2]]: int(match[1])})
