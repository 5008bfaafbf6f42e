import json

import pytest

from rem.core import errors
from rem.executions.doctor import FailureFacts, Limits, diagnose
from rem.executions.history import Failure

KILLED = "RequestId: c5367d4d-c025-49ee-acc7-e37e34f26c9c Error: Runtime exited with error: signal: killed"
SEGFAULT = KILLED.replace("killed", "segmentation fault")
LATE = "2026-11-24T09:31:07.123Z 5ca5fec1 Task timed out after 900.00 seconds"


def facts(error, message="", *, state="Transcribe", status="FAILED", attempts=1, **more):
    cause = json.dumps({"errorType": error, "errorMessage": message})
    return FailureFacts("walk-17-1f2e", Failure(status, state, error, cause), attempts, **more)


@pytest.mark.parametrize(
    ("failed", "kind", "says"),
    [
        (
            facts("InputError", "the file is empty"),
            "bad-input",
            "The recording cannot be used: the file is empty.",
        ),
        (facts("SetupError", "set HF_TOKEN"), "setup", "something that Transcribe needs: set HF_TOKEN."),
        (facts("BusyError", "429", attempts=7), "busy", "too busy for Transcribe 7 times: 429."),
        (facts("Lambda.TooManyRequestsException"), "busy", "Lambda had no room for Transcribe"),
        (facts("AnswerError", "it refused"), "answer", "no answer that Transcribe can use: it refused."),
        (facts("BudgetError", attempts=41), "time-budget", "used up its time, 41 times"),
        (facts("Runtime.ExitError", KILLED), "out-of-memory", "needed more memory than its limit."),
        (facts("Runtime.OutOfMemory"), "out-of-memory", "needed more memory"),
        (facts("MemoryError"), "out-of-memory", "needed more memory"),
        (facts("Sandbox.Timedout", LATE), "time-limit", "time limit of 900 s"),
        (facts("Lambda.Unknown", LATE), "time-limit", "time limit of 900 s"),
        (facts("States.Timeout"), "time-limit", "not done within its time limit, once"),
        (facts("ClientError", "AccessDenied on s3"), "permission", "not allowed"),
        (facts("Lambda.ResourceNotFoundException"), "deployment", "does not exist"),
        (facts("Runtime.ImportModuleError", "No module named 'av'"), "deployment", "does not start"),
        (facts("States.DataLimitExceeded"), "bug", "256 KiB"),
        (facts("Lambda.ServiceException"), "aws", "AWS Lambda itself failed"),
        (facts("Runtime.ExitError", SEGFAULT), "crash", "died: Runtime exited with error: signal: segm"),
        (facts("KeyError", "'chunks'"), "bug", "failed with KeyError, which is a bug: 'chunks'."),
        (facts("", status="ABORTED"), "stopped", "stopped while Transcribe ran"),
        (facts("States.Timeout", status="TIMED_OUT"), "machine-timeout", "whole execution took longer"),
        (facts("States.Runtime", state=""), "bug", "The state machine failed with States.Runtime"),
    ],
)
def test_each_failure_has_a_kind_and_one_sentence(failed, kind, says):
    diagnosis = diagnose(failed)
    assert diagnosis.kind == kind
    assert says in diagnosis.sentence
    assert diagnosis.sentence.endswith((".", "!", "?"))
    assert diagnosis.commands


@pytest.mark.parametrize("name", [name for name in vars(errors) if name.endswith("Error")])
def test_no_error_of_ours_is_taken_for_a_bug(name):
    assert diagnose(facts(name, "why")).kind != "bug"


def test_out_of_memory_names_the_figures_and_the_next_size():
    failed = facts("Runtime.ExitError", KILLED, limits=Limits(3008, 900), max_memory_mb=3008)
    diagnosis = diagnose(failed)
    assert "its limit of 3,008 MB (peak 3,008 MB)" in diagnosis.sentence
    assert "transcribe.memory_mb from 3008 to 4544" in diagnosis.commands[0]
    assert diagnosis.commands[-1] == "rem redrive walk-17-1f2e"


def test_limit_of_lambda_itself_is_not_exceeded():
    steps = diagnose(facts("Runtime.ExitError", KILLED, limits=Limits(8000, 900))).commands
    assert "from 8000 to 10240" in steps[0]
    steps = diagnose(facts("Sandbox.Timedout", LATE, limits=Limits(3008, 900))).commands
    assert "at Lambda's limit (900)" in steps[0]


def test_bad_input_is_never_redriven():
    assert not any("rem redrive" in command for command in diagnose(facts("InputError", "empty")).commands)


def test_execution_that_aws_redrives_no_more_is_sent_again():
    commands = diagnose(facts("SetupError", "no key", is_redrivable=False)).commands
    assert not any(command.startswith("rem redrive") for command in commands)
    assert "send the recording again" in commands[-1]


def test_message_of_several_lines_becomes_one_sentence():
    assert "\n" not in diagnose(facts("ValueError", "a\n  b")).sentence
