import pytest

from rem.cli.run_options import ModelOptions, NoteOptions, RunOptions
from rem.core.errors import InputError, SetupError


@pytest.mark.parametrize(
    ("given", "code"), [("", ""), ("auto", ""), ("English", "en"), ("en-GB", "en"), ("ENG", "en")]
)
def test_the_language_of_a_run_becomes_whispers_code(given, code):
    assert ModelOptions("demo", "demo", given).to_settings()["language"] == code


def test_a_run_refuses_an_unknown_language_with_the_nearest_ones():
    with pytest.raises(InputError, match=r"'klingon' .* did you mean Lingala"):
        ModelOptions("demo", "demo", "klingon").to_settings()


def settings(**changes):
    models, engine = ModelOptions("demo", "demo", "en"), changes.pop("enrich_engine", "")
    return RunOptions(models, NoteOptions(**changes), enrich_engine=engine).to_settings()


def test_nothing_asked_is_what_stages_yaml_says(monkeypatch):
    monkeypatch.delenv("REM_RECIPES", raising=False)
    assert not {"recipes", "recipe_names", "enrich_model", "enrich_engine"} & set(settings())


def test_recipes_model_and_no_enrich():
    chosen = settings(recipe=["notes", "chapters"], enrich_model="llama3.3")
    assert (chosen["recipe_names"], chosen["enrich_model"]) == ("notes,chapters", "llama3.3")
    assert settings(enrich=False)["recipe_names"] == "none"


def test_misspelt_recipe_is_found_out_before_the_work():
    with pytest.raises(SetupError, match="no recipe 'note'"):
        settings(recipe=["note"])


def test_own_folder_and_ceiling_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("REM_RECIPES", "mine")
    monkeypatch.setenv("REM_MAX_ENRICH_USD", "0.01")
    chosen = settings()
    assert chosen["recipes"] == str(tmp_path / "mine")
    assert chosen["max_enrich_usd"] == "0.01"


def test_environment_may_keep_notes_on_this_machine(monkeypatch):
    monkeypatch.setenv("REM_ENRICH_ENGINE", "offline")
    assert settings()["enrich_engine"] == "offline"
    monkeypatch.setenv("REM_ENRICH_ENGINE", "openai")
    assert settings(enrich_engine="offline")["enrich_engine"] == "offline"


def test_prefix_is_for_aws(monkeypatch):
    monkeypatch.setenv("REM_RECIPES", "s3://bucket/recipes")
    with pytest.raises(SetupError, match="names a folder"):
        settings()
