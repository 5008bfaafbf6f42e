"""faster-whisper (CTranslate2) as a Transcriber."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rem.adapters.models import list_languages
from rem.core.errors import SetupError
from rem.core.languages import require_language
from rem.core.recordings import SAMPLE_RATE_HZ
from rem.ports import Samples
from rem.transcripts.transcript import Segment, Word
from rem.weights.identity import read_identity

LOOP_COMPRESSION_RATIO = 2.4  # Whisper's own threshold: text that compresses better repeats itself
NO_SPEECH, UNSURE = 0.6, -1.0  # Whisper's own thresholds: silence is probable, and the text is not
SHORTEST_WORD_S = 0.02  # one step of Whisper's timestamps
WINDOW_S = 30  # the sound that Whisper encodes at once


class WhisperTranscriber:
    """One CTranslate2 model in int8, kept for the life of the process.

    Several clips are decoded at a time, so that the decoder's weights are read once for all of them. Decoding
    is deterministic: the temperature is 0, and no text is fed back from one window to the next. Feeding it
    back makes repetition loops and multiplies the word error rate of small models.
    """

    def __init__(self, model_dir: Path, *, beam_size: int, threads: int) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        if not (model_dir / "model.bin").is_file():
            raise SetupError(
                f"there is no Whisper model in {model_dir}: expected a CTranslate2 folder (model.bin)"
            )
        self.name, self.identity = model_dir.name, read_identity(model_dir)
        self._languages = list_languages(model_dir)
        self._options = {
            "beam_size": beam_size,
            "temperature": 0.0,
            "word_timestamps": True,
            "without_timestamps": False,
            "vad_filter": False,  # Prepare has found the speech
        }
        self._model = WhisperModel(str(model_dir), device="cpu", compute_type="int8", cpu_threads=threads)
        self._batched = BatchedInferencePipeline(self._model)
        self._frames_per_window = WINDOW_S * self._model.frames_per_second

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        if not self._model.model.is_multilingual:
            return "en", 1.0
        language, probability, _ = self._model.detect_language(samples)
        return language, probability

    def transcribe(self, clips: Sequence[Samples], language: str) -> list[list[Segment]]:
        require_language(language, self.name, self._languages)  # faster-whisper would take English instead
        if any(len(clip) > WINDOW_S * SAMPLE_RATE_HZ for clip in clips):  # a batch takes one window of each
            return [self._transcribe_long(clip, language) for clip in clips]
        if not clips:
            return []
        sound, spans = _lay_out(clips)
        found, _ = self._batched.transcribe(
            sound, language=language, clip_timestamps=spans, batch_size=len(clips), **self._options
        )
        heard: list[list[Any]] = [[] for _ in clips]
        for segment in found:
            heard[segment.seek // self._frames_per_window].append(segment)
        return [
            [segment.shifted(-i * WINDOW_S) for segment in _to_segments(own)] for i, own in enumerate(heard)
        ]

    def _transcribe_long(self, samples: Samples, language: str) -> list[Segment]:
        """Transcribe window after window, each from where the words of the last one end."""
        found, _ = self._model.transcribe(
            samples, language=language, condition_on_previous_text=False, **self._options
        )
        return _to_segments(found)


def _lay_out(clips: Sequence[Samples]) -> tuple[Samples, list[dict[str, float]]]:
    """Put each clip at the start of a window of its own: one sound, and the clips' spans in seconds.

    A segment that is found then tells the clip by the number of its window, however short the clip is.
    """
    sound = np.zeros((len(clips), WINDOW_S * SAMPLE_RATE_HZ), np.float32)
    for window, clip in zip(sound, clips, strict=True):
        window[: len(clip)] = clip
    starts = range(0, len(clips) * WINDOW_S, WINDOW_S)
    # faster-whisper rounds seconds down to samples: half a sample more keeps the last one.
    ends = (start + (len(clip) + 0.5) / SAMPLE_RATE_HZ for start, clip in zip(starts, clips, strict=True))
    return sound.reshape(-1), [{"start": a, "end": b} for a, b in zip(starts, ends, strict=True)]


def _to_segments(found: Iterable[Any]) -> list[Segment]:
    heard = (
        tuple(
            Word(
                float(w.start),
                max(float(w.end), float(w.start) + SHORTEST_WORD_S),
                w.word,
                float(w.probability),
            )
            for w in segment.words or ()
            if w.word.strip()
        )
        for segment in found
        if segment.compression_ratio <= LOOP_COMPRESSION_RATIO
        and not (segment.no_speech_prob > NO_SPEECH and segment.avg_logprob < UNSURE)
    )
    return [Segment(words) for words in heard if words]
