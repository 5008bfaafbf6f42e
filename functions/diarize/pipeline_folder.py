"""Loads a pipeline folder: those that pyannote publishes, and those it loads only from its hub.

pyannote.audio 4.0.7 looks for a PLDA on the hub whatever the clustering is, and takes an ONNX embedding only
where its path contains "wespeaker" and not "pyannote". A folder's owner need not know either.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rem.core.errors import SetupError

CONFIG = "config.yaml"
HERE = "$model/"  # how pyannote's own configurations name what lies beside them
MODELS = ("segmentation", "embedding")
WITHOUT_PLDA = "AgglomerativeClustering"


def load_pipeline(model_dir: Path) -> Any:
    """Load a SpeakerDiarization pipeline from a folder, without asking anybody outside it.

    Raises:
        SetupError: the folder is not there, or is no such pipeline; the sentence says what is missing.
    """
    parameters, tuned = _read_config(model_dir)
    if "plda" in parameters:
        return _load_published(model_dir)
    clustering = parameters.get("clustering", "VBxClustering")
    if clustering != WITHOUT_PLDA:
        raise SetupError(
            f"{model_dir / CONFIG} has no `plda:`, which {clustering} needs: fetch the folder anew, or copy "
            f"plda/ into it and add `plda: {HERE}plda`"
        )
    models = {name: _locate(model_dir, name, parameters.pop(name, "")) for name in MODELS}
    return _build(models, parameters, tuned)


def _read_config(model_dir: Path) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The pipeline's constructor arguments, and its tuned parameters."""
    if not model_dir.is_dir():
        raise SetupError(f"there is no folder {model_dir}: check the path of the diarization model")
    path = model_dir / CONFIG
    if not path.is_file():
        raise SetupError(f"there is no diarization model in {model_dir}: a pyannote folder has a {CONFIG}")
    try:
        document = yaml.safe_load(path.read_text())
        return dict(document["pipeline"]["params"]), document.get("params", {})
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise SetupError(f"{path} is no configuration of a pyannote pipeline: {error}") from error


def _locate(model_dir: Path, name: str, value: str) -> Path:
    """The file or folder beside the configuration that it names as a model."""
    path = model_dir / str(value).removeprefix(HERE)
    if value and path.exists():
        return path
    raise SetupError(
        f"{model_dir / CONFIG} names {value or 'nothing'} as its {name}, which is not in the folder: "
        f"copy it there and write `{name}: {HERE}{name}`"
    )


def _load_published(model_dir: Path) -> Any:
    from pyannote.audio import Pipeline

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Pipeline.from_pretrained(model_dir)


def _build(models: Mapping[str, Path], parameters: Mapping[str, Any], tuned: Mapping[str, Any]) -> Any:
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    nobody = PLDA.__new__(PLDA)  # this clustering asks it nothing
    with tempfile.TemporaryDirectory(prefix="wespeaker-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedding = models["embedding"]
        if embedding.suffix == ".onnx":  # it is read whole while the pipeline is built
            link = Path(folder, "wespeaker.onnx")
            link.symlink_to(embedding.resolve())
            embedding = link
        pipeline = SpeakerDiarization(
            segmentation=str(models["segmentation"]), embedding=str(embedding), plda=nobody, **parameters
        )
    return pipeline.instantiate(dict(tuned))
