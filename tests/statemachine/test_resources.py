"""resources.yaml against the code that must say the same words, and against second copies."""

import re
from datetime import UTC, datetime

import pytest

from rem.adapters import dynamodb
from rem.core.recordings import raw_key
from rem.definition import ROOT, load_resources

NAMES_INDEXES = {  # who says an index's name: the only adapter that asks for it, and the permission to ask
    "rem/adapters/dynamodb.py",
    "infra/iam.tf",
}


def test_the_adapter_asks_for_the_indexes_that_are_made():
    asked = {
        dynamodb.USER_INDEX,
        dynamodb.DEVICE_INDEX,
        dynamodb.SESSION_INDEX,
        dynamodb.CONTENT_INDEX,
        dynamodb.OPEN_INDEX,
    }
    assert asked == set(load_resources().tables["recordings"].indexes)


def test_an_upload_lies_where_its_event_is_sent():
    key = raw_key("me", "badge", datetime(2026, 11, 24, tzinfo=UTC), "r1", "wav")
    assert key.startswith(load_resources().bucket.event_prefix)


@pytest.mark.parametrize("index", load_resources().tables["recordings"].indexes)
def test_an_index_is_described_once(index):
    sources = [path for room in ("rem", "functions", "infra") for path in (ROOT / room).rglob("*")]
    code = [path for path in sources if path.suffix in (".py", ".tf")]
    naming = {path.relative_to(ROOT).as_posix() for path in code if index in path.read_text()}
    assert naming <= NAMES_INDEXES


def test_images_are_built_with_the_environment_that_they_run_with():
    environment = load_resources().environment
    for dockerfile in (ROOT / "functions").glob("*/Dockerfile"):
        for name, value in re.findall(r"\b([A-Z_]+)=(\S+)", dockerfile.read_text()):
            assert environment.get(name, value) == value, f"{dockerfile}: {name}"
