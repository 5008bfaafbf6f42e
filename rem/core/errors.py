"""The errors of the pipeline. Their class names are the contract with Step Functions.

Step Functions compares `errorType` strings and knows no inheritance, so the classes are flat:

    Exception
    ├── InputError    this recording can never work; a sentence for its owner. Never retried.
    ├── SetupError    this installation lacks something (a model, a token). Never retried by itself.
    ├── BusyError     somebody else is busy (rate limit, throttle). Retried with full jitter.
    ├── BudgetError   time is nearly up and the progress is saved. Retried at once, continues from there.
    └── AnswerError   a language model refused, was cut off or broke the schema. Never retried by itself.

Anything else is a bug and fails the execution under its own name.
"""

import json

EXIT_BAD_INPUT = 2  # of `rem`: an InputError or a SetupError
EXIT_FAILED = 3  # of `rem`: an execution failed


class InputError(Exception):
    """The recording itself cannot be used; the message says what is wrong with it and what to do."""


class SetupError(Exception):
    """The installation lacks something; the message says what and how to get it."""


class BusyError(Exception):
    """A service asked to be left alone for a while; `retry_after_s` is what it asked for, if it did."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BudgetError(Exception):
    """The invocation's time is nearly up; finished work is stored and the next attempt continues."""


class AnswerError(Exception):
    """A language model's answer cannot be used; the message says why, never what was said."""


def parse_cause(cause: str) -> str:
    """The sentence inside a Lambda error's cause; other causes are sentences already."""
    try:
        document = json.loads(cause)
    except json.JSONDecodeError:
        return cause
    return str(document.get("errorMessage", cause)) if isinstance(document, dict) else cause
