"""Runs one scenario, unchanged, in MicroPython and in CPython.

python -m tests.firmware.both SCENARIO ROOT PLAIN      the CPython side, in a process of its own
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rem.cli.simulator import GUEST_DIR, ROOT, Host, run_micropython

SCENARIOS = Path(__file__).parent / "scenarios"
PYTHONS = ("micropython", "cpython")


def run_scenario(python: str, scenario: str, root: Path, plain: Path, **host: Any) -> list[Mapping[str, Any]]:
    """Run it; returns what the guest said.

    Args:
        python: One of PYTHONS.
        root: The device's flash.
        host: Fields of Host.
    """
    if python == "cpython":
        options = json.dumps({name: sorted(value) for name, value in host.items()})
        command = [sys.executable, "-m", "tests.firmware.both", scenario, str(root), str(plain), options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])
    machine = Host(**host)
    run_in_micropython(scenario, root, plain, machine)
    return machine.said


def run_in_micropython(scenario: str, root: Path, plain: Path, machine: Host) -> str:
    """Returns what the device's cable said."""
    folders = {"/sim": GUEST_DIR, "/plain": plain, "/scenarios": SCENARIOS, "/flash": root}
    program = f"import sys\nsys.path[:] = {[*folders][:3]}\nimport {scenario}\n{scenario}.run('/flash')\n"
    return run_micropython(program, folders, machine)


def main(scenario: str, root: str, plain: str, options: str) -> None:
    machine = Host(**{name: set(value) for name, value in json.loads(options).items()})
    sys.modules["host"] = SimpleNamespace(call=machine.answer)  # type: ignore[assignment]
    sys.path[:0] = [str(GUEST_DIR), plain, str(SCENARIOS)]
    __import__(scenario).run(root)
    machine.close()
    print()
    print(json.dumps(machine.said))


if __name__ == "__main__":
    main(*sys.argv[1:])
