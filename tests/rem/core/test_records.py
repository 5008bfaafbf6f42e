from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem.core.recordings import Recording
from rem.core.records import (
    NAMES,
    UPLOAD,
    FailureReport,
    Record,
    Status,
    find_changes,
    to_fields,
)

RECORDING = Recording("walk", "me", "badge", "2026-11-24T09:00:00+00:00", "bucket", "raw/walk.wav")
ERROR = FailureReport("diarize", "BusyError", "it was busy", is_redrivable=True)
texts = st.text(min_size=1, max_size=9)
stored = st.fixed_dictionaries(
    {
        **dict.fromkeys(("userId", "recordingId", "deviceId", "startedAt", "key"), texts),
        **dict.fromkeys(("createdAt", "updatedAt"), texts),
        "status": st.sampled_from([status.value for status in Status]),
        "statusRank": st.integers(0, 4),
    },
    optional={
        "title": st.text(max_size=9),
        "seq": st.integers(0, 9),
        "battery": st.floats(0, 100),
        "uploadId": texts,
        "error": st.just(ERROR.to_item()),
        "speakerNames": st.dictionaries(texts, texts, min_size=1),
    },
)
unknown = st.dictionaries(texts.map("x-{}".format), st.none() | st.integers() | st.lists(texts))


@given(stored, unknown)
def test_a_record_is_written_as_it_was_read_with_the_fields_of_a_newer_rem(item, more):
    record = Record.from_item({**item, **more})
    assert record.to_item() == {**item, **more}
    assert record.more == more


def test_every_attribute_has_a_name_of_its_own_in_the_store():
    assert [*NAMES, "more"] == [*Record.__dataclass_fields__]
    assert len(set(NAMES.values())) == len(NAMES)


def test_a_change_names_only_attributes_that_a_record_has():
    assert to_fields({"upload_id": None, "error": ERROR}) == {"uploadId": None, "error": ERROR.to_item()}
    with pytest.raises(KeyError, match="uploadId"):
        to_fields({"uploadId": None})


def test_changes_are_what_differs_and_what_is_gone():
    seen = replace(Record.begin(RECORDING), upload_id="u", updated_at="1", more={"mood": "calm"})
    assert find_changes(seen, replace(seen, updated_at="2")) == {}
    assert find_changes(seen, replace(seen, title="T", upload_id=None)) == {"title": "T", "uploadId": None}
    assert find_changes(seen, seen.mark_deleted()) == {
        "status": "DELETED",
        "statusRank": Status.DELETED.rank,
        "uploadId": None,
        "mood": None,
    }


def test_a_first_record_is_all_change():
    new = Record.begin(RECORDING)
    assert find_changes(None, new) == {
        "userId": "me",
        "recordingId": "walk",
        "deviceId": "badge",
        "startedAt": RECORDING.started_at,
        "key": RECORDING.key,
        "status": "UPLOADED",
        "statusRank": 0,
    }
    assert new.to_recording("bucket") == RECORDING


def test_a_record_without_a_rank_has_that_of_its_status():
    item = {name: value for name, value in Record.begin(RECORDING).to_item().items() if name != "statusRank"}
    assert Record.from_item({**item, "status": "COMPLETE"}).status_rank == Status.COMPLETE.rank


@pytest.mark.parametrize(
    ("changes", "has_sound"),
    [
        ({}, True),
        ({"upload_id": "u"}, False),
        ({"error": replace(ERROR, stage=UPLOAD)}, False),
        ({"error": ERROR}, True),
    ],
)
def test_an_open_upload_and_one_that_never_arrived_have_no_sound(changes, has_sound):
    assert replace(Record.begin(RECORDING), **changes).has_sound == has_sound
