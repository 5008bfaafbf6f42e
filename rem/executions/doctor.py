"""What a failure means and what mends it: one sentence and the commands, from facts alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rem.executions.history import Failure
from rem.executions.statuses import ABORTED, TIMED_OUT

MOST_MEMORY_MB, MOST_TIMEOUT_S = 10_240, 900  # what Lambda allows
MEMORY_STEP_MB = 64
OUT_OF_MEMORY = re.compile(r"signal: killed|OutOfMemory|MemoryError|Cannot allocate memory")
LAMBDA_TIMED_OUT = re.compile(r"timed out after ([\d.]+) seconds")
DENIED = re.compile(r"AccessDenied|not authorized to perform")
REQUEST_PREFIX = re.compile(r"^(RequestId: [0-9a-f-]+ )?(Error: )?")
TUNING_FILE = "statemachine/stages.yaml"
DEPLOY = "make deploy                 # at home: start `rem up` again"


@dataclass(frozen=True, slots=True)
class Limits:
    """What stages.yaml gives the stage that failed."""

    memory_mb: int
    timeout_s: int


@dataclass(frozen=True, slots=True)
class Case:
    """One failed execution: what the diagnosis looks at.

    Attributes:
        execution: How commands name it.
        limits: Of the failed state's function; None where it is not known.
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
        """The state's entry in stages.yaml."""
        return self.failure.state.lower()

    @property
    def text(self) -> str:
        return f"{self.failure.error} {self.failure.cause}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A kind for scripts, a sentence for people, commands (or steps, as # comments) in order."""

    kind: str
    sentence: str
    commands: tuple[str, ...] = ()


def diagnose(case: Case) -> Diagnosis:
    """The first rule that fits; what no rule knows is a bug."""
    return next(found for rule in RULES if (found := rule(case)) is not None)


def _is_stopped(case: Case) -> Diagnosis | None:
    if case.failure.status != ABORTED:
        return None
    reason = case.failure.message or case.failure.error
    where = f" while {case.failure.state} ran" if case.failure.state else ""
    sentence = f"The execution was stopped{where}" + (f": {reason.rstrip('.')}." if reason else ".")
    return Diagnosis("stopped", sentence, _redrive(case))


def _is_machine_timeout(case: Case) -> Diagnosis | None:
    if case.failure.status != TIMED_OUT:
        return None
    where = case.failure.state or "no state"
    sentence = f"The whole execution took longer than the state machine allows; {where} was running."
    return Diagnosis("machine-timeout", sentence, _redrive(case))


def _is_bad_input(case: Case) -> Diagnosis | None:
    if case.failure.error != "InputError":
        return None
    sentence = f"The recording cannot be used: {case.failure.message.rstrip('.')}."
    remedy = "# Send another file; a redrive would fail in the same way."
    return Diagnosis("bad-input", sentence, (remedy,))


def _is_setup(case: Case) -> Diagnosis | None:
    if case.failure.error != "SetupError":
        return None
    sentence = f"The installation lacks something that {case.failure.state} needs: {_tidy(case)}"
    return Diagnosis("setup", sentence, ("# Do what the sentence says, then:", *_redrive(case)))


def _is_busy(case: Case) -> Diagnosis | None:
    if case.failure.error not in ("BusyError", "Lambda.TooManyRequestsException"):
        return None
    if case.failure.error == "BusyError":
        sentence = f"A service was too busy for {case.failure.state} {_times(case)}: {_tidy(case)}"
    else:
        sentence = f"Lambda had no room for {case.failure.state} {_times(case)} (concurrency limit)."
    return Diagnosis("busy", sentence, ("# Wait until it is quiet, then:", *_redrive(case)))


def _is_answer(case: Case) -> Diagnosis | None:
    if case.failure.error != "AnswerError":
        return None
    sentence = f"The language model gave no answer that {case.failure.state} can use: {_tidy(case)}"
    return Diagnosis("answer", sentence, _redrive(case))


def _is_budget(case: Case) -> Diagnosis | None:
    if case.failure.error != "BudgetError":
        return None
    sentence = f"{case.failure.state} used up its time, {_times(case)}; what it finished is saved."
    faster = f"# More memory is more processors: {TUNING_FILE}, {case.stage}.memory_mb."
    return Diagnosis("time-budget", sentence, (*_redrive(case), faster))


def _is_out_of_memory(case: Case) -> Diagnosis | None:
    if not OUT_OF_MEMORY.search(case.text):
        return None
    given = f" of {case.limits.memory_mb:,} MB" if case.limits else ""
    peak = f" (peak {case.max_memory_mb:,} MB)" if case.max_memory_mb else ""
    sentence = f"{case.failure.state} needed more memory than its limit{given}{peak}."
    return Diagnosis("out-of-memory", sentence, _raise_limit(case, "memory_mb"))


