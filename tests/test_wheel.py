"""An installed REM: its wheel in an environment of its own, used from another folder, all of it offline."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from uv import find_uv_bin

from rem.definition import ROOT
from tests.homeserver import DEMO_MODELS, find_free_port

pytestmark = [pytest.mark.slow, pytest.mark.models, pytest.mark.timeout(900)]
ROOMS = ("rem", "functions", "statemachine", "models", "firmware")
STAYS = re.compile(  # in the repository: for images, for training, and for mpremote, which reads it there
    r"functions/\w+/(Dockerfile|requirements\.(in|txt))|models/training/.*|firmware/package\.json"
)
LARGEST_BYTES = 8_000_000
PATIENCE_S = 240.0
BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""


@dataclass(frozen=True)
class Installed:
    """An environment with REM in it, and a folder far from the sources."""

    environment: Path
    folder: Path

    @property
    def script(self) -> Path:
        return self.environment / "bin" / "rem"

    def run(self, *arguments: str, code: int = 0, of: str = "stdout") -> str:
        """Run the console script; gives what it wrote."""
        answer = subprocess.run(
            [self.script, *arguments],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert answer.returncode == code, f"{arguments}: {answer.stdout}\n{answer.stderr}"
        text: str = getattr(answer, of)
        return text

    def start(self, *arguments: str, output: Path) -> subprocess.Popen[bytes]:
        with output.open("wb") as file:
            return subprocess.Popen(
                [self.script, *arguments], cwd=self.folder, env=self.variables, stdout=file, stderr=file
            )

    @property
    def variables(self) -> dict[str, str]:
        """A person's login: no trace of the checkout."""
        return {"PATH": os.defpath, "HOME": str(self.folder), "LANG": "C.UTF-8", "COLUMNS": "200"}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of what a release holds: a build writes beside its sources."""
    folder = tmp_path_factory.mktemp("source")
    for room in ("rem", "functions", "statemachine", "models", "firmware", "tests", "benchmarks", "infra"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("data", ".terraform*"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source) -> Path:
    build = ("--wheel", "--no-build-isolation", "--offline", "--python", sys.executable)
    run_uv("build", *build, "--out-dir", str(source / "dist"), str(source))
    [built] = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Installed:
    return install(tmp_path_factory.mktemp("installed"), str(wheel))


def install(folder: Path, *what: str) -> Installed:
    """Install into an environment that has the heavy packages of this one, but not this checkout.

    The path of this environment's packages is added, not processed: its editable hook does not run.
    """
    venv.create(folder / "environment", with_pip=False)
    python = folder / "environment" / "bin" / "python"
    paths = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    [packages] = (folder / "environment").glob("lib/python*/site-packages")
    (packages / "heavy.pth").write_text("\n".join(paths))
    run_uv("pip", "install", "--offline", "--no-deps", "--no-build-isolation", "--python", str(python), *what)
    (folder / "elsewhere").mkdir()
    return Installed(folder / "environment", folder / "elsewhere")


def run_uv(*arguments: str) -> None:
    answer = subprocess.run([find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def list_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_every_file_that_runs_and_nothing_else(source, wheel):
    files = {
        path.relative_to(source).as_posix()
        for room in ROOMS
        for path in (source / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert list_names(wheel) == {file for file in files if not STAYS.fullmatch(file)}
    assert wheel.stat().st_size < LARGEST_BYTES


def test_nothing_of_the_checkout_is_imported(installed):
    python = installed.environment / "bin" / "python"
    command = (
        "import rem, functions, statemachine; print(rem.__file__, functions.__file__, statemachine.__file__)"
    )
    answer = subprocess.run(
        [python, "-c", command],
        cwd=installed.folder,
        env=installed.variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(Path(path).is_relative_to(installed.environment) for path in answer.stdout.split())


def find_documented_commands() -> list[str]:
    """The first word after `rem` in code, in the README and the docs."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text() for page in pages)
    return sorted(set(re.findall(r"(?:`|^\$ |^)rem ([a-z]+)", text, re.MULTILINE)))


