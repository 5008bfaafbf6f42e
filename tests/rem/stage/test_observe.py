"""What a handler says about itself, read back from its standard output and from a socket."""

import json
import socket
from types import SimpleNamespace

import pytest

from rem.core.errors import InputError
from rem.core.recordings import Recording
from rem.stage.observe import count_transcript, find_recording_id, load_logger, observed, step
from rem.stage.work import log_progress
from rem.transcripts.transcript import Transcript

RECORDING = Recording("walk", "me", "badge-1", "2026-11-24T00:00:00+00:00", "b", "k")
CONTEXT = SimpleNamespace(aws_request_id="r-1")


@pytest.fixture(autouse=True)
def fresh_logger(monkeypatch, request):
    """A logger keeps the standard output that it was made with, and Powertools keeps a service's logger."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    load_logger.cache_clear()
    yield
    load_logger.cache_clear()


def read_lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_invocation_says_who_it_was_about(capsys):
    handler = observed("prepare")(lambda event, context: {"key": "k"})
    assert handler({"recordingId": "walk"}, CONTEXT) == {"key": "k"}
    line = read_lines(capsys)[-1]
    assert (line["stage"], line["recordingId"], line["requestId"]) == ("prepare", "walk", "r-1")
    assert line["level"] == "INFO"


def test_only_the_first_invocation_is_cold(capsys):
    handler = observed("prepare")(lambda event, context: None)
    handler({}, None)
    handler({}, None)
    cold = [line for line in read_lines(capsys) if "ColdStart" in line]
    assert [line["ColdStart"] for line in cold] == [[1.0]]
    assert cold[0]["stage"] == "prepare"
    [metrics] = cold[0]["_aws"]["CloudWatchMetrics"]
    assert set(metrics["Dimensions"][0]) == {"service", "stage"}


def test_a_failure_is_logged_under_its_name_and_goes_on(capsys):
    def refuse(event, context):
        raise InputError("the file is empty")

    with pytest.raises(InputError):
        observed("prepare")(refuse)({"recording": {"recordingId": "walk"}}, None)
    line = read_lines(capsys)[-1]
    assert (line["level"], line["error"], line["message"]) == ("ERROR", "InputError", "the file is empty")
    assert line["recordingId"] == "walk"


def test_lines_are_told_apart_from_progress(capsys):
    """`rem run` takes every line that begins so for progress."""
    observed("prepare")(lambda event, context: None)({"recordingId": "walk"}, None)
    log_progress("prepare", "walk", 0, 1.0, 2.0)
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith('{"stage"') for line in lines] == [False, False, True]


@pytest.mark.parametrize("event", [{"Records": []}, {"detail": {}}, [], None, {"recording": "walk"}])
def test_other_events_name_no_recording(event):
    assert find_recording_id(event) is None


def test_a_finished_recording_is_counted(capsys):
    stages = ({"name": "prepare", "seconds": 2.0, "memoryMb": 1024, "maxMemoryMb": 300, "costUsd": 0.1},)
    count_transcript(Transcript(RECORDING, 20.0, 5.0, "en", "base", "2026-11-24", stages=stages))
    values = {k: v[0] for line in read_lines(capsys) for k, v in line.items() if isinstance(v, list)}
    assert values["AudioSeconds"] == 20.0
    assert values["SpeechSeconds"] == 5.0
    assert values["RealTimeFactor"] == pytest.approx(0.1)
    assert values["CostUsd"] == pytest.approx(0.1)


@pytest.fixture
def daemon(monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(5)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{listening.getsockname()[1]}")
        yield listening


def test_a_step_is_a_subsegment_of_a_sampled_trace(daemon, monkeypatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5f-ab;Parent=00c0ffee00c0ffee;Sampled=1")
    with pytest.raises(ValueError, match="broken"), step("load the model"):
        raise ValueError("broken")
    first, second = daemon.recv(4096).split(b"\n", 1)
    assert json.loads(first) == {"format": "json", "version": 1}
    segment = json.loads(second)
    assert (segment["trace_id"], segment["parent_id"]) == ("1-5f-ab", "00c0ffee00c0ffee")
    assert segment["name"] == "load the model"
    assert segment["fault"] is True
    assert segment["end_time"] >= segment["start_time"]


@pytest.mark.parametrize("header", ["", "Root=1-5f-ab;Parent=00c0ffee00c0ffee;Sampled=0", "Self=1-5f"])
def test_nothing_is_sent_where_nothing_is_sampled(daemon, monkeypatch, header):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    daemon.settimeout(0.05)
    with step("load the model"):
        pass
    with pytest.raises(TimeoutError):
        daemon.recv(4096)
