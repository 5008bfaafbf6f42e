"""`rem stages` and `rem cost` of an installation: REPORT lines of CloudWatch, transcripts of a bucket."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from rem.adapters.dynamodb import DynamoCatalog
from rem.adapters.s3 import S3Store
from rem.cli.main import app
from rem.core.errors import SetupError
from rem.core.places import transcript_key
from rem.core.records import Status
from rem.home.resources import BUCKET, TABLE
from rem.lambdas.function import REGION, Report
from tests.rem.costs.test_bill import transcript

pytestmark = pytest.mark.slow
GROUP = "/aws/lambda/rem-dev-transcribe"


@pytest.fixture
def on_aws(installation, monkeypatch):
    """The same installation, reached as AWS is: by region and stack."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", installation.aws.endpoint_url)

    def rem(*arguments):
        result = CliRunner().invoke(app, [*arguments, "--region", REGION, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    return rem


def write_log(client, lines, group=GROUP):
    """Each (age, line) as an event that is that old."""
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="one")
    now = time.time()
    events = [
        {"timestamp": int(1000 * (now - age.total_seconds())), "message": line}
        for age, line in sorted(lines, reverse=True)
    ]
    client.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)


def test_stages_without_a_run_say_so(on_aws):
    with pytest.raises(SetupError, match="run a recording first"):
        on_aws("stages", "--stack", "rem-empty")


def test_stages_reads_the_report_lines_of_cloudwatch_since_a_time(installation, on_aws):
    def said(seconds, peak_mb=1000):
        return str(Report("transcribe", f"id-{seconds}", seconds * 1000, 1769, peak_mb, None, 0.0, None))

    recent = [(timedelta(minutes=i), said(seconds)) for i, seconds in enumerate((10, 20, 30), start=1)]
    others = [(timedelta(minutes=9), "START RequestId: x"), (timedelta(days=3), said(99, peak_mb=1700))]
    write_log(installation.aws.client("logs"), [*recent, *others])
    [row] = on_aws("stages", "--since", "1d")["stages"]
    assert (row["stage"], row["invocations"], row["failed"]) == ("transcribe", 3, 0)
    assert (row["p50Seconds"], row["p95Seconds"], row["peakMb"]) == (20.0, 30.0, 1000)
    assert row["costShare"] == 1.0
    [row] = on_aws("stages", "--since", "7d")["stages"]
    assert (row["invocations"], row["peakMb"]) == (4, 1700)
    assert row["recommendedMemoryMb"] > 1769


def test_cost_reads_the_transcripts_of_the_bucket(installation):
    store = S3Store(BUCKET, installation.aws.client("s3"))
    catalog = DynamoCatalog(TABLE, installation.aws.client("dynamodb"))
    old = transcript().to_json() | {"transcribedAt": "2020-01-01T00:00:00+00:00"}
    new = old | {"transcribedAt": datetime.now(UTC).isoformat()}
    for user, name, document in (("me", "old", old), ("me", "new", new), ("somebody", "new", new)):
        catalog.advance(replace(transcript().recording, user_id=user, recording_id=name), Status.COMPLETE, {})
        store.write_json(transcript_key(user, "dev", name), document)
    catalog.advance(replace(transcript().recording, recording_id="unfinished"), Status.TRANSCRIBING, {})
    month = installation.rem_json("cost", "--since", "30d")
    assert month["recordings"] == 1
    assert month["soundSeconds"] == 300.0
    assert installation.rem_json("cost", "--since", "520w")["recordings"] == 2
    one = installation.rem_json("cost", "old")
    assert one["recordings"] == 1
    assert one["usd"]["arm64"]["totalUsd"] == pytest.approx(month["usd"]["arm64"]["totalUsd"])
    code, text = installation.rem("cost", "unfinished")
    assert (code, "there is no transcript of unfinished" in text) == (2, True)
    code, text = installation.rem("cost", "nothing")
    assert (code, "me has no recording 'nothing'" in text) == (2, True)
