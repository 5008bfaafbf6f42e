"""Log lines of one invocation, and REPORT lines of a stage: from files and from CloudWatch Logs."""

import time
from datetime import UTC, datetime

import pytest

from rem.adapters.logs import CloudWatchLogs, LogFiles

MINE, OTHER = "a" * 8, "b" * 8
LINES = {
    "one": [f"START RequestId: {MINE}", "what it said", f"REPORT RequestId: {MINE}"],
    "two": [f"START RequestId: {OTHER}", "a neighbour", f"REPORT RequestId: {OTHER}"],
}
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.slow
def test_log_of_one_invocation_is_cut_out_of_its_stream(aws):
    client, group = aws.client("logs"), "/aws/lambda/rem-dev-transcribe"
    client.create_log_group(logGroupName=group)
    now_ms = int(time.time() * 1000)
    for stream, said in LINES.items():
        client.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": now_ms + n, "message": line} for n, line in enumerate(said)]
        client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    logs = CloudWatchLogs("rem-dev", client)
    function = "arn:aws:lambda:us-east-1:123456789012:function:rem-dev-transcribe:$LATEST"
    assert logs.read(function, MINE) == LINES["one"]
    assert logs.read(function, "c" * 8) == []
    [refusal] = logs.read("rem-dev-nobody", MINE)
    assert "cannot be read" in refusal
    assert list(logs.read_reports("nobody", SINCE)) == []


def test_a_neighbours_life_lines_are_left_out_of_a_shared_file(tmp_path):
    (start, said, report), (other_start, neighbour, other_report) = LINES.values()
    mixed = [other_start, start, neighbour, other_report, said, report]
    (tmp_path / "transcribe.log").write_text("\n".join(mixed))
    logs = LogFiles(tmp_path)
    assert logs.read("arn:aws:lambda:us-east-1:1:function:transcribe", MINE) == [
        start,
        neighbour,
        said,
        report,
    ]
    assert logs.read("transcribe", "") == logs.read("nobody", MINE) == []
    assert list(logs.read_reports("transcribe", SINCE)) == [other_report, report]
    assert list(logs.read_reports("nobody", SINCE)) == []
