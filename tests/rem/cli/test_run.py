import io
from dataclasses import replace

import pytest
from rich.console import Console

from rem.cli.run import describe_spending, find_recordings, write_documents
from rem.home.session import Outcome
from tests.rem.transcripts.test_transcript import build_transcript

USAGE = {"requests": 1, "inputTokens": 10, "cachedTokens": 0, "outputTokens": 1, "llmUsd": 0.5}
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
QUIET = Console(file=io.StringIO())


def test_folder_stands_for_the_recordings_below_it_and_names_the_others(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("a.wav", "deep/b.M4A", ".hidden.wav"):
        (tmp_path / name).write_bytes(WAV)
    (tmp_path / "notes.txt").write_text("bread, milk")
    said = io.StringIO()
    files, bad = find_recordings([tmp_path], Console(file=said))
    assert [path.name for path in files] == ["a.wav", "b.M4A"]
    assert bad == []
    assert said.getvalue() == f"skipped {tmp_path / 'notes.txt'}: it is text\n"


def test_named_file_is_tried_whatever_its_suffix(tmp_path):
    (tmp_path / "recording.dat").write_bytes(bytes(100))
    files, _ = find_recordings([tmp_path / "recording.dat"], QUIET)
    assert files == [tmp_path / "recording.dat"]


def test_named_file_that_is_surely_no_recording_is_refused_before_the_work(tmp_path):
    (tmp_path / "memo.mp3").write_text("<html>sorry</html>")
    files, [refused] = find_recordings([tmp_path / "memo.mp3"], QUIET)
    assert (files, refused.is_bad_input) == ([], True)
    assert refused.message.startswith("it is no recording: it is a web page (HTML)")


def test_same_file_is_worked_on_once(tmp_path):
    (tmp_path / "a.wav").write_bytes(WAV)
    files, _ = find_recordings([tmp_path / "a.wav", tmp_path, tmp_path / "a.wav"], QUIET)
    assert len(files) == 1


def done(path, recording_id):
    return Outcome(path, "SUCCEEDED", recording_id=recording_id, documents={"json": b"{}", "srt": b""})


def test_namesakes_do_not_overwrite_each_other(tmp_path):
    outcomes = [done(tmp_path / "x" / "a.wav", "a-1"), done(tmp_path / "y" / "a.wav", "a-2")]
    names = [write_documents(outcome, tmp_path, is_only=False)["json"].name for outcome in outcomes]
    assert names == ["a-1.json", "a-2.json"]


def test_a_file_of_its_own_name_keeps_it(tmp_path):
    assert write_documents(done(tmp_path / "a.wav", "a-1"), tmp_path, is_only=True)["srt"].name == "a.srt"


@pytest.mark.parametrize(
    ("notes", "sentence"),
    [
        ({}, "Notes: none."),
        ({"notes": {"engine": "offline"}}, "Notes: made on this machine, nothing was sent."),
        ({"notes": {"error": "BusyError", "message": "m"}}, "0 answer(s)"),
        ({"a": {"engine": "openai", "usage": USAGE}}, "1 answer(s), 10 tokens sent, for US$ 0.5"),
        ({"a": {"engine": "openai", "usage": {**USAGE, "llmUsd": None}}}, "of unknown price"),
    ],
)  # fmt: skip
def test_report_says_what_left_the_machine(notes, sentence):
    assert sentence in describe_spending(replace(build_transcript([]), notes=notes))
