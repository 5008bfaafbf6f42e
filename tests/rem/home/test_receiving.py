"""Files of a watched folder are taken in like uploads, whatever their size."""

import pytest

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store, S3Uploads
from rem.home.resources import BUCKET, TABLE, create_table
from rem.home.watch import Receiving
from rem.library.intake import PART_BYTES, Intake, NotAudioError
from rem.states.local_aws import LocalAws
from tests.functions.sounds import tone, write_wav

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def receiving():
    with LocalAws([]) as aws:
        s3, dynamodb = aws.client("s3"), aws.client("dynamodb")
        s3.create_bucket(Bucket=BUCKET)
        create_table(aws)
        catalog = DynamoCatalog(TABLE, dynamodb)
        yield Receiving(Intake(S3Store(BUCKET, s3), catalog, S3Uploads(BUCKET, s3), BUCKET), s3, "me")


def find(receiving, stem):
    [record] = [r for r in receiving.intake.catalog.find("me").records if r.recording_id.startswith(stem)]
    return record


@pytest.mark.parametrize("seconds", [1.0, 400.0], ids=["small", "in parts"])
def test_a_file_is_taken_once_whatever_its_size(receiving, tmp_path, seconds):
    path = write_wav(tmp_path / f"memo{seconds:.0f}.wav", tone(seconds))
    assert (path.stat().st_size > PART_BYTES) == (seconds > 300)
    assert receiving.take_file(path)
    assert not receiving.take_file(path)
    record = find(receiving, f"memo{seconds:.0f}-")
    assert (record.status, record.device_id) == ("UPLOADED", "watch")
    assert receiving.intake.store.read_bytes(record.key) == path.read_bytes()


def test_a_file_that_is_no_sound_is_refused(receiving, tmp_path):
    (tmp_path / "letter.wav").write_text("Dear Ada")
    with pytest.raises(NotAudioError, match="it is text"):
        receiving.take_file(tmp_path / "letter.wav")
