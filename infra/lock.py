"""Locked packages of each image: `python -m infra.lock` makes functions/*/requirements.txt from *.in files.

Versions are those of pyproject.toml, so images have the packages that tests ran with; every file of a package
is pinned by its hash. torch and its CUDA packages are left out: Dockerfiles install PyTorch's CPU build.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from uv import find_uv_bin

from rem.definition import ROOT

OLDEST_PYTHON = "3.11"
NOT_FROM_PYPI = re.compile(r"(torch|torchaudio|triton|nvidia-.*|cuda-.*)==")
OPTIONS = ("--universal", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url")


def read_versions() -> list[str]:
    """Read the versions that pyproject.toml pins for the pipeline, as constraints without extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = [*project["dependencies"], *project["optional-dependencies"]["local"]]
    return [re.sub(r"\[.*?\]", "", requirement) for requirement in pinned]


def leave_out(locked: str) -> str:
    """Drop each package of NOT_FROM_PYPI with its lines of hashes."""
    packages = re.split(r"(?m)^(?=[a-zA-Z0-9])", locked)
    return "".join(package for package in packages if not NOT_FROM_PYPI.match(package))


def lock(source: Path, constraints: Path) -> None:
    command = [find_uv_bin(), "pip", "compile", "--quiet", str(source), "--constraint", str(constraints)]
    command += ["--python-version", OLDEST_PYTHON, *OPTIONS]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(f"{source} cannot be locked:\n{answer.stderr}")
    source.with_suffix(".txt").write_text(leave_out(answer.stdout))


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("\n".join(read_versions()) + "\n")
        for source in sorted((ROOT / "functions").glob("*/requirements.in")):
            lock(source, constraints)
            print(source.with_suffix(".txt").relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
