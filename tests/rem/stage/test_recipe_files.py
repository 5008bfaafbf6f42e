"""Recipes are data: what is read, what is refused and with which sentence."""

import re
from dataclasses import fields

import boto3
import pytest
from moto import mock_aws

from rem.core.errors import SetupError
from rem.core.recipes import Recipe, pick_recipes
from rem.definition import ROOT
from rem.stage.recipe_files import choose_recipes, load_recipes

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
