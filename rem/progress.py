"""What an execution's history says about where it is: pure, the same for the laptop and AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass
class StateProgress:
    """One Task state: how often it was entered and left, and when."""

    name: str
    first_entered: datetime
    last_left: datetime | None = None
    entered: int = 0
    left: int = 0

    @property
    def is_running(self) -> bool:
        return self.left < self.entered

    @property
    def seconds(self) -> float:
        """From the first entry to the last exit; 0 while nothing has left."""
        return (self.last_left - self.first_entered).total_seconds() if self.last_left else 0.0


def read_states(events: Iterable[Mapping[str, Any]]) -> dict[str, StateProgress]:
    """The Task states that were entered so far, in order of their first entry.

    Args:
        events: As GetExecutionHistory gives them, oldest first.
    """
    states: dict[str, StateProgress] = {}
    for event in events:
        if event["type"] == "TaskStateEntered":
            name = event["stateEnteredEventDetails"]["name"]
            states.setdefault(name, StateProgress(name, event["timestamp"])).entered += 1
        elif event["type"] == "TaskStateExited":
            state = states[event["stateExitedEventDetails"]["name"]]
            state.left += 1
            state.last_left = event["timestamp"]
    return states
