"""Decodes whatever people record to 16 kHz mono PCM. The only contact with PyAV."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from functions.prepare.wav_header import repair_header
from rem.core.errors import InputError
from rem.core.recordings import SAMPLE_RATE_HZ

Pcm = npt.NDArray[np.int16]
FULL_SCALE = 32767
CLIPPED_AT = 32_000  # resampling rounds the flat tops of clipped samples a little below full scale


@dataclass(frozen=True, slots=True)
class Loudness:
    """Levels of the decoded audio in dB relative to full scale; clipped is a share of all samples."""

    peak_dbfs: float
    rms_dbfs: float
    clipped: float


def decode_to_wav(source: Path, target: Path) -> tuple[int, Loudness]:
    """Decode the first audio track of source into a 16 kHz mono 16-bit WAV.

    Memory stays at one packet whatever the length. A file that breaks off in the middle gives what was
    readable before the break.

    Returns:
        The number of samples written, and their levels.

    Raises:
        InputError: an empty file, not audio, no audio track, or nothing that could be decoded.
    """
    if source.stat().st_size == 0:
        raise InputError("the file is empty (0 bytes): record again or send the original file")
    repair_header(source)
    meter = _Meter()
    with wave.open(str(target), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        for block in _decode(source):
            meter.add(block)
            out.writeframesraw(block.tobytes())
    if meter.samples == 0:
        raise InputError("the file holds no sound: its audio track has no samples that can be decoded")
    return meter.samples, meter.read()


def _decode(source: Path) -> Iterator[Pcm]:
    try:
        with av.open(str(source), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise InputError("the file has no audio track: send a file with sound")
            yield from _resample(container)
    except (FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"the file is not a sound or video file that can be decoded ({reason})") from error


def _resample(container: av.container.InputContainer) -> Iterator[Pcm]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    frames = container.decode(container.streams.audio[0])
    decoded = 0
    while True:
        try:
            frame = next(frames, None)
        except FFmpegError:  # a damaged packet: what came before it is kept
            if decoded == 0:
                raise
            frame = None
        for part in resampler.resample(frame):
            decoded += part.samples
            yield part.to_ndarray()[0]
        if frame is None:
            return


class _Meter:
    def __init__(self) -> None:
        self.samples = self._clipped = self._peak = 0
        self._energy = 0.0

    def add(self, block: Pcm) -> None:
        wide = np.abs(block.astype(np.int32))
        self.samples += len(block)
        self._peak = max(self._peak, int(wide.max(initial=0)))
        self._clipped += int((wide >= CLIPPED_AT).sum())
        self._energy += float((wide.astype(np.float64) ** 2).sum())

    def read(self) -> Loudness:
        rms = (self._energy / self.samples) ** 0.5
        return Loudness(_to_dbfs(self._peak), _to_dbfs(rms), self._clipped / self.samples)


def _to_dbfs(level: float) -> float:
    """Digital silence reads -100 dB rather than minus infinity, which JSON cannot carry."""
    return round(max(-100.0, 20 * float(np.log10(max(level, 1e-9) / FULL_SCALE))), 2)
