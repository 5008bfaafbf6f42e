"""Join the recordings of one session into one conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rem.core import Json
from rem.core.recordings import Recording
from rem.transcripts.transcript import Segment, Speaker, Transcript, Turn

LONGEST_GAP_S = 3600.0  # a longer pause is another meeting


@dataclass(frozen=True, slots=True)
class Part:
    """One recording of a session.

    Attributes:
        seq: Number of the recording within its session, from 0; None if the device does not count.
        transcript: None until the recording has been transcribed.
    """

    recording_id: str
    user_id: str
    device_id: str
    seq: int | None
    started_at: str
    status: str
    transcript: Transcript | None

    @property
    def order(self) -> tuple[int, str]:
        """Sort key: the number if the device counts, else the start time."""
        return (self.seq if self.seq is not None else -1, self.started_at)


@dataclass(frozen=True, slots=True)
class Gap:
    """A jump in the clock before a part, left out of the line of time.

    Attributes:
        at_s: Where it would be in the conversation.
    """

    before: str
    at_s: float
    seconds: float

    def to_json(self) -> Json:
        return {"before": self.before, "at": round(self.at_s, 3), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A session: its recordings in order, and one transcript of all that is said in them."""

    session_id: str
    parts: Sequence[Part]
    transcript: Transcript
    gaps: Sequence[Gap] = ()

    def to_json(self) -> Json:
        recordings = [
            {"recordingId": p.recording_id, "seq": p.seq, "startedAt": p.started_at, "status": p.status}
            for p in self.parts
        ]
        document = self.transcript.to_json() | {"sessionId": self.session_id, "recordings": recordings}
        for of_one_recording in ("recordingId", "bucket", "key", "notes", "stages", "audio"):
            del document[of_one_recording]
        return document | {"gaps": [gap.to_json() for gap in self.gaps]}


def join_parts(session_id: str, parts: Sequence[Part]) -> Conversation:
    """Sort the parts and append their transcripts to each other.

    Each part starts at the time on its own clock, but not before the previous part has ended: gaps between
    parts are kept and words stay in order. A jump of more than LONGEST_GAP_S takes no time on the line and is
    told as a gap: people went home, or a clock was set. Labels identify a voice within one recording only, so
    an unnamed speaker of part 2 becomes `2/SPEAKER_00`. Speakers to whom a person gave the same name become
    one speaker.
    """
    ordered = sorted(parts, key=lambda part: part.order)
    heard = [part for part in ordered if part.transcript is not None]
    segments: list[Segment] = []
    turns: list[Turn] = []
    speakers: dict[str, Speaker] = {}
    gaps: list[Gap] = []
    end_s, began = 0.0, heard[0].started_at if heard else ""  # the moment at which the line would begin
    for part in heard:
        transcript = _name_apart(part)
        gap_s = _seconds_between(began, part.started_at) - end_s
        if gap_s > LONGEST_GAP_S:
            gaps.append(Gap(part.recording_id, end_s, gap_s))
            began = _add_seconds(began, gap_s)
        offset_s = end_s + (gap_s if 0 < gap_s <= LONGEST_GAP_S else 0.0)
        segments += [segment.shifted(offset_s) for segment in transcript.segments]
        turns += [
            replace(t, start_s=t.start_s + offset_s, end_s=t.end_s + offset_s) for t in transcript.turns
        ]
        for speaker in transcript.speakers:
            known_s = speakers[speaker.label].speech_s if speaker.label in speakers else 0.0
            speakers[speaker.label] = replace(speaker, speech_s=known_s + speaker.speech_s)
        end_s = offset_s + transcript.duration_s
    return Conversation(
        session_id, ordered, _build(session_id, ordered, heard, segments, turns, speakers, end_s), gaps
    )


def _build(
    session_id: str,
    ordered: Sequence[Part],
    heard: Sequence[Part],
    segments: Sequence[Segment],
    turns: Sequence[Turn],
    speakers: dict[str, Speaker],
    end_s: float,
) -> Transcript:
    transcripts = [part.transcript for part in heard if part.transcript is not None]
    languages = [t.language for t in transcripts if t.language]
    first = heard[0] if heard else ordered[0]
    return Transcript(
        # A conversation is no object: to_json leaves out its bucket and key.
        recording=Recording(session_id, first.user_id, first.device_id, first.started_at, bucket="", key=""),
        duration_s=end_s,
        speech_s=sum(t.speech_s for t in transcripts),
        language=max(languages, key=languages.count, default=None),
        whisper_model=transcripts[0].whisper_model if transcripts else "",
        transcribed_at=max((t.transcribed_at for t in transcripts), default=""),
        segments=tuple(segments),
        turns=tuple(turns),
        speakers=tuple(speakers.values()),
    )


def _name_apart(part: Part) -> Transcript:
    """Make labels unique within the conversation: the name, or the part's number and the label."""
    transcript = part.transcript
    assert transcript is not None
    prefix = part.seq if part.seq is not None else part.recording_id
    labels = {s.label: s.name or f"{prefix}/{s.label}" for s in transcript.speakers}
    merged: dict[str, Speaker] = {}
    for speaker in transcript.speakers:
        label = labels[speaker.label]
        known_s = merged[label].speech_s if label in merged else 0.0
        merged[label] = replace(speaker, label=label, speech_s=known_s + speaker.speech_s)
    return replace(
        transcript,
        segments=tuple(replace(s, speaker=labels.get(s.speaker or "")) for s in transcript.segments),
        turns=tuple(replace(t, speaker=labels.get(t.speaker, t.speaker)) for t in transcript.turns),
        speakers=tuple(merged.values()),
    )


def _seconds_between(first: str, then: str) -> float:
    return (datetime.fromisoformat(then) - datetime.fromisoformat(first)).total_seconds()


def _add_seconds(moment: str, seconds: float) -> str:
    return (datetime.fromisoformat(moment) + timedelta(seconds=seconds)).isoformat()
