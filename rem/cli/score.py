"""Errors of a transcript against a reference: in words, in speakers, and in whose words they are."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rem.transcripts.transcript import Transcript, Turn, Word

COLLAR_S = 0.25  # on either side of a reference boundary nothing counts, as is usual in the field


@dataclass(frozen=True, slots=True)
class Reference:
    """The truth about a recording: its words with their speaker, in order."""

    spoken: tuple[tuple[str, Word], ...]
    turns: tuple[tuple[float, float, str], ...]

    @classmethod
    def load(cls, path: Path) -> Reference:
        segments = json.loads(path.read_text())["segments"]
        spoken = [
            (s["speaker"], Word(w["start"], w["end"], w["text"], 1.0)) for s in segments for w in s["words"]
        ]
        return cls(tuple(spoken), tuple((s["start"], s["end"], s["speaker"]) for s in segments))

    @property
    def speakers(self) -> int:
        return len({speaker for speaker, _ in self.spoken})


@dataclass(frozen=True, slots=True)
class Score:
    """Counts rather than rates, so that several recordings can be added up.

    Attributes:
        word_errors: Substitutions, insertions and deletions, upper and lower case and punctuation ignored.
        der_error_s: Missed, false and confused speaker time in seconds, of der_total_s.
        speaker_right: Recognised words whose speaker is right, of speaker_words.
    """

    word_errors: int
    words: int
    der_error_s: float
    der_total_s: float
    speaker_right: int
    speaker_words: int
    speakers: int
    speakers_expected: int

    @property
    def wer(self) -> float:
        return self.word_errors / max(1, self.words)

    @property
    def der(self) -> float:
        return self.der_error_s / max(1e-9, self.der_total_s)

    @property
    def speaker_accuracy(self) -> float:
        return self.speaker_right / max(1, self.speaker_words)

    def __add__(self, other: Score) -> Score:
        names = Score.__dataclass_fields__
        return Score(**{name: getattr(self, name) + getattr(other, name) for name in names})


def normalise(text: str) -> str:
    return re.sub(r"[^a-z0-9' ]", "", text.lower()).strip()


def score(transcript: Transcript, reference: Reference) -> Score:
    """Count errors in words (jiwer), in speakers over time (pyannote.metrics, overlap too), and per word."""
    words = _compare_words(transcript, reference)
    detail, names = compare_turns(transcript.turns, reference, transcript.duration_s)
    pairs = pair_words(transcript, reference)
    right = sum(names.get(label) == person for person, label, _ in pairs)
    return Score(
        word_errors=words.substitutions + words.insertions + words.deletions,
        words=len(reference.spoken),
        der_error_s=detail["confusion"] + detail["missed detection"] + detail["false alarm"],
        der_total_s=detail["total"],
        speaker_right=right,
        speaker_words=len(pairs),
        speakers=len(transcript.speakers),
        speakers_expected=reference.speakers,
    )


def _annotate(turns: Any) -> Any:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for i, (start_s, end_s, speaker) in enumerate(turns):
        annotation[Segment(start_s, end_s), i] = speaker
    return annotation


def compare_turns(
    turns: Sequence[Turn], reference: Reference, length_s: float
) -> tuple[dict[str, float], dict[str | None, str]]:
    """Measure the seconds of each kind of error (pyannote.metrics' names), and map labels to persons."""
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    truth = _annotate(reference.turns)
    found = _annotate((turn.start_s, turn.end_s, turn.speaker) for turn in turns)
    metric = DiarizationErrorRate(collar=2 * COLLAR_S)  # pyannote's collar is the total width
    whole = Timeline([Segment(0.0, max(length_s, reference.turns[-1][1]))])
    return metric(truth, found, uem=whole, detailed=True), metric.optimal_mapping(truth, found, uem=whole)


def pair_words(transcript: Transcript, reference: Reference) -> list[tuple[str, str | None, Word]]:
    """Pair said and recognised words, in order: who said it, the label that it got, the recognised word."""
    heard = _list_words(transcript)
    return [
        (reference.spoken[said][0], *heard[found])
        for chunk in _compare_words(transcript, reference).alignments[0]
        if chunk.type in ("equal", "substitute")
        for said, found in zip(
            range(chunk.ref_start_idx, chunk.ref_end_idx),
            range(chunk.hyp_start_idx, chunk.hyp_end_idx),
            strict=True,
        )
    ]


def _compare_words(transcript: Transcript, reference: Reference) -> Any:
    import jiwer

    said = " ".join(normalise(word.text) for _, word in reference.spoken)
    return jiwer.process_words(said, " ".join(normalise(word.text) for _, word in _list_words(transcript)))


def _list_words(transcript: Transcript) -> list[tuple[str | None, Word]]:
    return [(segment.speaker, word) for segment in transcript.segments for word in segment.words]


def print_score(document: bytes, reference: Path) -> None:
    """Print one line by which a person can judge the demo."""
    result = score(Transcript.from_json(json.loads(document)), Reference.load(reference))
    print(
        f"Against its reference: word error rate {result.wer:.1%} of {result.words} words, "
        f"diarization error rate {result.der:.1%} (collar {COLLAR_S} s), "
        f"{result.speakers} of {result.speakers_expected} speakers, "
        f"speaker right for {result.speaker_accuracy:.1%} of words"
    )
