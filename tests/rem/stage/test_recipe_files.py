"""Recipes are data: what is read, what is refused and with which sentence."""

import json
import re
from dataclasses import fields, replace

import boto3
import pytest
from moto import mock_aws

from rem.core.errors import SetupError
from rem.core.recipes import Recipe, pick_recipes
from rem.definition import ROOT
from rem.stage.recipe_files import choose_recipes, load_recipes
from tests.rem.transcripts.test_transcript import build_transcript

USAGE = {"requests": 1, "inputTokens": 10, "cachedTokens": 0, "outputTokens": 1, "llmUsd": 0.5}
SHIPPED = {"notes", "chapters", "speaker-names", "corrections", "embeddings"}


def write(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return str(folder)


def test_shipped_recipes_are_all_usable_and_optional():
    from functions.enrich.schemas import check_output

    recipes = load_recipes()
    assert set(recipes) == SHIPPED
    for recipe in recipes.values():
        check_output(recipe)
        assert not recipe.required


def test_recipe_in_a_folder_is_one_more_and_may_replace_a_shipped_one(tmp_path):
    source = write(
        tmp_path,
        haiku_yaml="{name: haiku, output: Text, prompt: haiku.md, required: true, languages: [en]}",
        haiku_md="Write a haiku.\n",
        notes_yml="{name: notes, output: Items, prompt: haiku.md}",
    )
    recipes = load_recipes(source)
    assert set(recipes) == SHIPPED | {"haiku"}
    assert recipes["haiku"] == Recipe("haiku", "Text", "Write a haiku.", required=True, languages=("en",))
    assert recipes["notes"].output == "Items"


def test_recipes_under_an_s3_prefix_are_read(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    from rem.adapters.clients import s3_client
    from rem.adapters.s3 import read_texts

    with mock_aws():
        s3_client.cache_clear()
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="own-recipes")
        s3.put_object(
            Bucket="own-recipes", Key="team/haiku.yaml", Body=b"{name: haiku, output: Text, prompt: h.md}"
        )
        s3.put_object(Bucket="own-recipes", Key="team/h.md", Body=b"Write.")
        s3.put_object(Bucket="own-recipes", Key="team/old/x.yaml", Body=b"not read")
        assert set(read_texts("s3://own-recipes/team")) == {"haiku.yaml", "h.md"}
        assert load_recipes("s3://own-recipes/team/")["haiku"].prompt == "Write."
        with pytest.raises(SetupError, match="s3://nowhere/x cannot be read"):
            load_recipes("s3://nowhere/x")
        s3_client.cache_clear()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: [", "it is not YAML"),
        ("- a", "must be a mapping"),
        ("{name: x}", "output"),
        ("{name: x, output: Text, colour: red}", "unknown field colour; known are dimensions"),
        ("{name: X y, output: Text}", "lower-case letters"),
        ("{name: x, output: Text, prompt: gone.md}", "gone.md is missing beside it"),
        ("{name: x, output: Text, max_output_tokens: many}", "max_output_tokens"),
        ("{name: x, output: Text, max_input_tokens: 10}", "at least 2000"),
        ("{name: x, output: Text, max_output_tokens: 90000}", "6th of max_input_tokens"),
        ("{name: x, output: Text, merge: maybe}", "merge"),
        ("{name: x, output: Text, languages: en}", "languages"),
        ("{name: x, output: Text, languages: [klingon]}", r"languages: 'klingon' .* did you mean Lingala"),
    ],
)
def test_what_cannot_be_used_is_refused_with_file_and_reason(tmp_path, text, sentence):
    with pytest.raises(SetupError, match=sentence) as caught:
        load_recipes(write(tmp_path, bad_yaml=text))
    assert f"{tmp_path}/bad.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_languages_of_a_recipe_may_be_written_as_people_write_them(tmp_path):
    recipes = load_recipes(write(tmp_path, x_yaml="{name: x, output: Text, languages: [German, pt-BR]}"))
    assert recipes["x"].languages == ("de", "pt")


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(SetupError, match="gone is not a folder of recipes"):
        load_recipes(str(tmp_path / "gone"))


def test_recipe_of_the_docs_is_one(tmp_path):
    page = (ROOT / "docs" / "enrichment.md").read_text()
    example = re.search(r"```yaml\n(name: .*?)```", page, re.DOTALL)
    assert example is not None
    recipe = load_recipes(write(tmp_path, standup_yaml=example[1], standup_md="List what was done."))[
        "standup"
    ]
    assert recipe.merge == "ask"
    assert {f"{field.name}:" for field in fields(Recipe)} - set(example[1].split()) == {"dimensions:"}


