"""Finds where somebody speaks: Silero VAD (ONNX), the copy that faster-whisper carries."""

from __future__ import annotations

import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rem.core.chunks import Region, join_regions, subtract_regions
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.ports import Samples
from rem.stage.prepared import to_float
from rem.stage.settings import PrepareSettings

BLOCK_S = 1200  # 20 minutes of float samples are 77 MB: memory does not grow with the recording
SKIPPED_S = 10.0  # from so much silence on that was filled in, the sound around it is looked at by itself


def find_speech(path: Path, settings: PrepareSettings, silences: Sequence[Region] = ()) -> list[Region]:
    """Find the speech regions of a 16 kHz mono WAV: sorted, not overlapping, padded by vad_pad_ms.

    Args:
        silences: Sorted; filled in where sound is missing. They are never speech, whatever is around them.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=settings.vad_threshold,
        min_speech_duration_ms=settings.vad_min_speech_ms,
        min_silence_duration_ms=settings.vad_min_silence_ms,
        speech_pad_ms=settings.vad_pad_ms,
    )
    found: list[Region] = []
    for offset, samples in _read_blocks(path, silences):
        for span in get_speech_timestamps(samples, options, sampling_rate=SAMPLE_RATE_HZ):
            found.append(Region(offset + int(span["start"]), offset + int(span["end"])))
    return subtract_regions(join_regions(found), silences)


def _read_blocks(path: Path, silences: Sequence[Region]) -> Iterator[tuple[int, Samples]]:
    """Read the sound between long silences, block after block, each with the sample at which it begins."""
    with wave.open(str(path)) as file:
        whole = [Region(0, file.getnframes())]
        for part in subtract_regions(whole, [silence for silence in silences if silence.seconds > SKIPPED_S]):
            for start in range(part.start, part.end, BLOCK_S * SAMPLE_RATE_HZ):
                file.setpos(start)
                frames = file.readframes(min(BLOCK_S * SAMPLE_RATE_HZ, part.end - start))
                yield start, to_float(np.frombuffer(frames, np.int16))
