"""The definition and stages.yaml hold each other, the folders and the errors."""

import copy
import json
import shutil
import subprocess

import pytest

from rem.core import errors
from rem.definition import DEFINITION_FILE, ROOT, load_definition, load_stages, render_definition
from statemachine.lint import find_problems, function_of, walk_states

NOT_A_STATE = {"api", "start", "status", "sweep"}  # invoked by requests, the queue, status events, the clock
ARNS = {name: f"arn:aws:lambda:us-east-1:123456789012:function:{name}" for name in load_stages()}


def problems(machine):
    return list(find_problems(machine, load_stages()))


def test_definition_has_no_problems():
    assert problems(load_definition()) == []


def test_definition_is_json_before_and_after_rendering():
    rendered = json.loads(render_definition(ARNS))
    assert "${" not in json.dumps(rendered)
    assert function_of(load_definition()["States"]["Prepare"]) == "prepare"


def test_a_laptop_runs_fewer_iterations_at_once_and_nothing_else_changes():
    laptop, cloud = json.loads(render_definition(ARNS, at_once=2)), json.loads(render_definition(ARNS))
    assert {state["MaxConcurrency"] for _, state in walk_states(laptop) if state["Type"] == "Map"} == {2}
    for _, state in [*walk_states(laptop), *walk_states(cloud)]:
        state.pop("MaxConcurrency", None)
    assert laptop == cloud


def test_every_task_has_a_stage_and_every_stage_a_task():
    tasks = {function_of(state) for _, state in walk_states(load_definition())} - {None}
    assert tasks == set(load_stages()) - NOT_A_STATE


def test_every_task_is_named_after_its_stage():
    for path, state in walk_states(load_definition()):
        if stage := function_of(state):
            assert path.rsplit(".", 1)[-1].lower() in (stage, f"{stage}optional")


def test_every_stage_has_a_handler_in_its_image_folder():
    for stage in load_stages().values():
        module, function = stage.handler.rsplit(".", 1)
        file = ROOT / (module.replace(".", "/") + ".py")
        assert f"def {function}(" in file.read_text()
        assert file.parent.name == stage.image


def test_map_concurrency_is_the_one_of_stages_yaml():
    stages = load_stages()
    for _, state in walk_states(load_definition()):
        if state["Type"] == "Map":
            inner = {function_of(each) for each in state["ItemProcessor"]["States"].values()} - {None}
            assert {stages[name].concurrency for name in inner} == {state["MaxConcurrency"]}


def test_errors_that_are_retried_are_ours_or_awss_and_permanent_ones_are_not():
    retried = {
        name
        for _, state in walk_states(load_definition())
        for rule in state.get("Retry", [])
        for name in rule["ErrorEquals"]
    }
    ours = {name for name in vars(errors) if name.endswith("Error")}
    assert retried & ours == {"BudgetError", "BusyError"}
    assert ours - retried == {"InputError", "SetupError", "AnswerError"}


def test_only_optional_notes_are_caught():
    """A Catch leaves the state, and what was left is not redriven."""
    caught = [path for path, state in walk_states(load_definition()) if "Catch" in state]
    assert caught == ["EnrichNotes[0].EnrichOptional"]


def test_optional_notes_differ_from_required_ones_only_in_the_catch():
    states = load_definition()["States"]["EnrichNotes"]["ItemProcessor"]["States"]
    optional = {k: v for k, v in states["EnrichOptional"].items() if k not in ("Catch", "Comment")}
    assert optional == {k: v for k, v in states["Enrich"].items() if k != "Comment"}


def test_fresh_accounts_can_deploy_the_defaults():
    assert max(stage.memory_mb for stage in load_stages().values()) <= 3008


def test_lint_finds_a_language_that_whisper_does_not_know():
    stages = dict(load_stages())
    settings = {**stages["transcribe"].settings, "language": "klingon"}
    stages["transcribe"] = stages["transcribe"].model_copy(update={"settings": settings})
    assert [p for p in find_problems(load_definition(), stages) if "'klingon' is no language" in p]


def optional(machine):
    return machine["States"]["EnrichNotes"]["ItemProcessor"]["States"]["EnrichOptional"]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda m: m["States"]["Prepare"].update(Next="Nowhere"), "no such state"),
        (lambda m: m["States"]["Prepare"].update(Next="Publish"), "no transition leads here"),
        (lambda m: m["States"]["Prepare"].pop("Comment"), "has no Comment"),
        (lambda m: m["States"]["Prepare"].pop("Retry"), "has no Retry"),
        (lambda m: m["States"]["Prepare"].update(TimeoutSeconds=5), "TimeoutSeconds"),
        (lambda m: m["States"]["Prepare"]["Retry"][0].update(ErrorEquals=["States.ALL"]), "alone and last"),
        (
            lambda m: m["States"]["Prepare"]["Retry"][0].update(ErrorEquals=["OopsError"]),
            "neither ours nor AWS's",
        ),
        (lambda m: m["States"]["Prepare"]["Retry"][1].update(MaxDelaySeconds=1), "MaxDelaySeconds"),
        (
            lambda m: m["States"]["Prepare"]["Retry"][2].update(ErrorEquals=["BusyError", "States.ALL"]),
            "alone and last",
        ),
        (lambda m: optional(m)["Catch"][0].update(ErrorEquals=["OopsError"]), "Catch names OopsError"),
        (lambda m: m["States"]["Prepare"]["Retry"][0].update(MaxAttempts=41), "differs from the others'"),
        (lambda m: optional(m)["Retry"].pop(), "differs from the others'"),
        (
            lambda m: m["States"].update(Enrich={"Type": "Succeed", "Comment": "c"}),
            "another state has this name",
        ),
        (lambda m: m["States"]["Prepare"]["Parameters"].update(FunctionName="${brew}"), "not in stages.yaml"),
        (
            lambda m: m["States"].update(
                Prepare={
                    **m["States"]["Prepare"],
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Stop"}],
                },
                Stop={"Type": "Fail", "Comment": "c"},
            ),
            "unredrivable",
        ),
    ],
)
def test_lint_finds_planted_mistakes(damage, sentence):
    machine = copy.deepcopy(load_definition())
    damage(machine)
    assert any(sentence in problem for problem in problems(machine))


def test_a_retry_may_differ_where_its_comment_says_why():
    machine = copy.deepcopy(load_definition())
    machine["States"]["Prepare"]["Retry"][0]["MaxAttempts"] = 41
    machine["States"]["Prepare"]["Comment"] += " Retry: a decoder saves its progress more often than a model."
    assert problems(machine) == []


@pytest.mark.slow
def test_asl_validator_accepts_the_definition():
    """The validator that editors use; fetched by npx once, then from npm's cache."""
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("npx is not installed, so asl-validator cannot run")
    probe = subprocess.run(
        [npx, "--yes", "asl-validator@4.0.0", "--version"], capture_output=True, timeout=120, check=False
    )
    if probe.returncode:
        pytest.skip("asl-validator is not in npm's cache and no npm registry answers")
    command = [npx, "--yes", "asl-validator@4.0.0", "--json-path", str(DEFINITION_FILE)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
