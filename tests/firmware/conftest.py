"""Makes the firmware importable here, with the simulator's machine and network in the ESP32's place."""

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from firmware.build import build_plain
from rem.cli.simulator import GUEST_DIR

_folder = Path(tempfile.mkdtemp(prefix="rem-firmware-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
PLAIN = build_plain(_folder / "plain")
sys.path[:0] = [str(PLAIN), str(GUEST_DIR)]
for name in ("machine", "network", "esp32", "ntptime"):
    sys.modules[name] = __import__("sim_" + name)


@pytest.fixture(scope="session")
def plain() -> Path:
    return PLAIN


@pytest.fixture
def world():
    """The simulated world, as it is at the start."""
    import world as module

    before = dict(vars(module))
    module.listeners = []
    yield module
    vars(module).update(before)
