"""Checks on the definition that no published linter makes: `python -m statemachine.lint`.

asl-validator (npm) and moto's parser find misspelt fields, bad paths and wrong types. This module finds
breaches of REM's own rules: reachability, transition targets, equal retries, timeouts, and a Catch that would
prevent a redrive.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from rem.core import errors
from rem.core.languages import find_language
from rem.definition import PLACEHOLDER, STATE_MARGIN_S, StageConfig, load_definition, load_stages

State = Mapping[str, Any]
AWS_ERRORS = ("States.", "Lambda.", "Runtime.ExitError", "Sandbox.Timedout")
OWN_RETRY = "Retry:"  # opens the sentence of a Comment that says why a Task retries in its own way


def walk_machines(machine: State, path: str = "") -> Iterator[tuple[str, State]]:
    """Yield the machine itself and every branch and item processor inside it."""
    yield path, machine
    for name, state in machine["States"].items():
        inner = [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]
        for number, part in enumerate(inner):
            yield from walk_machines(part, f"{path}{name}[{number}].")


def walk_states(machine: State) -> Iterator[tuple[str, State]]:
    for path, part in walk_machines(machine):
        for name, state in part["States"].items():
            yield path + name, state


def function_of(state: State) -> str | None:
    """Give the stage that a Task invokes, None for other states."""
    if state["Type"] != "Task":
        return None
    match = PLACEHOLDER.fullmatch(state["Parameters"]["FunctionName"])
    return match[1] if match else None


def find_problems(machine: State, stages: Mapping[str, StageConfig]) -> Iterator[str]:
    """Yield one sentence per broken rule."""
    seen: set[str] = set()
    for path, part in walk_machines(machine):
        yield from _check_transitions(path, part)
        for name, state in part["States"].items():
            if name in seen:
                yield f"{path}{name}: another state has this name"
            seen.add(name)
            yield from (f"{path}{name}: {problem}" for problem in _check_state(state, part, stages))
    yield from _check_retries_are_equal(machine)
    for name, stage in stages.items():
        yield from (f"stages.yaml: {name}: {problem}" for problem in _check_language(stage))


def _check_language(stage: StageConfig) -> Iterator[str]:
    try:
        find_language(str(stage.settings.get("language", "")))
    except errors.InputError as error:
        yield str(error)


def _check_retries_are_equal(machine: State) -> Iterator[str]:
    """Compare each Task's Retry with the most common one: eight copies of one rule drift apart unseen."""
    retries = {path: state["Retry"] for path, state in walk_states(machine) if state.get("Retry")}
    comments = {path: state.get("Comment", "") for path, state in walk_states(machine)}
    written = {path: json.dumps(rules, sort_keys=True) for path, rules in retries.items()}
    usual = [text for text, _ in Counter(written.values()).most_common(1)]
    for path, text in written.items():
        if text not in usual and OWN_RETRY not in comments[path]:
            yield f"{path}: its Retry differs from the others'; make it equal, or say why ({OWN_RETRY})"


def _targets(state: State) -> list[str]:
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    named = [state.get("Next"), state.get("Default"), *(rule.get("Next") for rule in rules)]
    return [target for target in named if target]


def _check_transitions(path: str, machine: State) -> Iterator[str]:
    states, reached, pending = machine["States"], set(), [machine["StartAt"]]
    while pending:
        name = pending.pop()
        if name not in states:
            yield f"{path}{name}: a transition leads here, but there is no such state"
        elif name not in reached:
            reached.add(name)
            pending += _targets(states[name])
    yield from (f"{path}{name}: no transition leads here" for name in states if name not in reached)


def _check_state(state: State, machine: State, stages: Mapping[str, StageConfig]) -> Iterator[str]:
    if not state.get("Comment"):
        yield "it has no Comment"
    for kind in ("Retry", "Catch"):
        yield from _check_rules(kind, state.get(kind, []))
    for rule in state.get("Catch", []):
        if machine["States"].get(rule["Next"], {}).get("Type") == "Fail":
            yield "it catches into a Fail state, which makes the failed work unredrivable"
    if state["Type"] == "Task":
        yield from _check_task(state, stages)


def _check_rules(kind: str, rules: list[State]) -> Iterator[str]:
    for number, rule in enumerate(rules):
        names = rule["ErrorEquals"]
        if "States.ALL" in names and (len(names) > 1 or number < len(rules) - 1):
            yield f"States.ALL must stand alone and last in {kind}"
        for name in names:
            if not name.startswith(AWS_ERRORS) and not hasattr(errors, name):
                yield f"{kind} names {name}, which is neither ours nor AWS's"
        if "MaxDelaySeconds" in rule and rule["MaxDelaySeconds"] <= rule.get("IntervalSeconds", 1):
            yield "MaxDelaySeconds must be greater than IntervalSeconds"


def _check_task(state: State, stages: Mapping[str, StageConfig]) -> Iterator[str]:
    stage = function_of(state)
    if stage is None or stage not in stages:
        yield "its function is not in stages.yaml"
        return
    if not state.get("Retry"):
        yield "it has no Retry"
    if state.get("TimeoutSeconds") != stages[stage].timeout_s + STATE_MARGIN_S:
        yield f"TimeoutSeconds must be the function's timeout_s + {STATE_MARGIN_S}"


def main() -> int:
    problems = list(find_problems(load_definition(), load_stages()))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
