"""Loads the one model of a process, for both handlers of the image."""

from __future__ import annotations

import functools
from pathlib import Path

from rem.ports import Diarizer
from rem.stage.settings import DiarizeSettings, thread_count


@functools.cache
def load_model() -> Diarizer:
    from functions.diarize.diarizer import PyannoteDiarizer

    settings = DiarizeSettings.from_env()
    return PyannoteDiarizer(
        Path(settings.diarization_model), threads=thread_count(), step=settings.segmentation_step
    )
