"""Fetches models from the Hugging Face hub, at the revision that models/sources.yaml names."""

from __future__ import annotations

import os
from pathlib import Path

from rem.core.errors import SetupError
from rem.weights.sources import Source

REACH_S = (
    5.0  # without this look first, the hub's client tries five times: 24 s until it says that nobody answers
)
TOKEN_HELP = (
    "accept the conditions on https://hf.co/{name}, create a read token on https://hf.co/settings/tokens "
    "and run again with HF_TOKEN=hf_… in the environment"
)


class UnreachableError(Exception):
    """The hub does not answer from here."""


def check_reachable() -> None:
    """Ask the hub for any answer.

    Raises:
        UnreachableError: there is none.
    """
    import httpx2  # the hub client's own
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        raise UnreachableError("HF_HUB_OFFLINE is set")
    try:
        get_session().head(constants.ENDPOINT, timeout=REACH_S)
    except httpx2.HTTPError as error:
        raise UnreachableError(f"{constants.ENDPOINT} does not answer: {error}") from error


def fetch_files(name: str, source: Source, folder: Path) -> None:
    """Put a source's files into a folder, each in the revision that the source names.

    Raises:
        UnreachableError: the hub does not answer from here.
        SetupError: the hub asks for a token, refuses it, or has no such file.
    """
    if source.gated and not os.environ.get("HF_TOKEN"):
        help_text = TOKEN_HELP.format(name=source.repository)
        raise SetupError(f"the model '{name}' is gated and there is no token: {help_text}")
    check_reachable()
    for file in source.files:
        _fetch_file(name, source, file, folder)


def _fetch_file(name: str, source: Source, file: str, folder: Path) -> None:
    from huggingface_hub import errors, hf_hub_download

    token = os.environ.get("HF_TOKEN") or False
    try:
        hf_hub_download(
            source.repository, file, revision=source.revision or None, local_dir=folder, token=token
        )
    except errors.GatedRepoError as error:
        page = f"https://hf.co/{source.repository}"
        raise SetupError(
            f"the hub knows your token but gives '{name}' to nobody who has not accepted its conditions: "
            f"open {page}, signed in as the token's owner, accept them, and run again"
        ) from error
    except errors.RepositoryNotFoundError as error:  # also a token that the hub does not know: 401
        reason = "HF_TOKEN is none that the hub knows, or there" if token else "there"
        raise SetupError(f"{reason} is no repository {source.repository} on the hub") from error
    except errors.LocalEntryNotFoundError as error:
        raise UnreachableError(str(error)) from error
    except errors.HfHubHTTPError as error:
        raise SetupError(f"the hub refuses {source.repository}/{file}: {error}") from error


def fetch_repository(repository: str, folder: Path) -> None:
    """Put a whole repository, as it is today, into a folder: a model that models/sources.yaml does not name.

    Raises:
        UnreachableError: the hub does not answer from here.
        SetupError: the hub refuses.
    """
    from huggingface_hub import HfApi, errors

    check_reachable()
    try:
        names = HfApi().list_repo_files(repository, token=os.environ.get("HF_TOKEN") or False)
    except errors.RepositoryNotFoundError as error:
        raise SetupError(
            f"there is no repository {repository} on the hub for you: check the name; if it is private or "
            f"gated, {TOKEN_HELP.format(name=repository)}"
        ) from error
    except errors.HfHubHTTPError as error:
        raise SetupError(f"the hub refuses {repository}: {error}") from error
    wanted = [name for name in names if not name.startswith(".")]
    source = Source(repository=repository, licence="see its page")
    for name in wanted:
        _fetch_file(repository, source, name, folder)