class TestChoice:
    def names(self, *names, language="en", speech_s=60.0):
        return [recipe.name for recipe in choose_recipes("", names, language, speech_s)]

    def test_all_are_those_that_apply(self):
        assert set(self.names("all")) == SHIPPED - {"chapters"}
        assert set(self.names("all", speech_s=3600.0)) == SHIPPED
        assert set(self.names("all", speech_s=2.0)) == {"notes", "embeddings"}

    def test_named_ones_alone(self):
        assert self.names("notes", "notes") == ["notes"]

    def test_none_are_none(self):
        assert self.names("none") == []

    def test_unknown_one_is_named_beside_the_known(self):
        with pytest.raises(SetupError, match=r"no recipe 'haiku': known are chapters, corrections"):
            self.names("haiku")

    def test_language_decides(self):
        recipe = Recipe("x", "Text", languages=("de",))
        assert pick_recipes([recipe], ["all"], "de", 1.0) == [recipe]
        assert pick_recipes([recipe], ["all"], "en", 1.0) == []

    def test_required_ones_come_first_out_of_the_ceiling(self):
        recipes = [Recipe("a", "Text"), Recipe("b", "Text", required=True)]
        assert [recipe.name for recipe in pick_recipes(recipes, ["all"], None, 0.0)] == ["b", "a"]


class TestCommand:
    @pytest.fixture
    def rem(self, capsys):
        from rem.cli.main import app

        def call(*arguments):
            app([*map(str, arguments)], standalone_mode=False)
            return capsys.readouterr().out

        return call

    @pytest.fixture
    def transcript(self, tmp_path):
        from tests.functions.asking import SAID, spoken

        path = tmp_path / "t.json"
        path.write_text(json.dumps(spoken(*SAID).to_json()))
        return path

    def test_lists_the_recipes(self, rem):
        listed = rem("recipes")
        assert all(re.search(rf"\b{name}\b", listed) for name in SHIPPED)

    def test_prices_a_transcript_with_upper_bounds(self, rem, transcript):
        rows = {row["name"]: row for row in json.loads(rem("recipes", transcript, "--json"))["recipes"]}
        assert rows["chapters"]["atMost"] is None
        notes = rows["notes"]["atMost"]
        assert notes["requests"] == 1
        assert notes["llmUsd"] == pytest.approx((notes["inputTokens"] * 0.10 + 4000 * 0.50) / 1e6)
        assert "Together at most US$" in rem("recipes", transcript)

    def test_unknown_price_is_said(self, rem, transcript):
        assert "unknown" in rem("recipes", transcript, "--enrich-model", "llama3.3")

    def test_checks_a_folder(self, rem, tmp_path):
        write(tmp_path, poem_yaml="{name: poem, output: Poem}")
        with pytest.raises(SetupError, match="output 'Poem'"):
            rem("recipes", "--recipes", tmp_path)

    def test_recipe_without_a_prompt_is_refused(self, rem, tmp_path):
        write(tmp_path, poem_yaml="{name: poem, output: Text}")
        with pytest.raises(SetupError, match="poem has no prompt"):
            rem("recipes", "--recipes", tmp_path)

    def test_other_files_are_no_transcript(self, rem, tmp_path):
        from rem.core.errors import InputError

        (tmp_path / "x.json").write_text("{}")
        for path, sentence in ((tmp_path / "x.json", "not a transcript"), (tmp_path / "y", "cannot be read")):
            with pytest.raises(InputError, match=sentence):
                rem("recipes", path)


class TestRunOptions:
    def settings(self, **changes):
        from rem.cli.run_options import ModelOptions, NoteOptions, RunOptions

        models, engine = ModelOptions("demo", "demo", "en"), changes.pop("enrich_engine", "")
        return RunOptions(models, NoteOptions(**changes), enrich_engine=engine).to_settings()

    def test_nothing_asked_is_what_stages_yaml_says(self, monkeypatch):
        monkeypatch.delenv("REM_RECIPES", raising=False)
        assert not {"recipes", "recipe_names", "enrich_model", "enrich_engine"} & set(self.settings())

    def test_recipes_model_and_no_enrich(self):
        chosen = self.settings(recipe=["notes", "chapters"], enrich_model="llama3.3")
        assert (chosen["recipe_names"], chosen["enrich_model"]) == ("notes,chapters", "llama3.3")
        assert self.settings(enrich=False)["recipe_names"] == "none"

    def test_misspelt_recipe_is_found_out_before_the_work(self):
        with pytest.raises(SetupError, match="no recipe 'note'"):
            self.settings(recipe=["note"])

    def test_own_folder_and_ceiling_come_from_the_environment(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine").mkdir()
        monkeypatch.setenv("REM_RECIPES", "mine")
        monkeypatch.setenv("REM_MAX_ENRICH_USD", "0.01")
        chosen = self.settings()
        assert chosen["recipes"] == str(tmp_path / "mine")
        assert chosen["max_enrich_usd"] == "0.01"

    def test_environment_may_keep_notes_on_this_machine(self, monkeypatch):
        monkeypatch.setenv("REM_ENRICH_ENGINE", "offline")
        assert self.settings()["enrich_engine"] == "offline"
        monkeypatch.setenv("REM_ENRICH_ENGINE", "openai")
        assert self.settings(enrich_engine="offline")["enrich_engine"] == "offline"

    def test_prefix_is_for_aws(self, monkeypatch):
        monkeypatch.setenv("REM_RECIPES", "s3://bucket/recipes")
        with pytest.raises(SetupError, match="names a folder"):
            self.settings()


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
    from rem.cli.run import describe_spending

    assert sentence in describe_spending(replace(build_transcript([]), notes=notes))
