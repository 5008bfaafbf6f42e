"""Model folders by name: a folder, `demo`, or a name that is fetched once and kept.

Inside the pipeline a model is always a folder; images have it baked in, the laptop fetches it here.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from rem.core.errors import SetupError
from rem.core.languages import load_languages, require_language
from rem.definition import ROOT
from rem.weights import hub
from rem.weights.fetch import fetch_model
from rem.weights.identity import write_manifest
from rem.weights.progress import Report, follow_folder, ignore_progress
from rem.weights.sources import Kind, Source, load_sources

DEMO = "demo"
ENGLISH_ONLY = ".en"  # how OpenAI ends the names of its English-only models
MULTILINGUAL_TOKENS = 51_865  # vocabulary of OpenAI's multilingual models (large-v3: 51,866); .en: 51,864
DEMO_DIR = ROOT / "models" / "demo"
OPEN, COMMUNITY = "open", "community-1"
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
MARKERS: dict[Kind, str] = {"whisper": "model.bin", "diarization": "config.yaml"}


def models_dir() -> Path:
    """Name the folder of fetched models: REM_MODELS, else rem/models in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("REM_MODELS") or Path(cache, "rem", "models"))


def locate_model(kind: Kind, name: str) -> Path:
    """Name the folder in which a fetched model lies, whether it is there or not."""
    return models_dir() / kind / name.replace("/", "--")


def is_fetched(kind: Kind, name: str) -> bool:
    """Tell whether a model was fetched: its folder appears when all of it is there."""
    return (locate_model(kind, name) / MARKERS[kind]).is_file()


def choose_voices(name: str) -> str:
    """Choose the pipeline of voices that `rem run` and `rem up` take where nobody asked for one.

    community-1 where it was fetched or a token is set, otherwise `open`, which needs no account.

    Args:
        name: The setting `diarization_model`; only its default `open` leaves the choice.
    """
    has_community = is_fetched("diarization", COMMUNITY) or bool(os.environ.get("HF_TOKEN"))
    return COMMUNITY if name == OPEN and has_community else name


def resolve_whisper(name: str, report: Report = ignore_progress, *, language: str = "") -> Path:
    """Find or fetch a Whisper model in CTranslate2 format; its folder.

    Args:
        name: A folder, `demo`, a name of models/sources.yaml, another size of faster-whisper's, or a hub
            repository.
        language: Code of the language that the model is to know; empty for none in particular.

    Raises:
        SetupError: unknown, or not here and not to be had.
        InputError: the model does not know the language.
    """
    if name.endswith(ENGLISH_ONLY):
        require_language(language, name, ("en",))  # before it is fetched
    folder = _find_whisper(name, report)
    require_language(language, name, list_languages(folder))
    return folder


def list_languages(folder: Path) -> set[str]:
    """List the codes of the languages that a Whisper model in CTranslate2 format knows.

    The size of the vocabulary tells CTranslate2, and so REM, whether a model is multilingual: the language
    tokens stand in the vocabulary of an English-only model too.
    """
    vocabulary: list[str] = []
    if (folder / "vocabulary.json").is_file():
        vocabulary = json.loads((folder / "vocabulary.json").read_text("utf8"))
    elif (folder / "vocabulary.txt").is_file():  # conversions from before 2023
        vocabulary = (folder / "vocabulary.txt").read_text("utf8").split("\n")
    if 0 < len(vocabulary) < MULTILINGUAL_TOKENS:
        return {"en"}
    tokens = set(vocabulary)
    return {code for code in load_languages() if not tokens or f"<|{code}|>" in tokens}


def _find_whisper(name: str, report: Report) -> Path:
    if here := _find("whisper", name):
        return here
    if source := load_sources()["whisper"].get(name):
        return fetch_model(name, source, locate_model("whisper", name), report)
    if REPOSITORY.fullmatch(name):
        return _fetch_unlisted("whisper", name, name, report)
    from faster_whisper.utils import _MODELS as SIZES  # its public available_models() tells no repositories

    if name not in SIZES:
        known = ", ".join([DEMO, *SIZES])
        raise SetupError(
            f"there is no Whisper model '{name}': use a folder, a hub repository, or one of {known}"
        )
    return _fetch_unlisted("whisper", name, SIZES[name], report)


def resolve_diarization(name: str, report: Report = ignore_progress) -> Path:
    """Find or fetch a pyannote.audio diarization pipeline; its folder.

    Args:
        name: A folder, `demo`, a name of models/sources.yaml, or a hub repository.

    Raises:
        SetupError: not here and not to be had; says how to get a token.
    """
    sources = load_sources()["diarization"]
    name = next((short for short, source in sources.items() if name == source.repository), name)
    if here := _find("diarization", name):
        return here
    if source := sources.get(name):
        return fetch_model(name, source, locate_model("diarization", name), report)
    if REPOSITORY.fullmatch(name):
        return _fetch_unlisted("diarization", name, name, report)
    known = ", ".join([DEMO, *sources])
    raise SetupError(
        f"there is no diarization model '{name}': use a folder, a hub repository, or one of {known}"
    )


def _find(kind: Kind, name: str) -> Path | None:
    """Find a model that is on this machine; None for a name that could be fetched.

    Raises:
        SetupError: the name is a path, and no model lies there.
    """
    folder = DEMO_DIR / kind if name == DEMO else Path(name).expanduser()
    if (folder / MARKERS[kind]).is_file():
        return folder.resolve()
    if name == DEMO or folder.is_dir():
        raise SetupError(f"{folder} is not a model folder: it has no {MARKERS[kind]}")
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or folder.exists():
        raise SetupError(f"there is no folder {folder}: check the path of the {kind} model")
    return locate_model(kind, name) if is_fetched(kind, name) else None


def _fetch_unlisted(kind: Kind, name: str, repository: str, report: Report) -> Path:
    """Fetch a model that models/sources.yaml does not name. Its files are not verified: no hash is known."""
    source = Source(repository=repository, licence="see its page")
    target = locate_model(kind, name)
    partial = target.with_name(f"{target.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    try:
        with follow_folder(partial, f"Fetching {name} from hf.co/{source.repository}, unverified", 0, report):
            hub.fetch_repository(source.repository, partial)
    except hub.UnreachableError as error:
        raise SetupError(
            f"the model '{name}' could not be fetched ({error}). With a network, run again; without one, "
            f"copy the model's folder from another machine to {target} or pass its path"
        ) from error
    if not (partial / MARKERS[kind]).is_file():
        raise SetupError(
            f"hf.co/{repository} holds no {kind} model that REM can load: it has no {MARKERS[kind]}"
        )
    write_manifest(partial, name, f"hf.co/{repository}")
    partial.rename(target)
    return target
