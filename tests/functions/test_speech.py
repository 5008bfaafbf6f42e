"""Speech detection: silence that was filled in is never called speech."""

import numpy as np
import pytest

from functions.prepare import handler as prepare
from functions.prepare.speech import find_speech
from rem.adapters.models import DEMO_DIR
from rem.core.chunks import Region
from rem.stage.prepared import Prepared
from rem.stage.settings import PrepareSettings
from tests.fakes import FakeCatalog, FakeStore
from tests.functions.recorders import Take, record
from tests.functions.sounds import HZ, read_wav, write_wav
from tests.functions.stages import EVENT

pytestmark = pytest.mark.usefixtures("stage_environment")
STANDUP = read_wav(DEMO_DIR / "standup.wav")


def overlap(regions, start_s, end_s):
    edges = [(max(r.start, start_s * HZ), min(r.end, end_s * HZ)) for r in regions]
    return sum(max(0, end - start) for start, end in edges)


@pytest.mark.parametrize("length_s", [0.3, 2.0, 30.0])
def test_a_hole_in_the_middle_of_a_word_is_no_speech(tmp_path, length_s):
    """Without being told, the detector pads the speech on both sides of a hole into it."""
    hole = Region(3 * HZ, int((3 + length_s) * HZ))
    pcm = np.concatenate(
        [STANDUP[: 3 * HZ], np.zeros(hole.end - hole.start, np.int16), STANDUP[3 * HZ : 8 * HZ]]
    )
    path = write_wav(tmp_path / "a.wav", pcm)
    settings = PrepareSettings.from_env()
    assert overlap(find_speech(path, settings), 3, 3 + length_s) > 0
    found = find_speech(path, settings, [hole])
    assert overlap(found, 3, 3 + length_s) == 0
    assert overlap(found, 2.5, 3) > 0.3 * HZ
    assert overlap(found, 3 + length_s, 3.5 + length_s) > 0.3 * HZ


def test_a_recording_without_holes_has_the_speech_that_it_always_had(tmp_path):
    path = write_wav(tmp_path / "a.wav", STANDUP)
    settings = PrepareSettings.from_env()
    assert find_speech(path, settings, []) == find_speech(path, settings)


def test_no_stage_hears_what_was_filled_in(tmp_path):
    take = Take(STANDUP[: 12 * HZ], "aac", lost=[(4, 7)])
    store = FakeStore({EVENT["key"]: record(tmp_path / "a.mp4", take).read_bytes()})
    output = prepare.run(EVENT, store=store, catalog=FakeCatalog(), settings=PrepareSettings.from_env())
    prepared = Prepared.load(store, output["key"])
    ((damage),) = prepared.audio["damage"]
    assert (damage["kind"], damage["secondsMissing"]) == ("hole", pytest.approx(3, abs=0.1))
    assert overlap(prepared.channels[0].speech, damage["start"], damage["end"]) <= 1
    assert overlap(prepared.channels[0].speech, 0, 4) > 2 * HZ
