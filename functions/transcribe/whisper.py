"""faster-whisper (CTranslate2) as a Transcriber. The only contact with it for transcription."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rem.core.errors import SetupError
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.ports import Samples
from rem.transcripts.transcript import Segment, Word

LOOP_COMPRESSION_RATIO = 2.4  # text that compresses better than this repeats itself (Whisper's own threshold)
NO_SPEECH, UNSURE = 0.6, -1.0  # more probably silence, and less sure of the text (Whisper's own thresholds)
SHORTEST_WORD_S = 0.02  # one step of Whisper's timestamps
WINDOW_S = 30  # what Whisper hears at once


class WhisperTranscriber:
    """One CTranslate2 model in int8, kept for the life of the process.

    Clips are decoded several at a time: the decoder's weights are read once for all of them. Decoding is
    deterministic: temperature 0 only, and no text is fed back from one window to the next (feeding it back
    makes repetition loops, and multiplies the word error rate of small models).
    """

    def __init__(self, model_dir: Path, *, beam_size: int, threads: int) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        if not (model_dir / "model.bin").is_file():
            raise SetupError(
                f"there is no Whisper model in {model_dir}: expected a CTranslate2 folder (model.bin)"
            )
        self.name = model_dir.name
        self._options = {
            "beam_size": beam_size,
            "temperature": 0.0,
            "word_timestamps": True,
            "without_timestamps": False,
            "vad_filter": False,  # Prepare found the speech already
        }
        self._model = WhisperModel(str(model_dir), device="cpu", compute_type="int8", cpu_threads=threads)
        self._batched = BatchedInferencePipeline(self._model)

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        if not self._model.model.is_multilingual:
            return "en", 1.0
        language, probability, _ = self._model.detect_language(samples)
        return language, probability

    def transcribe(self, clips: Sequence[Samples], language: str) -> list[list[Segment]]:
        if any(len(clip) > WINDOW_S * SAMPLE_RATE_HZ for clip in clips):  # a batch hears one window of each
            return [self._transcribe_long(clip, language) for clip in clips]
        if not clips:
            return []
        edges = [0, *itertools.accumulate(len(clip) for clip in clips)]
        half = 0.5 / SAMPLE_RATE_HZ  # from seconds faster-whisper rounds down to a sample again
        spans = [
            {"start": a / SAMPLE_RATE_HZ + half, "end": b / SAMPLE_RATE_HZ + half}
            for a, b in itertools.pairwise(edges)
        ]
        found, _ = self._batched.transcribe(
            np.concatenate(clips),
            language=language,
            clip_timestamps=spans,
            batch_size=len(clips),
            **self._options,
        )
        frames = self._model.frames_per_second
        heard: dict[int, list[Any]] = {int(edge / SAMPLE_RATE_HZ * frames): [] for edge in edges[:-1]}
        for segment in found:
            heard[segment.seek].append(segment)
        return [
            [segment.shifted(-edge / SAMPLE_RATE_HZ) for segment in _to_segments(own)]
            for edge, own in zip(edges, heard.values(), strict=False)
        ]

    def _transcribe_long(self, samples: Samples, language: str) -> list[Segment]:
        """Window after window, each from where the last one's words end."""
        found, _ = self._model.transcribe(
            samples, language=language, condition_on_previous_text=False, **self._options
        )
        return _to_segments(found)


def _to_segments(found: Iterable[Any]) -> list[Segment]:
    heard = (
        tuple(
            Word(
                float(w.start),
                max(float(w.end), float(w.start) + SHORTEST_WORD_S),
                text,
                float(w.probability),
            )
            for w in segment.words or ()
            if (text := w.word.strip())
        )
        for segment in found
        if segment.compression_ratio <= LOOP_COMPRESSION_RATIO
        and not (segment.no_speech_prob > NO_SPEECH and segment.avg_logprob < UNSURE)
    )
    return [Segment(words) for words in heard if words]
