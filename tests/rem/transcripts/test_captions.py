import io
from dataclasses import replace

import pysubs2
import webvtt
from hypothesis import given

from rem.transcripts.captions import format_clock, split_for_captions, to_markdown, to_srt, to_txt, to_vtt
from rem.transcripts.transcript import Segment, Word
from tests.rem.core.strategies import segments
from tests.rem.transcripts.test_transcript import build_transcript


@given(segments())
def test_srt_parses_back_with_every_word_in_order(found):
    captions = pysubs2.SSAFile.from_string(to_srt(build_transcript(found)), format_="srt")
    said = [w.text.strip() for segment in found for w in segment.words]
    shown = " ".join(event.plaintext for event in captions).split()
    assert [text for text in shown if text in said or not text.endswith(":")] == said


@given(segments())
def test_vtt_parses_back_with_times_in_order(found):
    captions = webvtt.from_buffer(io.StringIO(to_vtt(build_transcript(found))))
    starts = [caption.start_in_seconds for caption in captions]
    assert starts == sorted(starts)
    runs = [run for segment in found for run in split_for_captions(segment)]
    assert len(starts) == len(runs)


@given(segments())
def test_caption_runs_hold_each_word_once(found):
    for segment in found:
        assert [w for run in split_for_captions(segment) for w in run] == list(segment.words)


def test_a_long_segment_becomes_several_captions():
    spoken = tuple(Word(i, i + 0.9, " characters", 1.0) for i in range(20))
    assert len(list(split_for_captions(Segment(spoken)))) > 2


def test_text_joins_neighbouring_segments_of_one_speaker():
    found = [
        Segment((Word(0, 1, " Good", 1),), "SPEAKER_00"),
        Segment((Word(61, 62, " morning.", 1),), "SPEAKER_00"),
        Segment((Word(70, 71, " Hello.", 1),), None),
    ]
    assert to_txt(build_transcript(found)) == "[0:00] SPEAKER_00: Good morning.\n[1:10] Unknown: Hello.\n"


def test_markdown_of_silence_says_so():
    assert "No speech was found" in to_markdown(build_transcript([]))


def test_markdown_names_the_offline_enricher():
    assert "offline enricher" in to_markdown(build_transcript([]))


def test_clock_shows_hours_only_from_an_hour_on():
    assert [format_clock(s) for s in (0, 59.9, 600, 3661)] == ["0:00", "0:59", "10:00", "1:01:01"]


def test_markdown_shows_notes_with_the_times_at_which_they_were_said():
    found = [Segment((Word(61 * i, 61 * i + 1, " pie", 1),), "SPEAKER_00") for i in range(3)]
    item = {"text": "Call Ben", "segmentIds": [1, 2], "owner": "Anna", "due": "Friday"}
    notes = {
        "notes": {"title": "T", "engine": "openai", "actionItems": [item], "decisions": [], "topics": []},
        "chapters": {"chapters": [{"segmentId": 1, "title": "Pies", "summary": "s"}]},
        "corrections": {"corrections": [{"segmentId": 2, "heard": "pie", "suggestion": "Py", "reason": "r"}]},
        "haiku": {"error": "SetupError", "message": "no key"},
    }
    page = to_markdown(replace(build_transcript(found), notes=notes))
    for line in (
        "## To do\n\n- Call Ben (Anna, Friday) [1:01] [2:02]",
        "## Chapters\n\n- [1:01] Pies",
        '- [2:02] "pie": perhaps "Py"',
        "- haiku: SetupError: no key",
    ):
        assert line in page
    assert "Decisions" not in page
    assert "**SPEAKER_00** [0:00] pie pie pie" in page
