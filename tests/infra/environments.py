"""A clean Python environment per image, from exactly its lock file, kept under build/ for the next run."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from uv import find_uv_bin

from rem.definition import ROOT

KEPT = ROOT / "build" / "images"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LIMIT_S = 900
# What uv says without a network, and pip of torch.
NO_INDEX = ("Failed to fetch", "network was disabled", "No matching distribution")
# Stands in front of everything a sandbox imports: only this machine may be called.
BLOCK_NETWORK = """
import os, socket
stock = socket.socket.connect
def connect(self, address):
    if isinstance(address, tuple) and not str(address[0]).startswith("127."):
        with open(os.environ["REM_TEST_CALLS"], "a") as file:
            file.write(f"{address}\\n")
        raise OSError(f"the network is blocked: {address}")
    return stock(self, address)
socket.socket.connect = connect
"""


@dataclass(frozen=True, slots=True)
class Environment:
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        return next((self.folder / "lib").glob("python*/site-packages"))

    def size_mb(self) -> int:
        return sum(f.lstat().st_size for f in self.packages.rglob("*") if f.is_file()) // 2**20

    def list_files(self) -> set[Path]:
        return {f for f in self.packages.rglob("*") if f.is_file()}


def build_environment(image: str) -> Environment:
    """Installed by uv: a file that two environments have is unpacked once and linked.

    Raises: RuntimeError: the packages cannot be installed, with what the installer said.
    """
    lock = ROOT / "functions" / image / "requirements.txt"
    torch = read_torch(image)
    name = hashlib.sha256(lock.read_bytes() + repr(torch).encode() + sys.version.encode()).hexdigest()[:12]
    environment = Environment(KEPT / name)  # images with the same packages share one
    if (environment.folder / "complete").exists():
        return environment
    shutil.rmtree(environment.folder, ignore_errors=True)
    run(sys.executable, "-m", "venv", "--without-pip", environment.folder)
    if torch:
        install_torch(environment, torch)
    install(environment, "--require-hashes", "--no-deps", "-r", lock)
    install(environment, f"awslambdaric=={version('awslambdaric')}")  # AWS's base image has its own
    (environment.folder / "complete").touch()
    return environment


def read_torch(image: str) -> list[str]:
    """The versions that a Dockerfile installs from PyTorch's index, in its own order."""
    text = (ROOT / "functions" / image / "Dockerfile").read_text()
    return [f"{name.lower()}=={found}" for name, found in re.findall(r"ARG (TORCH|TORCHAUDIO)=(.+)", text)]


def install_torch(environment: Environment, torch: list[str]) -> None:
    """As the Makefile does: a CPU build that pip is told of on this machine, else from PyTorch's index."""
    pip = (sys.executable, "-m", "pip", "--python", environment.python, "install", "--quiet")
    try:
        run(*pip, f"{torch[0]}+cpu")
        run(*pip, "--no-deps", *torch[1:])
    except RuntimeError:
        run(*pip, "--index-url", TORCH_CPU_INDEX, *torch)


def install(environment: Environment, *arguments: str | Path) -> None:
    # Compiled, as pip in the Dockerfiles does it: the starts are told in docs/aws.md.
    python = environment.python
    run(find_uv_bin(), "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *arguments)


def run(*command: str | Path) -> None:
    answer = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if answer.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:5]))}: {answer.stderr[-2000:]}")
