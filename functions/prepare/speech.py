"""Finds where somebody speaks: Silero VAD (ONNX), the copy that faster-whisper carries."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rem.core.chunks import Region
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.ports import Samples
from rem.stage.prepared import to_float
from rem.stage.settings import PrepareSettings

BLOCK_S = 1200  # 20 minutes of float samples are 77 MB: memory does not grow with the recording


def find_speech(path: Path, settings: PrepareSettings) -> list[Region]:
    """Speech regions of a 16 kHz mono WAV, sorted, not overlapping, padded by vad_pad_ms."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=settings.vad_threshold,
        min_speech_duration_ms=settings.vad_min_speech_ms,
        min_silence_duration_ms=settings.vad_min_silence_ms,
        speech_pad_ms=settings.vad_pad_ms,
    )
    found: list[Region] = []
    for offset, samples in _read_blocks(path):
        for span in get_speech_timestamps(samples, options, sampling_rate=SAMPLE_RATE_HZ):
            found.append(Region(offset + int(span["start"]), offset + int(span["end"])))
    return _join_touching(found)


def _read_blocks(path: Path) -> Iterator[tuple[int, Samples]]:
    with wave.open(str(path)) as file:
        offset = 0
        while frames := file.readframes(BLOCK_S * SAMPLE_RATE_HZ):
            samples = to_float(np.frombuffer(frames, np.int16))
            yield offset, samples
            offset += len(samples)


def _join_touching(regions: list[Region]) -> list[Region]:
    """A region that a block's edge cut in two becomes one again."""
    joined: list[Region] = []
    for region in regions:
        if joined and region.start <= joined[-1].end:
            joined[-1] = Region(joined[-1].start, max(region.end, joined[-1].end))
        else:
            joined.append(region)
    return joined
