"""What earlier attempts did is recognised, each event once; what failed is not."""

from rem.states.earlier_history import EarlierHistory

OUTPUT = '{"Payload":"done"}'


def entered(name, kind="Task"):
    return {"type": f"{kind}StateEntered", "stateEnteredEventDetails": {"name": name, "input": "{}"}}


def task(ending="TaskSucceeded"):
    details = {"taskSucceededEventDetails": {"output": OUTPUT}} if ending == "TaskSucceeded" else {}
    scheduled = {"type": "TaskScheduled", "taskScheduledEventDetails": {"parameters": "{}"}}
    return [scheduled, {"type": "TaskStarted"}, {"type": ending, **details}]


def iteration(index, state="Started"):
    details = {"name": "Many", "index": index}
    return {"type": f"MapIteration{state}", f"mapIteration{state}EventDetails": details}


def chain(*events):
    """Events one after the other, numbered from 1."""
    return [{**event, "id": n, "previousEventId": n - 1} for n, event in enumerate(events, 1)]


def test_what_succeeded_is_recognised_with_its_output():
    events = chain(entered("Do"), *task())
    earlier = EarlierHistory(events)
    assert [earlier.recognise(event) for event in events] == [1, 2, 3, 4]
    assert earlier.find_output(3) == {"Payload": "done"}


def test_each_event_is_recognised_once():
    [event] = chain(entered("Do"))
    earlier = EarlierHistory([event])
    assert earlier.recognise(event) == 1
    assert earlier.recognise(event) is None


def test_other_details_are_another_event():
    earlier = EarlierHistory(chain(entered("Do")))
    assert earlier.recognise({**entered("Other"), "previousEventId": 0}) is None


def test_a_failed_attempt_shows_again_and_has_no_output():
    events = chain(entered("Do"), *task("TaskFailed"))
    earlier = EarlierHistory(events)
    assert [earlier.recognise(event) for event in events] == [1, None, None, None]
    assert earlier.find_output(3) is None


def test_a_task_that_was_under_way_is_recognised_and_runs_again():
    events = chain(entered("Do"), *task()[:2])
    earlier = EarlierHistory(events)
    assert [earlier.recognise(event) for event in events] == [1, 2, 3]
    assert earlier.find_output(3) is None


def test_an_iteration_is_recognised_whichever_one_it_follows_on():
    """A worker takes up iterations one after the other; which one takes which is chance."""
    many = [entered("Many", "Map"), {"type": "MapStateStarted"}]
    earlier = EarlierHistory(chain(*many, iteration(0), *task(), iteration(1)))
    assert earlier.recognise({**iteration(1), "previousEventId": 2}) == 7
    assert earlier.recognise({**iteration(0), "previousEventId": 7}) == 3


def test_the_same_task_of_another_iteration_is_another_event():
    earlier = EarlierHistory(
        chain(entered("Many", "Map"), {"type": "MapStateStarted"}, iteration(0), *task())
    )
    new = {**iteration(1), "previousEventId": 2, "id": 7}
    assert earlier.recognise(new) is None
    earlier.add(new)
    assert earlier.recognise({**task()[0], "previousEventId": 7}) is None
    assert earlier.recognise({**task()[0], "previousEventId": 3}) == 4


def test_a_first_attempt_recognises_nothing():
    assert EarlierHistory().recognise(chain(entered("Do"))[0]) is None
