"""`rem stages` of an installation: REPORT lines of CloudWatch Logs."""

import json
import time
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from rem.cli.main import app
from rem.core.errors import SetupError
from rem.lambdas.function import REGION, Report

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
