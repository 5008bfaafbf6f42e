"""Log lines, metrics and trace subsegments that handlers write for an operator.

Powertools writes log lines and metrics; CloudWatch's embedded metric format is a log line as well.
Subsegments are sent by hand: importing the X-Ray SDK takes eight times as long as this (docs/adr/0020).
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from rem.transcripts.receipts import Receipt
from rem.transcripts.transcript import Transcript

NAMESPACE = "REM"
TRACE_HEADER = "_X_AMZN_TRACE_ID"  # the runtime client sets it for each invocation
XRAY_PROLOGUE = b'{"format": "json", "version": 1}\n'
Handler = Callable[[Any, Any], Any]


@functools.cache
def load_logger() -> Logger:
    return Logger(service=_service(), level="INFO", location=None)


def observed(stage: str) -> Callable[[Handler], Handler]:
    """Log the end of each invocation of a handler, with its stage and its recording where there is one.

    The first invocation of a process is counted as a cold start.
    """

    def decorate(handler: Handler) -> Handler:
        is_cold = True

        @functools.wraps(handler)
        def wrapper(event: Any, context: Any) -> Any:
            nonlocal is_cold
            if is_cold:
                is_cold = False
                count("ColdStart", 1, stage=stage)
            log, started_s = load_logger(), time.monotonic()
            about = {"stage": stage, "recordingId": find_recording_id(event)}
            about["requestId"] = getattr(context, "aws_request_id", None)
            about = {name: value for name, value in about.items() if value}
            try:
                result = handler(event, context)
            except Exception as error:
                log.error(str(error), extra={**about, "error": type(error).__name__})
                raise
            log.info("done", extra={**about, "seconds": round(time.monotonic() - started_s, 3)})
            return result

        return wrapper

    return decorate


def find_recording_id(event: Any) -> str | None:
    """Find the recording's id in a stage's event; no other event has it in one place."""
    if not isinstance(event, Mapping):
        return None
    recording = event.get("recording", event)
    return recording.get("recordingId") if isinstance(recording, Mapping) else None


def count(metric: str, value: float, unit: MetricUnit = MetricUnit.Count, **dimensions: str) -> None:
    """Write one metric at once. Each set of dimensions costs $0.30 a month, so there are few."""
    with single_metric(name=metric, unit=unit, value=value, namespace=NAMESPACE) as line:
        line.add_dimension(name="service", value=_service())
        for name, text in dimensions.items():
            line.add_dimension(name=name, value=text)


def count_transcript(transcript: Transcript) -> None:
    """Write the metrics of one finished recording.

    The real-time factor is the seconds of all stages per second of sound.
    """
    receipts = [Receipt.from_json(stage) for stage in transcript.stages]
    tokens = sum(receipt.usage.input_tokens + receipt.usage.output_tokens for receipt in receipts)
    count("AudioSeconds", transcript.duration_s, MetricUnit.Seconds)
    count("SpeechSeconds", transcript.speech_s, MetricUnit.Seconds)
    count("CostUsd", sum(r.cost_usd + (r.usage.usd or 0) for r in receipts), MetricUnit.NoUnit)
    if tokens:
        count("Tokens", tokens)
    if transcript.duration_s:
        spent_s = sum(receipt.seconds for receipt in receipts)
        count("RealTimeFactor", spent_s / transcript.duration_s, MetricUnit.NoUnit)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Send a subsegment for the time spent inside, where X-Ray samples this invocation."""
    started_s = time.time()
    failed = True
    try:
        yield
        failed = False
    finally:
        send_subsegment(name, started_s, time.time(), failed=failed)


def send_subsegment(name: str, started_s: float, ended_s: float, *, failed: bool) -> None:
    """Send a subsegment to Lambda's X-Ray daemon: one UDP packet, which may be lost without harm."""
    header = dict(part.split("=", 1) for part in os.environ.get(TRACE_HEADER, "").split(";") if "=" in part)
    daemon = os.environ.get("AWS_XRAY_DAEMON_ADDRESS", "")
    if header.get("Sampled") != "1" or "Parent" not in header or ":" not in daemon:
        return
    segment = {
        "name": name,
        "id": secrets.token_hex(8),
        "trace_id": header["Root"],
        "parent_id": header["Parent"],
        "type": "subsegment",
        "start_time": started_s,
        "end_time": ended_s,
        **({"fault": True} if failed else {}),
    }
    host, port = daemon.rsplit(":", 1)
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(XRAY_PROLOGUE + json.dumps(segment).encode(), (host, int(port)))


def _service() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME", "rem")
