from datetime import UTC, datetime

from rem.executions.history import read_states


def event(kind, name, second):
    details = "stateEnteredEventDetails" if "Entered" in kind else "stateExitedEventDetails"
    return {
        "type": kind,
        details: {"name": name},
        "timestamp": datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC),
    }


HISTORY = [
    event("TaskStateEntered", "Prepare", 0),
    event("TaskStateExited", "Prepare", 2),
    event("ParallelStateEntered", "Listen", 2),
    event("MapStateEntered", "TranscribeChunks", 2),
    event("TaskStateEntered", "Transcribe", 2),
    event("TaskStateEntered", "Transcribe", 3),
    event("TaskStateExited", "Transcribe", 9),
]


def test_states_are_those_with_work_in_order_of_entry():
    assert list(read_states(HISTORY)) == ["Prepare", "Transcribe"]


def test_a_state_runs_until_all_its_iterations_left():
    states = read_states(HISTORY)
    assert not states["Prepare"].is_running
    assert states["Transcribe"].is_running
    assert (states["Transcribe"].entered, states["Transcribe"].left) == (2, 1)


def test_seconds_count_from_first_entry_to_last_exit():
    states = read_states(HISTORY)
    assert states["Prepare"].seconds == 2
    assert states["Transcribe"].seconds == 7


def test_an_empty_history_has_no_states():
    assert read_states([]) == {}
