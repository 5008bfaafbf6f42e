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

EXIT_BAD_INPUT = 2  # `rem` ends with it after an InputError or a SetupError
EXIT_FAILED = 3  # `rem` ends with it where an execution failed


class InputError(Exception):
    """A recording or a request that cannot be used; the message says what is wrong and what to do."""


class SetupError(Exception):
    """An installation that lacks something; the message says what, and how to get it."""


class BusyError(Exception):
    """A service that asked to be left alone, for `retry_after_s` seconds where it named a time."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BudgetError(Exception):
    """An invocation whose time is nearly up; finished work is stored and the next attempt continues."""


class AnswerError(Exception):
    """An answer of a language model that cannot be used; the message says why and never quotes it."""


def parse_cause(cause: str) -> str:
    """Take the sentence out of a Lambda error's cause; other causes are sentences already."""
    try:
        document = json.loads(cause)
    except json.JSONDecodeError:
        return cause
    return str(document.get("errorMessage", cause)) if isinstance(document, dict) else cause
