"""Find the API key: in Secrets Manager on AWS, in the environment on a laptop, and nowhere else."""

from __future__ import annotations

import os

from rem.core.errors import SetupError

FRESH_S = 300  # a changed secret takes effect within this time


def has_server() -> bool:
    """Tell whether the environment names a key, or a server that may need none."""
    return any(os.environ.get(name) for name in ("REM_OPENAI_SECRET", "OPENAI_API_KEY", "OPENAI_BASE_URL"))


def load_key() -> str:
    """Read the key; it is empty where a local server needs none.

    Raises:
        SetupError: the secret cannot be read, or its content cannot be a key.
    """
    secret = os.environ.get("REM_OPENAI_SECRET")
    key = (_read_secret(secret) if secret else os.environ.get("OPENAI_API_KEY", "")).strip()
    if not key and not os.environ.get("OPENAI_BASE_URL"):
        raise SetupError(
            "there is no API key: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own, or leave "
            "enrich_engine at auto for offline notes"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise SetupError("the API key contains characters that no key has: copy it again")
    return key


def _read_secret(name: str) -> str:
    from aws_lambda_powertools.utilities import parameters
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

    try:
        return str(parameters.get_secret(name, max_age=FRESH_S))
    except GetParameterError as error:
        raise SetupError(f"the secret {name} (REM_OPENAI_SECRET) cannot be read: {error}") from error
