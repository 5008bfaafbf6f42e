import json

import pytest

from rem.adapters.models import resolve_diarization, resolve_whisper
from rem.core.errors import InputError, SetupError


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


def test_model_that_was_fetched_before_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("REM_MODELS", str(tmp_path))
    (tmp_path / "whisper" / "base.en").mkdir(parents=True)
    (tmp_path / "whisper" / "base.en" / "model.bin").touch()
    assert resolve_whisper("base.en") == tmp_path / "whisper" / "base.en"
