"""faster-whisper (CTranslate2) as a Transcriber. The only contact with it for transcription."""

from __future__ import annotations

from pathlib import Path

from rem.core.errors import SetupError
from rem.core.transcript import Segment, Word
from rem.ports import Samples

LOOP_COMPRESSION_RATIO = 2.4  # text that compresses better than this repeats itself (Whisper's own threshold)
SHORTEST_WORD_S = 0.02  # one step of Whisper's timestamps


class WhisperTranscriber:
    """One CTranslate2 model in int8, kept for the life of the process.

    Decoding is deterministic: temperature 0 only, and no text is fed back from one window to the next
    (feeding it back makes repetition loops, and multiplies the word error rate of small models).
    """

    def __init__(self, model_dir: Path, *, beam_size: int, threads: int) -> None:
        from faster_whisper import WhisperModel

        if not (model_dir / "model.bin").is_file():
            raise SetupError(
                f"there is no Whisper model in {model_dir}: expected a CTranslate2 folder (model.bin)"
            )
        self.name = model_dir.name
        self._beam_size = beam_size
        self._model = WhisperModel(str(model_dir), device="cpu", compute_type="int8", cpu_threads=threads)

    def detect_language(self, samples: Samples) -> tuple[str, float]:
        if not self._model.model.is_multilingual:
            return "en", 1.0
        language, probability, _ = self._model.detect_language(samples)
        return language, probability

    def transcribe(self, samples: Samples, language: str) -> list[Segment]:
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            beam_size=self._beam_size,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            vad_filter=False,  # Prepare found the speech already
        )
        heard = (
            tuple(
                Word(
                    float(w.start),
                    max(float(w.end), float(w.start) + SHORTEST_WORD_S),
                    text,
                    float(w.probability),
                )
                for w in segment.words
                if (text := w.word.strip())
            )
            for segment in segments
            if segment.compression_ratio <= LOOP_COMPRESSION_RATIO
        )
        return [Segment(words) for words in heard if words]
