import io
import json

import pytest
from rich.console import Console

from rem.adapters.models import resolve_diarization, resolve_whisper
from rem.cli.run import find_recordings, write_documents
from rem.cli.run_options import ModelOptions
from rem.core.errors import InputError, SetupError
from rem.home.session import Outcome
from rem.library.media import build_recording_id

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


def test_recording_id_is_readable_and_valid(tmp_path):
    assert build_recording_id(tmp_path / "Mein Gespräch (2).m4a", "0123456789") == "Mein-Gespr-ch-2-01234567"
    assert build_recording_id(tmp_path / "...wav", "0123456789").endswith("01234567")


def test_demo_is_a_model_name():
    assert (resolve_whisper("demo") / "model.bin").is_file()
    assert (resolve_diarization("demo") / "config.yaml").is_file()


def test_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(SetupError, match=r"no model\.bin"):
        resolve_whisper(str(tmp_path))
    with pytest.raises(SetupError, match=r"no config\.yaml"):
        resolve_diarization(str(tmp_path))


def test_an_english_only_model_refuses_another_language_before_it_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("REM_MODELS", str(tmp_path))
    with pytest.raises(InputError, match=r"base\.en does not know German \(de\); it knows English only"):
        resolve_whisper("base.en", language="de")


def test_a_model_folder_refuses_a_language_that_its_vocabulary_lacks(tmp_path):
    (tmp_path / "model.bin").touch()
    for tokens, language, is_known in (
        (["a"] * 51_864 + ["<|de|>"], "de", True),
        (["a"] * 51_864 + ["<|de|>"], "yue", False),
        (["a", "<|de|>"], "de", False),  # the tokenizer of English-only models has all language tokens
        (["a", "<|de|>"], "en", True),
    ):
        (tmp_path / "vocabulary.json").write_text(json.dumps(tokens))
        if is_known:
            assert resolve_whisper(str(tmp_path), language=language) == tmp_path
        else:
            with pytest.raises(InputError, match="does not know"):
                resolve_whisper(str(tmp_path), language=language)


@pytest.mark.parametrize(
    ("given", "code"), [("", ""), ("auto", ""), ("English", "en"), ("en-GB", "en"), ("ENG", "en")]
)
def test_the_language_of_a_run_becomes_whispers_code(given, code):
    assert ModelOptions("demo", "demo", given).to_settings()["language"] == code


def test_a_run_refuses_an_unknown_language_with_the_nearest_ones():
    with pytest.raises(InputError, match=r"'klingon' .* did you mean Lingala"):
        ModelOptions("demo", "demo", "klingon").to_settings()


def test_model_that_was_fetched_before_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("REM_MODELS", str(tmp_path))
    (tmp_path / "whisper" / "base.en").mkdir(parents=True)
    (tmp_path / "whisper" / "base.en" / "model.bin").touch()
    assert resolve_whisper("base.en") == tmp_path / "whisper" / "base.en"
