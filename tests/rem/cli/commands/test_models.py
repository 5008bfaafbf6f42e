import json

import pytest
from typer.testing import CliRunner

from rem.adapters.models import COMMUNITY, DEMO_DIR, OPEN, choose_voices, locate_model, resolve_diarization
from rem.cli.main import app
from rem.cli.run_options import ModelOptions
from rem.core.errors import InputError, SetupError
from rem.weights.identity import write_manifest


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty folder of models, and no token."""
    monkeypatch.setenv("REM_MODELS", str(tmp_path))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return tmp_path


def put(kind, name, file):
    """A fetched model of one small file."""
    folder = locate_model(kind, name)
    folder.mkdir(parents=True)
    (folder / file).write_text("weights")
    write_manifest(folder, name, "here")
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["models", *arguments])


def test_the_list_says_what_is_here_and_what_needs_an_account(models):
    put("whisper", "base", "model.bin")
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)["models"]}
    assert (rows["base"]["fetched"], rows["small"]["fetched"]) == (True, False)
    assert (rows[OPEN]["gated"], rows[COMMUNITY]["gated"]) == (False, True)
    assert "needs an account: HF_TOKEN" in run("list").stdout


def test_verify_names_the_file_that_changed(models):
    folder = put("whisper", "base", "model.bin")
    assert run("verify").exit_code == 0
    (folder / "model.bin").write_text("WEIGHTS")
    answer = run("verify", "--json")
    assert answer.exit_code == 2
    assert json.loads(answer.stdout)["models"][0]["damaged"] == ["model.bin"]


def test_a_name_that_is_none_is_refused_before_anything_is_fetched(models):
    assert isinstance(run("fetch", "base", "nope").exception, InputError)
    assert list(models.iterdir()) == []


def test_voices_are_the_open_ones_until_the_others_can_be_had(models, monkeypatch):
    assert choose_voices(OPEN) == OPEN
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    assert choose_voices(OPEN) == COMMUNITY
    monkeypatch.delenv("HF_TOKEN")
    put("diarization", COMMUNITY, "config.yaml")
    assert choose_voices(OPEN) == COMMUNITY
    assert choose_voices("some/folder") == "some/folder"


def test_a_run_that_was_not_told_says_which_voices_it_takes(models, capsys):
    put("diarization", OPEN, "config.yaml")
    settings = ModelOptions(whisper="demo").to_settings()
    assert settings["diarization_model"] == locate_model("diarization", OPEN)
    assert "Voices: open, which needs no account; community-1 with HF_TOKEN set" in capsys.readouterr().err


def test_a_run_that_was_told_says_nothing(models, capsys):
    ModelOptions(whisper="demo", diarization="demo").to_settings()
    assert capsys.readouterr().err == ""


def test_the_hub_name_of_a_listed_pipeline_is_that_pipeline(models):
    folder = put("diarization", COMMUNITY, "config.yaml")
    assert resolve_diarization("pyannote/speaker-diarization-community-1") == folder


def test_a_wrong_path_is_told_that_it_is_one(models):
    with pytest.raises(SetupError, match=r"there is no folder /no/such/model: check the path"):
        resolve_diarization("/no/such/model")
    with pytest.raises(SetupError, match=r"is not a model folder: it has no config\.yaml"):
        resolve_diarization(str(DEMO_DIR / "whisper"))
