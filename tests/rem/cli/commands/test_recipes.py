"""`rem recipes`: listed, checked, and priced on a transcript."""

import json
import re

import pytest

from rem.cli.main import app
from rem.core.errors import InputError, SetupError
from tests.functions.asking import SAID, spoken
from tests.rem.stage.test_recipe_files import SHIPPED, write


@pytest.fixture
def rem(capsys):
    def call(*arguments):
        app([*map(str, arguments)], standalone_mode=False)
        return capsys.readouterr().out

    return call


@pytest.fixture
def transcript(tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(spoken(*SAID).to_json()))
    return path


def test_lists_the_recipes(rem):
    listed = rem("recipes")
    assert all(re.search(rf"\b{name}\b", listed) for name in SHIPPED)


def test_prices_a_transcript_with_upper_bounds(rem, transcript):
    rows = {row["name"]: row for row in json.loads(rem("recipes", transcript, "--json"))["recipes"]}
    assert rows["chapters"]["atMost"] is None
    notes = rows["notes"]["atMost"]
    assert notes["requests"] == 1
    assert notes["llmUsd"] == pytest.approx((notes["inputTokens"] * 0.10 + 4000 * 0.50) / 1e6)
    assert "Together at most US$" in rem("recipes", transcript)


def test_unknown_price_is_said(rem, transcript):
    assert "unknown" in rem("recipes", transcript, "--enrich-model", "llama3.3")


def test_checks_a_folder(rem, tmp_path):
    write(tmp_path, poem_yaml="{name: poem, output: Poem}")
    with pytest.raises(SetupError, match="output 'Poem'"):
        rem("recipes", "--recipes", tmp_path)


def test_recipe_without_a_prompt_is_refused(rem, tmp_path):
    write(tmp_path, poem_yaml="{name: poem, output: Text}")
    with pytest.raises(SetupError, match="poem has no prompt"):
        rem("recipes", "--recipes", tmp_path)


def test_other_files_are_no_transcript(rem, tmp_path):
    (tmp_path / "x.json").write_text("{}")
    for path, sentence in ((tmp_path / "x.json", "not a transcript"), (tmp_path / "y", "cannot be read")):
        with pytest.raises(InputError, match=sentence):
            rem("recipes", path)
