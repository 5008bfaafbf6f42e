import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem.core.recordings import Recording
from rem.transcripts.transcript import Segment, Speaker, Transcript, Turn, Word, join_chunks
from tests.rem.core.strategies import segments

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "transcript.schema.json").read_text())
RECORDING = Recording(
    "r1", "me", "dev", "2026-11-24T09:00:00+00:00", "bucket", "raw/me/dev/2026/11/24/r1.wav"
)


def build_transcript(found: list[Segment]) -> Transcript:
    labels = {s.speaker for s in found if s.speaker}
    return Transcript(
        recording=RECORDING,
        duration_s=90.0,
        speech_s=60.0,
        language="en",
        whisper_model="demo",
        transcribed_at="2026-11-24T10:00:00+00:00",
        segments=tuple(found),
        turns=(Turn(0, 1, "SPEAKER_00"),),
        speakers=tuple(Speaker(label, 1.0) for label in sorted(labels)),
        notes={"notes": {"engine": "offline", "title": "T", "summary": "S.", "topics": ["t"]}},
        stages=({"name": "prepare", "seconds": 1.0, "memoryMb": 1, "maxMemoryMb": 1, "costUsd": 0.1},),
        audio={"peak_dbfs": -1.0, "rms_dbfs": -20.0, "clipped": 0.0},
    )


@given(segments())
def test_transcript_survives_its_json(found):
    document = build_transcript(found).to_json()
    assert Transcript.from_json(json.loads(json.dumps(document))).to_json() == document


@given(segments())
def test_transcript_validates_against_the_committed_schema(found):
    jsonschema.validate(build_transcript(found).to_json(), SCHEMA)


@given(st.lists(segments(), max_size=4))
def test_joining_chunks_loses_no_word(chunks):
    joined = [word for segment in join_chunks(chunks) for word in segment.words]
    everything = [word for chunk in chunks for segment in chunk for word in segment.words]
    assert len(joined) == len(everything)
    assert set(joined) == set(everything)


def test_name_overlays_the_label():
    named = Transcript(RECORDING, 1, 1, "en", "m", "t", speakers=(Speaker("SPEAKER_00", 1, "Anna"),))
    assert named.speaker_name("SPEAKER_00") == "Anna"
    assert named.speaker_name(None) == "Unknown"


def test_segment_end_is_its_latest_word_end():
    assert Segment((Word(0, 3, "a", 1), Word(1, 2, "b", 1))).end_s == 3


def build_words(*texts: str) -> tuple[Word, ...]:
    return tuple(Word(i, i + 1, text, 1.0) for i, text in enumerate(texts))


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        (
            (" a", " real", "-time", " test", " of", " 1", ",001", " c", "'est"),
            "a real-time test of 1,001 c'est",
        ),
        (("今", "日", "は", "。"), "今日は。"),
    ],
)
def test_text_is_the_words_as_the_model_wrote_them(texts, written):
    transcript = build_transcript([Segment(build_words(*texts[:2])), Segment(build_words(*texts[2:]))])
    assert transcript.full_text == written
    assert Segment(build_words(*texts)).text == written


def test_an_old_document_gets_the_blanks_that_its_script_sets():
    found = [
        Segment(build_words("c", "'est", "vrai.")),
        Segment(build_words("東京", "です。")),
        Segment(build_words("と")),
    ]
    old = build_transcript(found).to_json() | {"schemaVersion": 1}
    assert Transcript.from_json(old).full_text == "c'est vrai.東京です。と"


def test_a_document_from_before_words_had_blanks_reads_as_it_did():
    found = [Segment(build_words("Good", "morning.")), Segment(build_words("Hello."))]
    old = build_transcript(found).to_json() | {"schemaVersion": 1}
    transcript = Transcript.from_json(old)
    assert transcript.full_text == "Good morning. Hello."
    assert transcript.segments[0].text == "Good morning."
    assert Transcript.from_json(transcript.to_json()) == transcript
