from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem.core.errors import InputError
from rem.core.places import artifact_key, compute_fingerprint, execution_name, parse_fingerprint
from rem.core.recordings import Recording, raw_key

STEP_FUNCTIONS_NAME = r"[A-Za-z0-9_.-]{1,80}"


def test_fingerprint_changes_with_everything_that_changes_the_result():
    base = ("transcribe", 1, ["abc"], {"beam": 5})
    others = [
        ("diarize", 1, ["abc"], {"beam": 5}),
        ("transcribe", 2, ["abc"], {"beam": 5}),
        ("transcribe", 1, ["abd"], {"beam": 5}),
        ("transcribe", 1, ["abc"], {"beam": 4}),
    ]
    assert len({compute_fingerprint(*identity) for identity in [base, *others]}) == 5


def test_fingerprint_does_not_depend_on_the_order_of_settings():
    assert compute_fingerprint("s", 1, [], {"a": 1, "b": 2}) == compute_fingerprint(
        "s", 1, [], {"b": 2, "a": 1}
    )


def test_fingerprint_is_found_again_in_the_key():
    assert parse_fingerprint(artifact_key("r", "prepare", "0123abc", "npz")) == "0123abc"


@given(st.text(min_size=1, max_size=200), st.text(max_size=50), st.text(max_size=40))
def test_execution_name_is_always_valid_and_always_the_same(recording_id, key, content):
    name = execution_name(recording_id, key, content)
    assert name == execution_name(recording_id, key, content)
    assert __import__("re").fullmatch(STEP_FUNCTIONS_NAME, name)


def test_execution_name_differs_with_the_content():
    assert execution_name("r", "k", "etag-1") != execution_name("r", "k", "etag-2")


def test_raw_key_carries_the_identity():
    key = raw_key("me", "badge-1", datetime(2026, 11, 24, tzinfo=UTC), "talk.v2", "WAV")
    assert key == "raw/me/badge-1/2026/11/24/talk.v2.wav"
    found = Recording.from_raw_key("bucket", key)
    assert (found.user_id, found.device_id, found.recording_id) == ("me", "badge-1", "talk.v2")
    assert found.started_at == "2026-11-24T00:00:00+00:00"


@pytest.mark.parametrize("bad", ["", "..", "a/b", "../x", "a b", "ä", "x" * 129, ".hidden"])
def test_an_id_that_could_leave_its_folder_is_refused(bad):
    with pytest.raises(InputError):
        raw_key("me", "dev", datetime(2026, 1, 1, tzinfo=UTC), bad, "wav")


@pytest.mark.parametrize(
    "key",
    [
        "raw/me/dev/r.wav",
        "x/me/dev/2026/11/24/r.wav",
        "raw/me/dev/2026/13/24/r.wav",
        "raw/me/dev/2026/11/24/r",
    ],
)
def test_a_key_that_is_no_raw_key_is_refused(key):
    with pytest.raises(InputError):
        Recording.from_raw_key("bucket", key)


def test_a_job_that_lacks_fields_names_them():
    with pytest.raises(InputError, match="userId, key"):
        Recording.from_event({"recordingId": "r", "deviceId": "d", "startedAt": "t", "bucket": "b"})
