import pytest
from hypothesis import given
from hypothesis import strategies as st

from rem.library.upload_parts import PART_BYTES, OpenUpload, PartPlan, split_parts
from rem.ports import StoredPart

SIZE = PART_BYTES + 5


@given(st.integers(1, 40 * PART_BYTES))
def test_parts_are_numbered_from_one_and_add_up_to_the_file(size_bytes):
    parts = split_parts(size_bytes)
    assert [number for number, _ in parts] == list(range(1, len(parts) + 1))
    assert sum(size for _, size in parts) == size_bytes
    assert all(size == PART_BYTES for _, size in parts[:-1])
    assert 0 < parts[-1][1] <= PART_BYTES


def upload(*arrived):
    return OpenUpload("k", "u", SIZE, {part.number: part for part in arrived})


FIRST, SECOND = StoredPart(1, "a", PART_BYTES), StoredPart(2, "b", 5)


def test_a_part_that_has_not_arrived_has_no_etag():
    assert upload(SECOND).plan_parts() == [PartPlan(1, PART_BYTES, None), PartPlan(2, 5, "b")]


@pytest.mark.parametrize(
    ("arrived", "etags", "wrong"),
    [
        ((FIRST, SECOND), {1: '"a"', 2: "b"}, []),
        ((FIRST,), {1: "a", 2: "b"}, [2]),
        ((FIRST, StoredPart(2, "b", 4)), {1: "a", 2: "b"}, [2]),
        ((FIRST, SECOND), {1: "b", 2: "b"}, [1]),
        ((FIRST, SECOND), {}, [1, 2]),
    ],
    ids=["whole", "missing", "cut off", "other bytes", "nothing was told"],
)
def test_a_part_is_right_where_its_size_and_its_etag_are(arrived, etags, wrong):
    assert upload(*arrived).find_wrong(etags) == wrong
