"""Live progress of executions on a terminal, and one line per event where there is none."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from rem.executions.history import StateProgress
from rem.executions.statuses import SUCCEEDED
from rem.home.session import Outcome
from rem.transcripts.captions import format_clock
from rem.transcripts.transcript import Transcript

SAY_EVERY_S = 20.0  # between two lines about one state where there is no terminal


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """Executions on standard error: a row per running state; plain lines where there is no terminal.

    Args:
        files: How many recordings are followed; with several, each row names its recording.
        boot: The first row, until something is shown.
    """

    def __init__(
        self,
        console: Console,
        files: int,
        boot: str = "Start the local AWS",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._files, self._clock = console, files, clock
        self._rows: dict[tuple[str, str], TaskID] = {}
        self._heard: dict[tuple[str, str, int], tuple[float, float]] = {}
        self._said: dict[tuple[str, str], tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._boot = self._progress.add_task(boot, total=1, note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def on_log(self, function: str, line: str) -> None:
        """Take in a line that a stage logs; only those of rem.stage.work.log_progress count."""
        if not line.startswith('{"stage"'):
            return
        said = json.loads(line)
        with self._lock:
            place = (said["recordingId"], said["stage"].capitalize(), said["part"])
            self._heard[place] = (said["doneSeconds"], said["totalSeconds"])

    def show(self, recording_id: str, name: str, states: Mapping[str, StateProgress]) -> None:
        """Bring the rows of one recording up to date.

        Args:
            name: What a person calls the recording, for instance its file's name.
        """
        with self._lock:
            self._progress.update(self._boot, completed=1, visible=False)
            for state in states.values():
                self._show_state(recording_id, name, state)

    def _show_state(self, recording_id: str, name: str, state: StateProgress) -> None:
        row = (recording_id, state.name)
        label = f"{name}: {state.name}" if self._files > 1 else state.name
        if row not in self._rows:
            self._rows[row] = self._progress.add_task(escape(label), total=None, note="")
        heard = [v for k, v in self._heard.items() if k[:2] == row]
        total, done = sum(v[1] for v in heard), sum(v[0] for v in heard)
        parts = f"{state.left}/{state.entered}" if state.entered > 1 else ""
        if state.is_running:
            note = f"{parts} {format_clock(done)} of {format_clock(total)}" if total else parts
            self._progress.update(self._rows[row], total=total or None, completed=done, note=note.strip())
            self._say_sometimes(row, f"{label} {note.strip()}")
        elif not self._progress.tasks[self._rows[row]].finished:
            self._progress.update(self._rows[row], total=1, completed=1, note=parts)
            self._say(f"{label} finished after {state.seconds:.1f} s")

    def finish(self, outcome: Outcome) -> None:
        """Say how a recording ended; a single one that succeeded is printed whole, elsewhere."""
        with self._lock:
            for (recording_id, _), task in self._rows.items():
                if recording_id == outcome.recording_id and self._files > 1:
                    self._progress.update(task, visible=False)
            if self._files > 1 or outcome.status != SUCCEEDED:
                self._console.print(f"{escape(str(outcome.path))}: {escape(describe(outcome))}")

    def _say_sometimes(self, row: tuple[str, str], line: str) -> None:
        """Print a line of a long state that has moved, but not more often than every SAY_EVERY_S."""
        said, at_s = self._said.setdefault(row, ("", self._clock()))
        if line != said and self._clock() - at_s >= SAY_EVERY_S:
            self._said[row] = line, self._clock()
            self._say(line)

    def _say(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(escape(line))


def describe(outcome: Outcome) -> str:
    """Say in one line how a recording ended."""
    if outcome.status == SUCCEEDED:
        transcript = Transcript.from_json(json.loads(outcome.documents["json"]))
        words = sum(len(segment.words) for segment in transcript.segments)
        return (
            f"{words} words, {len(transcript.speakers)} speaker(s), "
            f"{format_clock(transcript.duration_s)} of sound in {outcome.wall_s:.1f} s"
        )
    if outcome.is_bad_input:
        return outcome.message
    return f"{outcome.status}: {outcome.error}: {outcome.message}"
