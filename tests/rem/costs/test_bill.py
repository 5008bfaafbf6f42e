"""Dollars by the price list: held to arithmetic that is written out here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rem.core.recordings import Recording
from rem.costs.bill import count_transitions, project_month, write_bill
from rem.costs.prices import load_prices
from rem.transcripts.receipts import Receipt, Usage, sum_by_stage
from rem.transcripts.transcript import Transcript

PRICES = load_prices().aws
LISTENED = [
    Receipt("prepare", 2.0, 1769, 300),
    Receipt("transcribe", 30.0, 3008, 900, cpu_s=50.0, invocations=3),
    Receipt("diarize", 40.0, 3008, 900, invocations=2),
    Receipt("cluster", 1.0, 3008, 600),
    Receipt("assemble", 0.5, 512, 100),
    Receipt("enrich", 4.0, 512, 100, Usage(1, 1400, 0, 250, 0.000265)),
    Receipt("publish", 0.5, 512, 100),
]


def transcript(receipts=LISTENED):
    recording = Recording("r", "me", "dev", "2026-11-24T00:00:00+00:00", "b", "raw/me/dev/2026/11/24/r.wav")
    stages = tuple(receipt.to_json() for receipt in receipts)
    return Transcript(recording, 300.0, 150.0, "en", "base", "2026-11-25T00:00:00+00:00", stages=stages)


def test_a_monolith_of_150_seconds_costs_what_the_formula_says():
    """150 s at 3,008 MB on x86: $0.00734 for the duration alone."""
    bill = write_bill([Receipt("all", 150.0, 3008, 2000)], PRICES, "x86")
    assert bill.duration["all"] == pytest.approx(0.00734, abs=5e-6)


def test_every_invocation_and_every_other_state_is_a_transition():
    tasks = 1 + 3 + 2 + 1 + 1 + 1 + 1
    controls = ("HasSpeech", "Listen", "TranscribeChunks", "DiarizeSlices")
    assert count_transitions(LISTENED) >= tasks + len(controls) + 1
    assert count_transitions(sum_by_stage([*LISTENED, LISTENED[1]])) == count_transitions(LISTENED) + 3


def test_a_silent_recording_has_three_transitions():
    assert count_transitions([Receipt("prepare", 1.0, 1769, 1), Receipt("publish", 1.0, 512, 1)]) == 3


def test_a_bill_adds_up_and_arm_is_a_fifth_cheaper():
    arm, x86 = (write_bill(LISTENED, PRICES, name) for name in ("arm64", "x86"))
    assert arm.aws_usd == pytest.approx(sum(arm.duration.values()) + arm.transitions_usd + arm.requests_usd)
    assert arm.total_usd == pytest.approx(arm.aws_usd + 0.000265)
    assert sum(arm.duration.values()) / sum(x86.duration.values()) == pytest.approx(0.8, abs=1e-3)


def test_an_unknown_model_leaves_the_price_open():
    unknown = replace(LISTENED[5], usage=Usage(1, 10, 0, 10, None))
    bill = write_bill([unknown], PRICES, "arm64")
    assert bill.llm_usd is None
    assert bill.total_usd == bill.aws_usd


def test_a_month_goes_on_like_the_days_before():
    bill = write_bill(LISTENED, PRICES, "arm64")
    assert project_month([bill] * 10, days=5) == pytest.approx(60 * bill.total_usd)


def test_receipts_from_before_processor_time_was_measured_are_read():
    old = {"name": "a", "seconds": 1.0, "memoryMb": 512, "maxMemoryMb": 90, "costUsd": 0.1}
    assert Receipt.from_json(old) == Receipt("a", 1.0, 512, 90, cost_usd=0.1)
