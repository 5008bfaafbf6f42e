"""From a voice to words: the firmware hears, encodes and sends; the pipeline reads what arrived."""

import json

import pytest

from benchmarks.pipeline import Pipeline
from rem.adapters.models import DEMO_DIR
from rem.cli.score import Reference, score
from rem.definition import load_stages
from tests.firmware import server
from tests.firmware.both import run_scenario

pytestmark = [pytest.mark.models, pytest.mark.slow]
STANDUP = DEMO_DIR / "standup.wav"


@pytest.fixture(scope="module")
def pipeline():
    with pytest.MonkeyPatch.context() as patch:
        for stage in load_stages().values():
            for name, value in {**stage.environment(), "REM_BUCKET": "", "REM_TABLE": ""}.items():
                patch.setenv(name, value)
        yield Pipeline(DEMO_DIR / "whisper", DEMO_DIR / "diarization", language="en")


def test_words_survive_the_device_its_encoder_and_a_bad_server(pipeline, tmp_path, plain):
    """Within two points of the word error rate of the same sound, uncompressed and uncut."""
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "ca.pem").write_text("")
    (flash / "sound.wav").write_bytes(STANDUP.read_bytes())
    with server.serve() as ingest:
        ingest.faults = [500, server.LOST_ANSWER]
        settings = {
            "device": "desk",
            "key": server.KEY,
            "networks": [["home", "correct horse"]],
            "gain_db": 0,
        }
        (flash / "config.json").write_text(json.dumps({**settings, "server": ingest.url}))
        run_scenario("micropython", "plain_talk", flash, plain)
    (audio,) = ingest.audio.values()
    heard = tmp_path / "heard.wav"
    heard.write_bytes(audio)
    reference = Reference.load(STANDUP.with_suffix(".json"))
    assert score(pipeline.run(heard), reference).wer <= score(pipeline.run(STANDUP), reference).wer + 0.02
