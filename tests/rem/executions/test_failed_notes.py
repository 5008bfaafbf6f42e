"""Notes that failed while their recording completed."""

import json
from datetime import UTC, datetime

from rem.executions.failed_notes import FailedNote, diagnose_notes, find_in_transcript, find_in_visits
from rem.executions.history import StateVisit

CHAPTERS = FailedNote("chapters", "BusyError", "the server answered 500")


def visit(name, output):
    return StateVisit(name, "Pass", datetime.now(UTC), output=output)


def test_recorded_failures_are_found_among_the_visits():
    cause = json.dumps({"errorMessage": CHAPTERS.message, "stackTrace": []})
    recorded = json.dumps({"recipe": "chapters", "failure": {"Error": "BusyError", "Cause": cause}})
    other = json.dumps({"recipe": "notes", "key": "k"})
    visits = [visit("Enrich", other), visit("RecordFailure", recorded), visit("RecordFailure", "")]
    assert find_in_visits(visits) == [CHAPTERS]


def test_failure_without_a_cause_has_no_sentence():
    recorded = json.dumps({"recipe": "chapters", "failure": {"Error": "States.Timeout"}})
    assert find_in_visits([visit("RecordFailure", recorded)]) == [
        FailedNote("chapters", "States.Timeout", "")
    ]


def test_failed_notes_of_a_transcript_are_those_with_an_error():
    notes = {"notes": {"engine": "offline"}, "chapters": {"error": "BusyError", "message": CHAPTERS.message}}
    assert find_in_transcript({"notes": notes}) == [CHAPTERS]
    assert find_in_transcript({}) == []


def test_diagnosis_names_each_note_and_its_reason():
    found = diagnose_notes([CHAPTERS, FailedNote("notes", "AnswerError", "it is empty.")])
    assert found.sentence == (
        "2 notes are missing. chapters: BusyError: the server answered 500. notes: AnswerError: it is empty."
    )
    assert all(command.startswith("#") for command in found.commands)


def test_nothing_is_diagnosed_where_no_note_failed():
    assert diagnose_notes([]) is None
