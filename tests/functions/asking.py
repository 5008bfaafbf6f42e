"""What the tests of Enrich with a language model share: a transcript, the model, and one run of the stage."""

from __future__ import annotations

from functions.enrich import handler as enrich
from functions.enrich.online import OnlineEnricher
from functions.enrich.openai_model import OpenAIModel
from rem.stage.settings import EnrichSettings
from rem.stage.work import Budget
from rem.transcripts.transcript import Segment, Word
from tests.fakes import FakeStore
from tests.rem.transcripts.test_transcript import build_transcript

KEY = "sk-test-never-to-be-seen-0123456789"
ASSEMBLED = "artifacts/r1/assemble/0123456789abcdef0123.json"
SAID = (
    ("SPEAKER_00", "Good morning, this is Anna."),
    ("SPEAKER_01", "The payment service failed last night."),
    ("SPEAKER_00", "We use pie torch for that."),
    ("SPEAKER_01", "Ben will repair the payment service before Friday."),
)
LONG = tuple(("SPEAKER_00", f"Sentence number {i} tells of thing {i}.") for i in range(400))
RECORDING = {
    "recordingId": "r1",
    "userId": "me",
    "deviceId": "dev",
    "startedAt": "2026-11-24T09:00:00+00:00",
    "bucket": "bucket",
    "key": "raw/me/dev/2026/11/24/r1.wav",
}


def spoken(*said):
    """Build a transcript of pairs of a speaker and a sentence."""
    return build_transcript(
        [
            Segment(
                tuple(Word(10 * i + k, 10 * i + k + 0.5, f" {w}", 1.0) for k, w in enumerate(text.split())),
                who,
            )
            for i, (who, text) in enumerate(said)
        ]
    )


def build_model(server, budget=None, timeout_s=20.0, model_name="gpt-6-luna", may_repeat=True):
    budget, model = budget or Budget(lambda: 200.0), OpenAIModel(KEY, server.base_url)
    return OnlineEnricher(model, model_name, budget, timeout_s, may_repeat=may_repeat)


def run(server, recipe="notes", said=SAID, store=None, model=None, planned=None):
    store = store or FakeStore()
    store.write_json(ASSEMBLED, spoken(*said).to_json())
    names = [{"name": name, "required": False} for name in planned or [recipe]]
    event = {
        "recording": RECORDING,
        "assembledKey": ASSEMBLED,
        "recipe": {"name": recipe, "required": False},
        "planned": names,
    }
    output = enrich.run(
        event, store=store, model=model or build_model(server), settings=EnrichSettings.from_env()
    )
    return store.read_json(output["key"])
