import io
from dataclasses import replace

import pysubs2
import pytest
import webvtt
from hypothesis import given

from rem.transcripts.captions import format_clock, to_markdown, to_srt, to_txt, to_vtt
from rem.transcripts.cues import build_cues
from rem.transcripts.transcript import Segment, Speaker, Word
from tests.rem.transcripts.speech import speech
from tests.rem.transcripts.test_transcript import build_transcript


def unescape(text):
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@given(speech())
def test_srt_parses_back_with_every_caption_and_its_time(transcript):
    captions = pysubs2.SSAFile.from_string(to_srt(transcript), format_="srt", keep_html_tags=True)
    cues = [(cue.start_ms, cue.end_ms, "\n".join(cue.lines)) for cue in build_cues(transcript)]
    assert [(c.start, c.end, c.plaintext) for c in captions] == cues


@given(speech())
def test_vtt_parses_back_with_every_caption_its_time_and_its_voice(transcript):
    captions = webvtt.from_buffer(io.StringIO(to_vtt(transcript)))
    cues = build_cues(transcript)
    times = [(c.start_time.in_milliseconds(), c.end_time.in_milliseconds()) for c in captions]
    assert times == [(cue.start_ms, cue.end_ms) for cue in cues]
    assert [unescape(c.text) for c in captions] == ["\n".join(cue.spoken_lines) for cue in cues]
    assert [unescape(c.voice or "") for c in captions] == [cue.speaker or "" for cue in cues]


def caption_of(text, name=None):
    found = [Segment((Word(0, 2, f" {text}", 1),), "SPEAKER_00")]
    return replace(build_transcript(found), speakers=(Speaker("SPEAKER_00", 1.0, name),) if name else ())


def test_vtt_escapes_what_would_be_a_tag():
    body = to_vtt(caption_of("R&D said a <b> --> c", "Ada & <Ben>"))
    assert "<v Ada &amp; &lt;Ben&gt;>R&amp;D said a &lt;b&gt; --&gt; c" in body


def test_captions_without_speakers_have_no_voice():
    assert "\nhello\n" in to_vtt(caption_of("hello"))


@pytest.mark.parametrize("render", [to_srt, to_vtt])
def test_braces_and_backslashes_are_speech_and_no_tags(render):
    body = render(caption_of(r"{\b1}sum{x} C:\new"))
    assert r"{\b1}sum{x}" in body
    assert body.replace("\u2060", "").count(r"C:\new") == 1


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


def test_markdown_says_why_there_are_no_notes_and_what_they_rest_on():
    cut = {"engine": "openai", "model": "m", "title": "T", "remark": "The prompt was cut."}
    skipped = {"engine": "offline", "skipped": "notes are not made in ja"}
    text = to_markdown(replace(caption_of("hello"), notes={"notes": cut, "haiku": cut}))
    assert text.count("*The prompt was cut.*") == 1
    text = to_markdown(replace(caption_of("hello"), notes={"notes": skipped, "chapters": skipped}))
    assert text.count("*No notes: notes are not made in ja.*") == 1
    assert "picked from the transcript" not in text
