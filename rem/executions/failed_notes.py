"""Optional notes that failed while their recording completed, and the reasons."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rem.core.errors import parse_cause
from rem.executions.doctor import Diagnosis
from rem.executions.history import StateVisit

RECORDING_STATE = "RecordFailure"  # the state that takes the failure of an optional recipe down
REMEDY = (
    "# The transcript and the other notes are there. Mend what the sentence says before the next recording."
)


@dataclass(frozen=True, slots=True)
class FailedNote:
    """A note that is missing, and the reason."""

    recipe: str
    error: str
    message: str

    def __str__(self) -> str:
        return f"{self.recipe}: {self.error}: {self.message}"

    def to_json(self) -> dict[str, str]:
        return {"recipe": self.recipe, "error": self.error, "message": self.message}


def find_in_visits(visits: Iterable[StateVisit]) -> list[FailedNote]:
    """Find the failed notes of an execution."""
    recorded = [
        json.loads(visit.output) for visit in visits if visit.name == RECORDING_STATE and visit.output
    ]
    return [
        FailedNote(each["recipe"], each["failure"]["Error"], parse_cause(each["failure"].get("Cause", "")))
        for each in recorded
    ]


def find_in_transcript(document: Mapping[str, Any]) -> list[FailedNote]:
    """Find the failed notes of a transcript document."""
    return [
        FailedNote(recipe, note["error"], note["message"])
        for recipe, note in document.get("notes", {}).items()
        if "error" in note
    ]


def diagnose_notes(failed: Sequence[FailedNote]) -> Diagnosis | None:
    """Say which notes are missing and why; None where none is."""
    if not failed:
        return None
    count = "One note is" if len(failed) == 1 else f"{len(failed)} notes are"
    return Diagnosis("notes", f"{count} missing. {' '.join(map(_end, failed))}", (REMEDY,))


def _end(note: FailedNote) -> str:
    text = " ".join(str(note).split())
    return text if text[-1] in ".!?" else f"{text}."
