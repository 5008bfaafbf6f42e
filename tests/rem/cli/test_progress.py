import io
import json

from rich.console import Console

from rem.cli.progress import LiveProgress
from rem.executions.history import read_states
from tests.rem.executions.test_states import HISTORY


def test_a_long_state_tells_a_log_that_it_moves():
    """Without a terminal: a line when there is something new and the last one is old enough."""
    now_s = 0.0
    console = Console(file=io.StringIO(), width=120)
    with LiveProgress(console, files=1, clock=lambda: now_s) as progress:
        for now_s in range(0, 61, 5):
            heard = {"stage": "transcribe", "recordingId": "walk", "part": 0}
            line = heard | {"doneSeconds": 10.0 * min(now_s, 30), "totalSeconds": 600.0}
            progress.on_log("transcribe", json.dumps(line))
            progress.show("walk", "walk.wav", {"Transcribe": read_states(HISTORY)["Transcribe"]})
    assert console.file.getvalue().splitlines() == [
        "Transcribe 1/2 3:20 of 10:00",
        "Transcribe 1/2 5:00 of 10:00",
    ]
