"""Small sound files made on the spot: tones, silence, noise, and the formats that people send."""

from __future__ import annotations

import struct
import tempfile
import wave
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from functions.prepare.hear import Heard, hear

HZ = 16_000


def tone(seconds: float, rate_hz: int = HZ, level: float = 0.3) -> npt.NDArray[np.int16]:
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return (level * 32767 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)


def write_wav(path: Path, pcm: npt.NDArray[np.int16], rate_hz: int = HZ, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.tobytes())
    return path


def encode(path: Path, pcm: npt.NDArray[np.int16], codec: str, rate_hz: int = HZ) -> Path:
    """Encode mono samples with any codec that PyAV has; the container follows from the suffix."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="mono")
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=rate_hz, frame_size=stream.frame_size or 0
        )
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = rate_hz
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def read_wav(path: Path) -> npt.NDArray[np.int16]:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels()) == (HZ, 1)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def decode(source: Path, wish: str = "auto") -> tuple[list[npt.NDArray[np.int16]], Heard]:
    """Decode with Prepare's own decoder; the samples of every sound that is heard by itself."""
    with tempfile.TemporaryDirectory() as folder:
        heard = hear(source, Path(folder), wish)
        return [read_wav(file.path) for file in heard.files], heard


def decode_one(source: Path) -> npt.NDArray[np.int16]:
    (pcm,), _ = decode(source)
    return pcm


def write_video_without_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def break_sizes(path: Path, size: int) -> Path:
    """What a device leaves that lost its power before it could write the header's sizes."""
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = struct.pack("<I", size)
    path.write_bytes(content)
    return path