def _is_stage_timeout(case: Case) -> Diagnosis | None:
    by_lambda = LAMBDA_TIMED_OUT.search(case.failure.message)
    if case.failure.error not in ("Sandbox.Timedout", "States.Timeout") and by_lambda is None:
        return None
    seconds = float(by_lambda[1]) if by_lambda else case.limits and case.limits.timeout_s
    limit = f" of {seconds:,.0f} s" if seconds else ""
    sentence = f"{case.failure.state} was not done within its time limit{limit}, {_times(case)}."
    return Diagnosis("time-limit", sentence, _raise_limit(case, "timeout_s"))


def _is_access(case: Case) -> Diagnosis | None:
    if not DENIED.search(case.text):
        return None
    sentence = f"{case.failure.state} is not allowed to do something: {_tidy(case)}"
    return Diagnosis("permission", sentence, ("# Correct the function's role, then:", *_redrive(case)))


def _is_deployment(case: Case) -> Diagnosis | None:
    broken = ("Runtime.ImportModuleError", "Runtime.HandlerNotFound", "Runtime.InvalidEntrypoint")
    if case.failure.error == "Lambda.ResourceNotFoundException":
        sentence = f"The function of {case.failure.state} does not exist."
    elif case.failure.error in broken:
        sentence = f"The function of {case.failure.state} does not start: {_tidy(case)}"
    else:
        return None
    return Diagnosis("deployment", sentence, (DEPLOY, *_redrive(case)))


def _is_too_large(case: Case) -> Diagnosis | None:
    if case.failure.error != "States.DataLimitExceeded":
        return None
    sentence = (
        f"{case.failure.state} handed on more than the 256 KiB that Step Functions carries; this is a bug."
    )
    return Diagnosis("bug", sentence, (f"rem show {case.execution} --full",))


def _is_transient(case: Case) -> Diagnosis | None:
    names = ("Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException")
    if case.failure.error not in (*names, "Lambda.ClientExecutionTimeoutException"):
        return None
    sentence = f"AWS Lambda itself failed under {case.failure.state}, {_times(case)}."
    return Diagnosis("aws", sentence, _redrive(case))


def _is_crash(case: Case) -> Diagnosis | None:
    if case.failure.error != "Runtime.ExitError":
        return None
    sentence = f"The process of {case.failure.state} died: {_tidy(case)} Its log has the last words."
    return Diagnosis("crash", sentence, (f"rem show {case.execution}", *_redrive(case)))


def _is_bug(case: Case) -> Diagnosis:
    where = case.failure.state or "The state machine"
    sentence = (
        f"{where} failed with {case.failure.error or 'an unnamed error'}, which is a bug: {_tidy(case)}"
    )
    commands = (f"rem show {case.execution}           # the log has the stack", DEPLOY)
    return Diagnosis("bug", sentence, (*commands, *_redrive(case)))


RULES: tuple[Callable[[Case], Diagnosis | None], ...] = (
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


def _redrive(case: Case) -> tuple[str, ...]:
    if case.is_redrivable:
        return (f"rem redrive {case.execution}",)
    return ("# It is too old or too long to be redriven: send the recording again.",)


def _raise_limit(case: Case, name: str) -> tuple[str, ...]:
    """The step to take in the tuning file, unless Lambda's own limit is reached."""
    if case.limits is None:
        return (f"# Raise {case.stage}.{name} in {TUNING_FILE}.", DEPLOY, *_redrive(case))
    if name == "memory_mb":
        now, most = case.limits.memory_mb, MOST_MEMORY_MB
        wanted = -(-now * 3 // 2 // MEMORY_STEP_MB) * MEMORY_STEP_MB
    else:
        now, most = case.limits.timeout_s, MOST_TIMEOUT_S
        wanted = now * 2
    if now >= most:
        step = f"# {case.stage}.{name} is at Lambda's limit ({most:,}): shorten the chunks or slices instead."
    else:
        step = f"# In {TUNING_FILE}: {case.stage}.{name} from {now} to {min(wanted, most)}."
    return (step, DEPLOY, *_redrive(case))


def _times(case: Case) -> str:
    return "once" if case.attempts == 1 else f"{case.attempts} times"


def _tidy(case: Case) -> str:
    message = " ".join(REQUEST_PREFIX.sub("", case.failure.message).split()) or "it gave no reason"
    return message if message[-1] in ".!?" else message + "."
