"""Settings: a stage's environment, read once and told by name where it is wrong."""

import pytest

from rem.core.errors import SetupError
from rem.definition import load_stages
from rem.stage.settings import PrepareSettings, Settings, TranscribeSettings, thread_count

ADDRESSES = {
    "keys_table",
    "part_secret",
    "bucket",
    "table",
    "state_machine_arn",
    "express_machine_arn",
    "queue_url",
    "topic_arn",
}


def _settings_classes():
    found, pending = [], [Settings]
    while pending:
        found.append(pending.pop())
        pending += found[-1].__subclasses__()
    return found


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for stage in load_stages().values():
        for name, value in stage.environment().items():
            monkeypatch.setenv(name, value)


def test_a_missing_setting_is_named(monkeypatch):
    monkeypatch.delenv("REM_VAD_THRESHOLD")
    with pytest.raises(SetupError, match="REM_VAD_THRESHOLD"):
        PrepareSettings.from_env()


def test_a_malformed_setting_is_named(monkeypatch):
    monkeypatch.setenv("REM_BEAM_SIZE", "many")
    with pytest.raises(SetupError, match="REM_BEAM_SIZE"):
        TranscribeSettings.from_env()


def test_a_language_may_be_written_as_people_write_it(monkeypatch):
    monkeypatch.setenv("REM_BUCKET", "bucket")
    monkeypatch.setenv("REM_TABLE", "table")
    for text, code in (("German", "de"), ("pt-BR", "pt"), ("DE", "de"), ("auto", None), ("", None)):
        monkeypatch.setenv("REM_LANGUAGE", text)
        assert TranscribeSettings.from_env().language == code


def test_an_unknown_language_is_refused_with_the_nearest_ones(monkeypatch):
    monkeypatch.setenv("REM_LANGUAGE", "klingon")
    with pytest.raises(SetupError, match=r"REM_LANGUAGE: 'klingon' is no language .* did you mean Lingala"):
        TranscribeSettings.from_env()


def test_threads_follow_the_memory_and_not_the_machine(monkeypatch):
    for memory_mb, threads in ((512, 1), (3008, 1), (3538, 2), (10240, 5)):
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", str(memory_mb))
        assert thread_count() == threads


def test_every_setting_of_stages_yaml_is_read_by_a_settings_class():
    known = {name for cls in _settings_classes() for name in cls.model_fields}
    written = {name for stage in load_stages().values() for name in stage.settings}
    assert known - ADDRESSES == written
