import pytest

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.core.recordings import Recording
from rem.core.records import Status
from rem.home.resources import BUCKET, TABLE
from rem.library.documents import write_documents
from rem.transcripts.transcript import Segment, Speaker, Transcript, Word

pytestmark = pytest.mark.slow
RECORDING = Recording(
    "talk", "me", "cli", "2026-11-24T09:00:00+00:00", BUCKET, "raw/me/cli/2026/11/24/talk.wav"
)


TRANSCRIPT = Transcript(
    recording=RECORDING,
    duration_s=61.5,
    speech_s=1.0,
    language="en",
    whisper_model="demo",
    transcribed_at="2026-11-24T10:00:00+00:00",
    segments=(Segment((Word(0.0, 1.0, " hello", 0.9),), speaker="SPEAKER_00"),),
    speakers=(Speaker("SPEAKER_00", 1.0),),
)


@pytest.fixture
def stored(installation):
    store = S3Store(BUCKET, installation.aws.client("s3"))
    catalog = DynamoCatalog(TABLE, installation.aws.client("dynamodb"))
    store.write_bytes(RECORDING.key, b"sound", "audio/wav")
    key = write_documents(store, TRANSCRIPT)
    changes = {"duration_s": 61.5, "title": "About hello", "transcript_key": key}
    catalog.advance(RECORDING, Status.COMPLETE, changes)
    return installation


def test_recording_is_listed_renamed_shown_and_deleted_for_good(stored):
    assert "talk       2026-11-24 09:00  COMPLETE  1:01    About hello" in stored.rem("list")[1]
    assert stored.rem("rename", "talk", "SPEAKER_00", "Ada") == (0, "SPEAKER_00 is Ada\n")
    assert stored.rem("rename", "talk", "Ada", "Ada Lovelace") == (0, "SPEAKER_00 is Ada Lovelace\n")
    assert stored.rem("rename", "talk", "SPEAKER_00")[0] == 2
    assert "named twice" in stored.rem("rename", "talk", "SPEAKER_00", "Zoe", "Ada Lovelace", "Mia")[1]
    shown = stored.rem("show", "talk")[1]
    assert "0:00  Ada Lovelace  hello" in shown
    assert "transcripts/me/cli/talk.srt" in shown
    code, text = stored.rem("delete", "talk")
    assert code == 0
    assert f"removed {RECORDING.key}" in text
    assert "removed record me/talk" in text
    code, text = stored.rem("delete", "talk")
    assert (code, text) == (2, "rem: me has no recording 'talk'")
    assert stored.rem("list", "--user", "me")[1] == "me has no recordings.\n"
