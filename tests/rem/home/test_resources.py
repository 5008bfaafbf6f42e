"""The laptop's resources, read back: they are those of statemachine/resources.yaml."""

import pytest

from rem.definition import load_resources, load_stages
from rem.home.resources import BUCKET, KEYS_TABLE, TABLE, build_functions, create_stack
from rem.states.local_aws import LocalAws
from tests.statemachine import made

pytestmark = pytest.mark.slow


def test_a_laptop_has_the_tables_queue_and_events_of_the_file():
    resources, stages = load_resources(), load_stages()
    with LocalAws([]) as aws:
        stack = create_stack(aws, stages, poll=False)
        dynamodb = aws.client("dynamodb")
        tables = {name: made.read_table(dynamodb, f"rem-{name}") for name in ("recordings", "keys")}
        queue = made.read_queue(aws.client("sqs"), stack.queue_url)
        bucket = made.read_bucket(aws.client("s3"), BUCKET)
    assert (TABLE, KEYS_TABLE) == ("rem-recordings", "rem-keys")
    assert tables == resources.tables
    visible_s = resources.queue.visibility_per_timeout * stages["start"].timeout_s
    assert queue == (visible_s, resources.queue.receives_before_dlq)
    assert bucket == resources.bucket


def test_every_local_function_has_the_environment_of_the_file():
    for function in build_functions(load_stages()):
        assert load_resources().environment.items() <= function.environment.items()
