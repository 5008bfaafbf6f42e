"""Words, turns, segments, and the transcript document that holds them (docs/transcript.schema.json)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from rem.core import Json
from rem.core.recordings import Recording
from rem.transcripts.spacing import restore_blanks

SCHEMA_VERSION = 2
BLANKS_SINCE = 2  # words of older documents lack the blank that stands before them


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its times in the recording (seconds) and the model's probability (0 to 1).

    Attributes:
        text: As the model wrote it, with the blank before it where the language has one.
    """

    start_s: float
    end_s: float
    text: str
    probability: float

    def shifted(self, offset_s: float) -> Word:
        return replace(self, start_s=self.start_s + offset_s, end_s=self.end_s + offset_s)

    def to_json(self) -> Json:
        return {
            "start": round(self.start_s, 3),
            "end": round(self.end_s, 3),
            "text": self.text,
            "probability": round(self.probability, 3),
        }

    @classmethod
    def from_json(cls, document: Json) -> Word:
        return cls(document["start"], document["end"], document["text"], document["probability"])


@dataclass(frozen=True, slots=True)
class Turn:
    """One unbroken stretch of one voice (seconds)."""

    start_s: float
    end_s: float
    speaker: str

    def to_json(self) -> Json:
        return {"start": round(self.start_s, 3), "end": round(self.end_s, 3), "speaker": self.speaker}

    @classmethod
    def from_json(cls, document: Json) -> Turn:
        return cls(document["start"], document["end"], document["speaker"])


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of one speaker that belong together. `speaker` is None if the speaker is unknown."""

    words: tuple[Word, ...]
    speaker: str | None = None

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return max(word.end_s for word in self.words)

    @property
    def text(self) -> str:
        return join_words(self.words)

    def shifted(self, offset_s: float) -> Segment:
        return replace(self, words=tuple(word.shifted(offset_s) for word in self.words))

    def to_json(self, segment_id: int) -> Json:
        return {
            "id": segment_id,
            "start": round(self.start_s, 3),
            "end": round(self.end_s, 3),
            "speaker": self.speaker,
            "text": self.text,
            "words": [word.to_json() for word in self.words],
        }

    @classmethod
    def from_json(cls, document: Json) -> Segment:
        return cls(tuple(Word.from_json(word) for word in document["words"]), document.get("speaker"))


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice of this recording. `name`, given by a person or a recipe, is shown in place of the label."""

    label: str
    speech_s: float
    name: str | None = None

    def to_json(self) -> Json:
        named = {"name": self.name} if self.name else {}
        return {"label": self.label, **named, "speechSeconds": round(self.speech_s, 2)}

    @classmethod
    def from_json(cls, document: Json) -> Speaker:
        return cls(document["label"], document["speechSeconds"], document.get("name"))


@dataclass(frozen=True, slots=True)
class Transcript:
    """The document that REM returns for a recording."""

    recording: Recording
    duration_s: float
    speech_s: float
    language: str | None
    whisper_model: str
    transcribed_at: str
    segments: tuple[Segment, ...] = ()
    turns: tuple[Turn, ...] = ()
    speakers: tuple[Speaker, ...] = ()
    notes: Json = field(default_factory=dict)
    stages: tuple[Json, ...] = ()
    audio: Json = field(default_factory=dict)

    @property
    def full_text(self) -> str:
        return join_words(word for segment in self.segments for word in segment.words)

    def speaker_name(self, label: str | None) -> str:
        """Return the name to show for a label: the given name, the label itself, or "Unknown"."""
        if label is None:
            return "Unknown"
        return next((s.name for s in self.speakers if s.label == label and s.name), label)

    def to_json(self) -> Json:
        return {
            "schemaVersion": SCHEMA_VERSION,
            "recordingId": self.recording.recording_id,
            "userId": self.recording.user_id,
            "deviceId": self.recording.device_id,
            "startedAt": self.recording.started_at,
            "bucket": self.recording.bucket,
            "key": self.recording.key,
            "durationSeconds": round(self.duration_s, 3),
            "speechSeconds": round(self.speech_s, 3),
            "language": self.language,
            "whisperModel": self.whisper_model,
            "transcribedAt": self.transcribed_at,
            "audio": self.audio,
            "segments": [segment.to_json(i) for i, segment in enumerate(self.segments)],
            "turns": [turn.to_json() for turn in self.turns],
            "speakers": [speaker.to_json() for speaker in self.speakers],
            "speakerCount": len(self.speakers),
            "fullText": self.full_text,
            "notes": self.notes,
            "stages": list(self.stages),
        }

    @classmethod
    def from_json(cls, document: Json) -> Transcript:
        return cls(
            recording=Recording.from_event(document),
            duration_s=document["durationSeconds"],
            speech_s=document["speechSeconds"],
            language=document["language"],
            whisper_model=document["whisperModel"],
            transcribed_at=document["transcribedAt"],
            segments=tuple(_read_segment(s, document["schemaVersion"]) for s in document["segments"]),
            turns=tuple(Turn.from_json(turn) for turn in document["turns"]),
            speakers=tuple(Speaker.from_json(speaker) for speaker in document["speakers"]),
            notes=document["notes"],
            stages=tuple(document["stages"]),
            audio=document["audio"],
        )


def join_words(words: Iterable[Word]) -> str:
    """Concatenate words in any language: each brings the blank before it. None is left at the ends."""
    return "".join(word.text for word in words).strip()


def _read_segment(document: Json, schema_version: int) -> Segment:
    segment = Segment.from_json(document)
    if schema_version >= BLANKS_SINCE:
        return segment
    texts = restore_blanks(["", *(word.text for word in segment.words)], {1})[1:]
    words = (replace(word, text=text) for word, text in zip(segment.words, texts, strict=True))
    return replace(segment, words=tuple(words))


def join_chunks(chunks: Iterable[Sequence[Segment]]) -> list[Segment]:
    """Merge the segments of all chunks, ordered by time. Segments without words are dropped."""
    return sorted((s for chunk in chunks for s in chunk if s.words), key=lambda s: s.start_s)
