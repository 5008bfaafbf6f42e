"""Checkpoints of the two networks with the specifications that pyannote.audio expects."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
os.environ["HF_HUB_OFFLINE"] = "1"

from functions.diarize.pyannote_import import import_torchaudio

import_torchaudio()
warnings.filterwarnings("ignore")

import lightning  # noqa: E402
import torch  # noqa: E402
from pyannote.audio.core.task import Problem, Resolution, Specifications  # noqa: E402
from pyannote.audio.models.segmentation import PyanNet  # noqa: E402
from pyannote.audio.utils.powerset import Powerset  # noqa: E402

from functions.diarize.small_resnet import SmallWeSpeakerResNet  # noqa: E402

__all__ = ["BUILD", "SHIPPED", "WINDOW_S", "Powerset", "build_embedding", "build_segmentation", "save"]
ROOT = Path(__file__).resolve().parents[3]
BUILD, SHIPPED = ROOT / "build" / "diarization", ROOT / "models" / "demo" / "diarization"
WINDOW_S = 5.0  # fewer voices speak, and are confused, in a window than in the usual ten seconds


def build_segmentation() -> Any:
    model = PyanNet()
    model.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=WINDOW_S,
        warm_up=(0.0, 0.0),
        classes=[f"speaker#{i}" for i in (1, 2, 3)],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    model.build()
    return model


def build_embedding() -> Any:
    model = SmallWeSpeakerResNet()
    model.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=WINDOW_S
    )
    return model


def save(model: Any, path: Path) -> None:
    """Save a checkpoint that Model.from_pretrained loads, with weights in half precision."""
    halved = {name: v.half() if v.is_floating_point() else v for name, v in model.state_dict().items()}
    checkpoint = {
        "state_dict": halved,
        "hyper_parameters": dict(model.hparams),
        "hparams_name": "kwargs",
        "pytorch-lightning_version": lightning.__version__,
    }
    model.on_save_checkpoint(checkpoint)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, path)
