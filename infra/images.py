"""The content of each image, and the tag that names it by that content."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rem.definition import ROOT, StageConfig, load_stages

COPY = re.compile(r"^COPY (?!--from)(.+)$", re.MULTILINE)
TAG_HEX = 16
ONLY_ON_LAPTOPS = ("rem/cli/", "rem/home/", "rem/lambdas/", "rem/states/")  # images lack these rooms
MODEL_ARGUMENTS = {  # by the setting of stages.yaml that names the model: the Dockerfile's build argument
    "whisper_model": "WHISPER_MODEL",
    "diarization_model": "DIARIZATION_MODEL",
}


@dataclass(frozen=True)
class Image:
    """One folder under functions/ as an image.

    Attributes:
        arguments: Build arguments; one is the model's name.
    """

    name: str
    architecture: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    root: Path = ROOT

    @property
    def dockerfile(self) -> Path:
        return self.root / "functions" / self.name / "Dockerfile"

    @property
    def platform(self) -> str:
        return {"arm64": "linux/arm64", "x86_64": "linux/amd64"}[self.architecture]

    def find_sources(self) -> list[Path]:
        """Find the Dockerfile and every file that it copies; sorted paths relative to the root."""
        named = [word for line in COPY.findall(self.dockerfile.read_text()) for word in line.split()[:-1]]
        files = {file for name in named for file in _walk(self.root / name)}
        return sorted({self.dockerfile.relative_to(self.root), *(f.relative_to(self.root) for f in files)})

    def compute_tag(self) -> str:
        """Hash content, arguments and architecture; an image with a known tag is neither built nor pushed."""
        digest = hashlib.sha256(f"{self.architecture} {sorted(self.arguments.items())}".encode())
        for source in self._find_used():
            digest.update(f"\0{source.as_posix()}\0".encode() + (self.root / source).read_bytes())
        return digest.hexdigest()[:TAG_HEX]

    def stage(self, folder: Path) -> None:
        """Copy exactly the hashed files into a folder, the build's context."""
        for source in self._find_used():
            (folder / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.root / source, folder / source)

    def _find_used(self) -> list[Path]:
        return [s for s in self.find_sources() if not s.as_posix().startswith(ONLY_ON_LAPTOPS)]


def _walk(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    for file in path.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file


def build_images(stages: Mapping[str, StageConfig] | None = None, architecture: str = "arm64") -> list[Image]:
    """List one image per `image` of stages.yaml, with the models in its stages' settings."""
    arguments: dict[str, dict[str, str]] = {}
    for stage in (stages or load_stages()).values():
        models = {MODEL_ARGUMENTS[s]: str(v) for s, v in stage.settings.items() if s in MODEL_ARGUMENTS}
        arguments.setdefault(stage.image, {}).update(models)
    return [Image(name, architecture, found) for name, found in sorted(arguments.items())]
