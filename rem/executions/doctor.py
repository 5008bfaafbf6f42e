"""The meaning of a failure, and its remedy: one sentence and the commands, from facts alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rem.executions.history import Failure
from rem.executions.statuses import ABORTED, TIMED_OUT

MOST_MEMORY_MB, MOST_TIMEOUT_S = 10_240, 900  # the most that Lambda allows
MEMORY_STEP_MB = 64
OUT_OF_MEMORY = re.compile(r"signal: killed|OutOfMemory|MemoryError|Cannot allocate memory")
LAMBDA_TIMED_OUT = re.compile(r"timed out after ([\d.]+) seconds")
DENIED = re.compile(r"AccessDenied|not authorized to perform")
REQUEST_PREFIX = re.compile(r"^(RequestId: [0-9a-f-]+ )?(Error: )?")
TUNING_FILE = "statemachine/stages.yaml"
DEPLOY = "make deploy                 # at home: start `rem up` again"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that stages.yaml gives the stage that failed."""

    memory_mb: int
    timeout_s: int


@dataclass(frozen=True, slots=True)
class FailureFacts:
    """The facts of one failed execution, from which the diagnosis follows.

    Attributes:
        execution: The name that commands take.
        limits: Those of the failed state's function; None where they are not known.
        max_memory_mb: Peak that Lambda reported for the failed invocation; None where no log was found.
    """

    execution: str
    failure: Failure
    attempts: int = 1
    is_redrivable: bool = True
    limits: Limits | None = None
    max_memory_mb: int | None = None

    @property
    def stage(self) -> str:
        """Name the state's entry in stages.yaml."""
        return self.failure.state.lower()

    @property
    def text(self) -> str:
        return f"{self.failure.error} {self.failure.cause}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The kind of a failure for scripts, its sentence for people, and its remedy.

    Attributes:
        commands: Commands, or steps as # comments, in order.
    """

    kind: str
    sentence: str
    commands: tuple[str, ...] = ()


def diagnose(facts: FailureFacts) -> Diagnosis:
    """Take the diagnosis of the first rule that fits. A failure that no other rule knows is a bug."""
    return next(found for rule in RULES if (found := rule(facts)) is not None)


def _is_stopped(facts: FailureFacts) -> Diagnosis | None:
    if facts.failure.status != ABORTED:
        return None
    reason = facts.failure.message or facts.failure.error
    where = f" while {facts.failure.state} ran" if facts.failure.state else ""
    sentence = f"The execution was stopped{where}" + (f": {reason.rstrip('.')}." if reason else ".")
    return Diagnosis("stopped", sentence, _redrive(facts))


def _is_machine_timeout(facts: FailureFacts) -> Diagnosis | None:
    if facts.failure.status != TIMED_OUT:
        return None
    where = facts.failure.state or "no state"
    sentence = f"The whole execution took longer than the state machine allows; {where} was running."
    return Diagnosis("machine-timeout", sentence, _redrive(facts))


def _is_bad_input(facts: FailureFacts) -> Diagnosis | None:
    if facts.failure.error != "InputError":
        return None
    sentence = f"The recording cannot be used: {facts.failure.message.rstrip('.')}."
    remedy = "# Send another file; a redrive would fail in the same way."
    return Diagnosis("bad-input", sentence, (remedy,))


def _is_setup(facts: FailureFacts) -> Diagnosis | None:
    if facts.failure.error != "SetupError":
        return None
    sentence = f"The installation lacks something that {facts.failure.state} needs: {_tidy(facts)}"
    return Diagnosis("setup", sentence, ("# Do what the sentence says, then:", *_redrive(facts)))


def _is_busy(facts: FailureFacts) -> Diagnosis | None:
    if facts.failure.error not in ("BusyError", "Lambda.TooManyRequestsException"):
        return None
    if facts.failure.error == "BusyError":
        sentence = f"A service was too busy for {facts.failure.state} {_times(facts)}: {_tidy(facts)}"
    else:
        sentence = f"Lambda had no room for {facts.failure.state} {_times(facts)} (concurrency limit)."
    return Diagnosis("busy", sentence, ("# Wait until it is quiet, then:", *_redrive(facts)))


def _is_answer(facts: FailureFacts) -> Diagnosis | None:
    if facts.failure.error != "AnswerError":
        return None
    sentence = f"The language model gave no answer that {facts.failure.state} can use: {_tidy(facts)}"
    return Diagnosis("answer", sentence, _redrive(facts))


def _is_budget(facts: FailureFacts) -> Diagnosis | None:
    if facts.failure.error != "BudgetError":
        return None
    sentence = f"{facts.failure.state} used up its time, {_times(facts)}; what it finished is saved."
    faster = f"# More memory is more processors: {TUNING_FILE}, {facts.stage}.memory_mb."
    return Diagnosis("time-budget", sentence, (*_redrive(facts), faster))


def _is_out_of_memory(facts: FailureFacts) -> Diagnosis | None:
    if not OUT_OF_MEMORY.search(facts.text):
        return None
    given = f" of {facts.limits.memory_mb:,} MB" if facts.limits else ""
    peak = f" (peak {facts.max_memory_mb:,} MB)" if facts.max_memory_mb else ""
    sentence = f"{facts.failure.state} needed more memory than its limit{given}{peak}."
    return Diagnosis("out-of-memory", sentence, _raise_limit(facts, "memory_mb"))


def _is_stage_timeout(facts: FailureFacts) -> Diagnosis | None:
    by_lambda = LAMBDA_TIMED_OUT.search(facts.failure.message)
    if facts.failure.error not in ("Sandbox.Timedout", "States.Timeout") and by_lambda is None:
        return None
    seconds = float(by_lambda[1]) if by_lambda else facts.limits and facts.limits.timeout_s
    limit = f" of {seconds:,.0f} s" if seconds else ""
    sentence = f"{facts.failure.state} was not done within its time limit{limit}, {_times(facts)}."
    return Diagnosis("time-limit", sentence, _raise_limit(facts, "timeout_s"))


def _is_access(facts: FailureFacts) -> Diagnosis | None:
    if not DENIED.search(facts.text):
        return None
    sentence = f"{facts.failure.state} is not allowed to do something: {_tidy(facts)}"
    return Diagnosis("permission", sentence, ("# Correct the function's role, then:", *_redrive(facts)))


def _is_deployment(facts: FailureFacts) -> Diagnosis | None:
    broken = ("Runtime.ImportModuleError", "Runtime.HandlerNotFound", "Runtime.InvalidEntrypoint")
    if facts.failure.error == "Lambda.ResourceNotFoundException":
        sentence = f"The function of {facts.failure.state} does not exist."
    elif facts.failure.error in broken:
        sentence = f"The function of {facts.failure.state} does not start: {_tidy(facts)}"
    else:
        return None
    return Diagnosis("deployment", sentence, (DEPLOY, *_redrive(facts)))


def _is_too_large(facts: FailureFacts) -> Diagnosis | None:
    if facts.failure.error != "States.DataLimitExceeded":
        return None
    sentence = (
        f"{facts.failure.state} handed on more than the 256 KiB that Step Functions carries; this is a bug."
    )
    return Diagnosis("bug", sentence, (f"rem show {facts.execution} --full",))


def _is_transient(facts: FailureFacts) -> Diagnosis | None:
    names = ("Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException")
    if facts.failure.error not in (*names, "Lambda.ClientExecutionTimeoutException"):
        return None
    sentence = f"AWS Lambda itself failed under {facts.failure.state}, {_times(facts)}."
    return Diagnosis("aws", sentence, _redrive(facts))


def _is_crash(facts: FailureFacts) -> Diagnosis | None:
    if facts.failure.error != "Runtime.ExitError":
        return None
    sentence = f"The process of {facts.failure.state} died: {_tidy(facts)} Its log has the last words."
    return Diagnosis("crash", sentence, (f"rem show {facts.execution}", *_redrive(facts)))


def _is_bug(facts: FailureFacts) -> Diagnosis:
    where = facts.failure.state or "The state machine"
    sentence = (
        f"{where} failed with {facts.failure.error or 'an unnamed error'}, which is a bug: {_tidy(facts)}"
    )
    commands = (f"rem show {facts.execution}           # the log has the stack", DEPLOY)
    return Diagnosis("bug", sentence, (*commands, *_redrive(facts)))


RULES: tuple[Callable[[FailureFacts], Diagnosis | None], ...] = (
    _is_stopped,
    _is_machine_timeout,
    _is_bad_input,
    _is_setup,
    _is_busy,
    _is_answer,
    _is_budget,
    _is_out_of_memory,
    _is_stage_timeout,
    _is_access,
    _is_deployment,
    _is_too_large,
    _is_transient,
    _is_crash,
    _is_bug,
)


def _redrive(facts: FailureFacts) -> tuple[str, ...]:
    if facts.is_redrivable:
        return (f"rem redrive {facts.execution}",)
    return ("# It is too old or too long to be redriven: send the recording again.",)


def _raise_limit(facts: FailureFacts, name: str) -> tuple[str, ...]:
    """Name the step to take in the tuning file, unless Lambda's own limit is reached."""
    if facts.limits is None:
        return (f"# Raise {facts.stage}.{name} in {TUNING_FILE}.", DEPLOY, *_redrive(facts))
    if name == "memory_mb":
        now, most = facts.limits.memory_mb, MOST_MEMORY_MB
        wanted = -(-now * 3 // 2 // MEMORY_STEP_MB) * MEMORY_STEP_MB
    else:
        now, most = facts.limits.timeout_s, MOST_TIMEOUT_S
        wanted = now * 2
    if now >= most:
        step = (
            f"# {facts.stage}.{name} is at Lambda's limit ({most:,}): shorten the chunks or slices instead."
        )
    else:
        step = f"# In {TUNING_FILE}: {facts.stage}.{name} from {now} to {min(wanted, most)}."
    return (step, DEPLOY, *_redrive(facts))


def _times(facts: FailureFacts) -> str:
    return "once" if facts.attempts == 1 else f"{facts.attempts} times"


def _tidy(facts: FailureFacts) -> str:
    message = " ".join(REQUEST_PREFIX.sub("", facts.failure.message).split()) or "it gave no reason"
    return message if message[-1] in ".!?" else message + "."
