"""Options that several commands share, and how a command takes a group of them."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import timedelta
from typing import Annotated, Any

import typer

from rem.core.errors import InputError

UNITS = {"h": "hours", "d": "days", "w": "weeks"}

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for scripts.")]
User = Annotated[str, typer.Option(envvar="REM_USER", help="Whose recordings they are.", metavar="USER")]


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

    plain = [each for each in own if each.name not in groups]
    flat = [
        *plain,
        *(each for group in fields.values() for each in group.values()),
    ]  # `--help` keeps this order
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
