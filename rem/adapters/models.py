"""Finds model folders: a folder, `demo`, or a name that is fetched once and kept.

Inside the pipeline a model is always a folder; images have it baked in, the laptop fetches it here.
"""

from __future__ import annotations

import os
from pathlib import Path

from rem.core.errors import SetupError
from rem.definition import ROOT

DEMO = "demo"
DEMO_DIR = ROOT / "models" / "demo"
TOKEN_HELP = (
    "pyannote's models are gated: accept the conditions on https://hf.co/{name}, create a read token on "
    "https://hf.co/settings/tokens and run again with HF_TOKEN=hf_… in the environment"
)


def models_dir() -> Path:
    """REM_MODELS, else rem/models in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("REM_MODELS") or Path(cache, "rem", "models"))


def resolve_whisper(name: str) -> Path:
    """The folder of a Whisper model in CTranslate2 format.

    Args:
        name: A folder, `demo`, a size that faster-whisper knows (`base.en`, `small`, …) or a hub repository.

    Raises:
        SetupError: unknown, or not here and not to be had.
    """
    if local := _find_local(name, DEMO_DIR / "whisper", "model.bin"):
        return local
    target = models_dir() / "whisper" / name.replace("/", "--")
    if (target / "model.bin").is_file():
        return target
    from faster_whisper.utils import available_models, download_model

    if "/" not in name and name not in available_models():
        known = ", ".join(available_models())
        raise SetupError(f"there is no Whisper model '{name}': use a folder, {DEMO}, or one of {known}")
    try:
        download_model(name, output_dir=str(target))
    except Exception as error:  # hub, proxy and network errors share no base class
        raise SetupError(_explain_download(f"the Whisper model '{name}'", target, error)) from error
    return target


def resolve_diarization(name: str) -> Path:
    """The folder of a pyannote.audio diarization pipeline.

    Args:
        name: A folder, `demo`, or a hub repository such as pyannote/speaker-diarization-community-1.

    Raises:
        SetupError: not here and not to be had; says how to get a token.
    """
    if local := _find_local(name, DEMO_DIR / "diarization", "config.yaml"):
        return local
    if "/" not in name:
        raise SetupError(f"there is no diarization model '{name}': use a folder, {DEMO}, or a hub name")
    target = models_dir() / "diarization" / name.rsplit("/", 1)[-1]
    if (target / "config.yaml").is_file():
        return target
    token = os.environ.get("HF_TOKEN")
    if not token:
        raise SetupError(f"the diarization model '{name}' is not here yet. {TOKEN_HELP.format(name=name)}")
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(name, local_dir=target, token=token)
    except Exception as error:  # hub, proxy and network errors share no base class
        help_text = TOKEN_HELP.format(name=name)
        what = f"the diarization model '{name}'"
        raise SetupError(f"{_explain_download(what, target, error)}. {help_text}") from error
    return target


def _find_local(name: str, demo: Path, marker: str) -> Path | None:
    folder = demo if name == DEMO else Path(name).expanduser()
    if (folder / marker).is_file():
        return folder.resolve()
    if name == DEMO or folder.is_dir():
        raise SetupError(f"{folder} is not a model folder: it has no {marker}")
    return None


def _explain_download(what: str, target: Path, error: Exception) -> str:
    reason = str(error).strip().split("\n", 1)[0][:200] or type(error).__name__
    return (
        f"{what} could not be fetched ({reason}). With a network, run again; without one, copy the model "
        f"folder from another machine to {target} or pass its path"
    )