@pytest.mark.parametrize("command", find_documented_commands())
def test_every_documented_command_explains_itself(installed, command):
    assert f"rem {command}" in installed.run(command, "--help")


def test_help_lists_the_documented_commands(installed):
    text = installed.run("--help")
    assert all(re.search(rf"\b{command}\b", text) for command in find_documented_commands())


def test_the_demo_runs_and_its_figures_are_read(installed):
    assert "Good morning" in installed.run("demo", "--out", "demo")
    costs = json.loads(installed.run("cost", "demo/standup.json", "--json"))
    assert costs["usd"]["arm64"]["totalUsd"] > 0
    stages = json.loads(installed.run("stages", "--json"))["stages"]
    assert {"prepare", "transcribe", "diarize", "publish"} <= {stage["stage"] for stage in stages}
    assert "notes" in installed.run("recipes", "demo/standup.json")


def test_an_own_recording_is_transcribed(installed):
    recording = shutil.copy(ROOT / "models" / "demo" / "standup.wav", installed.folder / "memo.wav")
    installed.run("run", str(recording), "--out", "own", *DEMO_MODELS)
    assert (installed.folder / "own" / "memo.srt").is_file()


@pytest.fixture
def server(installed, tmp_path) -> Iterator[str]:
    """The home server on its usual folder, its address; stopped as a person stops it."""
    port, output = find_free_port(), tmp_path / "output"
    process = installed.start("up", "--port", str(port), *DEMO_MODELS, output=output)
    try:
        wait_until(lambda: "Key" in output.read_text() or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, output.read_text()
    finally:
        process.kill()
        process.wait()


def wait_until(condition) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.2)


def test_the_home_server_takes_and_shows_recordings(installed, server):
    key = json.loads(installed.run("keys", "add", "pocket", "--json"))["key"]
    shutil.copy(ROOT / "models" / "demo" / "standup.wav", installed.folder / "talk.wav")
    told = installed.run("upload", "talk.wav", "--to", server, "--key", key, "--json")
    [recording] = json.loads(told)["recordings"]
    name = recording["recordingId"]

    def is_complete() -> bool:
        listed = json.loads(installed.run("list", "--json"))["recordings"]
        return [each["status"] for each in listed if each["recordingId"] == name] == ["COMPLETE"]

    wait_until(is_complete)
    assert "COMPLETE" in installed.run("show", name)
    [execution] = json.loads(installed.run("executions", "--json"))["executions"]
    assert "Prepare" in installed.run("show", execution["execution"])
    assert "pocket" in installed.run("keys", "list")
    installed.run("dlq", "list")
    installed.run("doctor", execution["execution"])
    settings = installed.run("device", "add", "badge", "--url", "http://192.168.1.5:8787")
    assert '"device": "badge"' in settings
    assert "badge" in installed.run("devices")
    report = installed.run(
        "device", "simulate", "--wav", "talk.wav", "--server", server, "--key", key, "--json"
    )
    assert json.loads(report)["sent"] > 0
    installed.run("delete", name)


def find_modules_of_the_pipeline() -> list[str]:
    """The importable names that the extra `local` brings."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["local"]
    names = {re.split(r"[\[=]", requirement)[0].lower() for requirement in extra}
    return [
        module for module, of in packages_distributions().items() if names & {name.lower() for name in of}
    ]


def test_without_the_extra_commands_work_or_say_what_to_install(wheel, tmp_path):
    light = install(tmp_path, str(wheel))
    [packages] = light.environment.glob("lib/python*/site-packages")
    (packages / "blocked.py").write_text(BLOCKED.format(names=find_modules_of_the_pipeline()))
    (packages / "blocked.pth").write_text("import blocked")
    assert "Usage" in light.run("--help")
    assert "notes" in light.run("recipes")
    assert "rem-recording-memory[local]" in light.run("demo", code=2, of="stderr")


def test_the_console_script_of_a_checkout_finds_everything_too(source, tmp_path):
    editable = install(tmp_path, "--editable", str(source))
    assert "notes" in editable.run("recipes")
    assert "Usage" in editable.run("--help")
