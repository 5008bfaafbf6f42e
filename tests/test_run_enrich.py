"""`rem run` with a language model: real processes, demo models, a server that speaks the wire format."""

import json
from types import SimpleNamespace

import jsonschema
import pytest

from functions.enrich.schemas import Notes
from tests.openai_server import failure, serve
from tests.rem.transcripts.test_transcript import SCHEMA
from tests.test_run import DEMO_MODELS, ROOT, rem

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(1200)]
KEY = "sk-test-never-to-be-seen-0123456789"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run with a recipe of one's own in a folder, and one recipe that fails."""
    out, recipes, logs = (tmp_path_factory.mktemp(name) for name in ("out", "recipes", "logs"))
    (recipes / "haiku.yaml").write_text("{name: haiku, output: Text, prompt: haiku.md}")
    (recipes / "haiku.md").write_text("Write a haiku about this conversation.")
    with serve() as server:
        server.reply = lambda call: (
            failure(404, "no such model", "invalid_request_error", "model_not_found")
            if call.path.endswith("embeddings")
            else None
        )
        answer = rem(
            *(
                "run",
                ROOT / "tests/data/heldout-1.wav",
                *DEMO_MODELS,
                "--language",
                "en",
                "--out",
                out,
                "--json",
            ),
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=server.base_url,
            REM_RECIPES=str(recipes),
            REM_LOGS=str(logs),
        )
    assert answer.returncode == 0, answer.stderr
    [recording] = json.loads(answer.stdout)["recordings"]
    written = [*out.iterdir(), *logs.iterdir()]
    return SimpleNamespace(
        answer=answer,
        transcript=recording["transcript"],
        server=server,
        texts=[p.read_text() for p in written],
    )


def test_notes_validate_and_say_what_they_cost(ran):
    jsonschema.validate(ran.transcript, SCHEMA)
    note = ran.transcript["notes"]["notes"]
    fields = {name: note[name] for name in Notes.model_json_schema()["properties"]}
    assert Notes(**fields).title == "Payment service repair"
    assert (note["engine"], note["model"]) == ("openai", "gpt-6-luna")
    assert note["usage"]["inputTokens"] == 1200
    assert note["usage"]["llmUsd"] == pytest.approx((1200 * 0.10 + 150 * 0.50) / 1e6)


def test_model_was_sent_the_whole_transcript(ran):
    sent = next(call.texts["user"] for call in ran.server.calls if call.schema == "Notes")
    for segment in ran.transcript["segments"]:
        assert segment["text"] in sent


def test_recipe_in_a_folder_runs_without_a_change_of_code(ran):
    assert ran.transcript["notes"]["haiku"]["text"] == "A poem about payments"
    [call] = [
        call for call in ran.server.calls if call.path.endswith("completions") and call.schema == "Text"
    ]
    assert call.texts["system"].endswith("Write a haiku about this conversation.")


def test_failed_recipe_is_recorded_and_the_recording_is_complete(ran):
    assert ran.transcript["notes"]["embeddings"]["error"] == "SetupError"
    assert "404" in ran.transcript["notes"]["embeddings"]["message"]


def test_key_is_nowhere(ran):
    assert {call.key for call in ran.server.calls} == {KEY}
    assert not any(KEY in text for text in (*ran.texts, ran.answer.stdout, ran.answer.stderr))


def test_misspelt_recipe_ends_before_the_work(tmp_path):
    answer = rem(
        "run", ROOT / "tests/data/heldout-1.wav", *DEMO_MODELS, "--recipe", "note", "--out", tmp_path
    )
    assert answer.returncode == 2
    assert "there is no recipe 'note': known are chapters" in answer.stderr
