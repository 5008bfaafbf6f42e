"""The errors of the pipeline. Their class names are the contract with Step Functions.

Step Functions compares `errorType` strings and knows no inheritance, so the classes are flat:

    Exception
    ├── InputError    this recording can never work; a sentence for its owner. Never retried.
    ├── SetupError    this installation lacks something (a model, a token). Never retried by itself.
    ├── BusyError     somebody else is busy (rate limit, throttle). Retried with full jitter.
    └── BudgetError   time is nearly up and the progress is saved. Retried at once, continues from there.

Anything else is a bug and fails the execution under its own name.
"""


class InputError(Exception):
    """The recording itself cannot be used; the message says what is wrong with it and what to do."""


class SetupError(Exception):
    """The installation lacks something; the message says what and how to get it."""


class BusyError(Exception):
    """A service asked to be left alone for a while."""


class BudgetError(Exception):
    """The invocation's time is nearly up; finished work is stored and the next attempt continues."""
