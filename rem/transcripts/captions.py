"""Render a transcript as SRT, VTT, plain text and Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import pysubs2

from rem.transcripts.cues import Cue, build_cues
from rem.transcripts.sound import describe_channels, list_damage
from rem.transcripts.transcript import Transcript, join_words

TAG = re.compile(r"\\(?=[hnN])")  # pysubs2 would read it as a blank or a line break
WORD_JOINER = "\u2060"  # invisible; keeps the backslash apart from its letter
VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def to_srt(transcript: Transcript) -> str:
    """Write SubRip: the name stands in the text where the speaker changes. The format has no escapes."""
    return _write_captions(transcript, "srt", lambda cue: "\n".join(cue.lines))


def to_vtt(transcript: Transcript) -> str:
    """Write WebVTT: every cue is in a voice tag, so players and pages can style or show the speaker."""
    return _write_captions(transcript, "vtt", _write_voice)


def _write_captions(transcript: Transcript, document_format: str, write: Callable[[Cue], str]) -> str:
    captions = pysubs2.SSAFile()
    for cue in build_cues(transcript):
        text = TAG.sub(lambda tag: tag[0] + WORD_JOINER, write(cue)).replace("\n", "\\N")
        captions.append(pysubs2.SSAEvent(start=cue.start_ms, end=cue.end_ms, text=text))
    return captions.to_string(document_format, keep_ssa_tags=True)  # braces are speech, no tags of SubStation


def _write_voice(cue: Cue) -> str:
    text = "\n".join(cue.spoken_lines).translate(VTT_ESCAPES)
    return f"<v {cue.speaker.translate(VTT_ESCAPES)}>{text}" if cue.speaker else text


def format_clock(seconds: float) -> str:
    """Format a time as `m:ss`, from one hour on as `h:mm:ss`."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def format_start(started_at: str) -> str:
    """Format an ISO 8601 time as the clock on the wall showed it here, with the zone; a bare `?` for none."""
    return f"{datetime.fromisoformat(started_at).astimezone():%Y-%m-%d %H:%M %Z}" if started_at else "?"


def join_turns(transcript: Transcript) -> list[tuple[float, str, str]]:
    """Join neighbouring segments of one speaker into paragraphs: (start in seconds, speaker's name, text)."""
    paragraphs: list[tuple[float, str, str]] = []
    for name, run in groupby(transcript.segments, key=lambda s: transcript.speaker_name(s.speaker)):
        words = [word for segment in run for word in segment.words]
        paragraphs.append((words[0].start_s, name, join_words(words)))
    return paragraphs


def to_txt(transcript: Transcript) -> str:
    """Write one paragraph per turn: `[0:07] SPEAKER_00: text`."""
    return "".join(
        f"[{format_clock(start)}] {name}: {text}\n" for start, name, text in join_turns(transcript)
    )


def to_markdown(transcript: Transcript) -> str:
    """Write the document for a person to read: title, notes, then the dialogue."""
    notes = transcript.notes.get("notes", {})
    lines = [f"# {notes.get('title') or transcript.recording.recording_id}", ""]
    lines += [
        f"{format_start(transcript.recording.started_at)} · {format_clock(transcript.duration_s)} · "
        f"{len(transcript.speakers)} speaker(s) · {transcript.language or 'no language'}",
        "",
    ]
    lines += _sound_lines(transcript)
    if notes.get("summary"):
        lines += ["## Summary", "", notes["summary"], ""]
    lines += _list_section("Topics", notes.get("topics", []))
    lines += _list_section(
        "To do", [_cite(_describe_task(i, transcript), i, transcript) for i in notes.get("actionItems", [])]
    )
    for heading, field in (("Decisions", "decisions"), ("Questions", "questions")):
        lines += _list_section(heading, [_cite(i["text"], i, transcript) for i in notes.get(field, [])])
    lines += _chapter_lines(transcript)
    lines += _list_section("Possible mis-hearings", _list_corrections(transcript))
    failed = {name: note for name, note in transcript.notes.items() if "error" in note}
    lines += _list_section(
        "Notes that failed", [f"{n}: {f['error']}: {f['message']}" for n, f in failed.items()]
    )
    lines += _remark_lines(transcript)
    if notes.get("engine") == "offline" and "skipped" not in notes:
        lines += ["*Notes by the offline enricher: sentences and phrases picked from the transcript.*", ""]
    lines += ["## Transcript", ""]
    lines += [f"**{name}** [{format_clock(start)}] {text}\n" for start, name, text in join_turns(transcript)]
    if not transcript.segments:
        lines += ["No speech was found in this recording.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _sound_lines(transcript: Transcript) -> list[str]:
    """Tell what is missing of the sound, and who was heard on which channel."""
    channels = describe_channels(transcript)
    damage = [f"[{format_clock(start_s)}] {what}" for start_s, what in list_damage(transcript)]
    return ([channels, ""] if channels else []) + _list_section("Missing sound", damage)


def _remark_lines(transcript: Transcript) -> list[str]:
    """Write what a reader must know of the notes: why there are none, or what they rest on."""
    remarks = [str(note["remark"]) for note in transcript.notes.values() if "remark" in note]
    if skipped := transcript.notes.get("notes", {}).get("skipped"):
        remarks.append(f"No notes: {skipped}.")
    return [line for remark in dict.fromkeys(remarks) for line in (f"*{remark}*", "")]


def _list_section(heading: str, items: Sequence[str]) -> list[str]:
    return [f"## {heading}", "", *[f"- {item}" for item in items], ""] if items else []


def _cite(text: str, item: Mapping[str, Any], transcript: Transcript) -> str:
    """Append the times at which the cited segments start."""
    starts = [transcript.segments[i].start_s for i in item["segmentIds"]]
    return text + "".join(f" [{format_clock(start)}]" for start in starts)


def _describe_task(item: Mapping[str, Any], transcript: Transcript) -> str:
    owner = transcript.speaker_name(item["owner"]) if item["owner"] else ""
    details = ", ".join(filter(None, (owner, item["due"])))
    return f"{item['text']} ({details})" if details else str(item["text"])


def _chapter_lines(transcript: Transcript) -> list[str]:
    chapters = transcript.notes.get("chapters", {}).get("chapters", [])
    starts = [format_clock(transcript.segments[c["segmentId"]].start_s) for c in chapters]
    return _list_section("Chapters", [f"[{s}] {c['title']}" for s, c in zip(starts, chapters, strict=True)])


def _list_corrections(transcript: Transcript) -> list[str]:
    found = transcript.notes.get("corrections", {}).get("corrections", [])
    return [
        f'[{format_clock(transcript.segments[c["segmentId"]].start_s)}] "{c["heard"]}": '
        f'perhaps "{c["suggestion"]}"'
        for c in found
    ]


RENDERERS = {"srt": to_srt, "vtt": to_vtt, "txt": to_txt, "md": to_markdown}
