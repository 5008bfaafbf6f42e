"""REPORT lines to figures, figures to advice, advice to stages.yaml."""

from __future__ import annotations

import pytest

from rem.costs.sizes import Figures, Trial, advise, choose, parse_reports, sum_up
from rem.definition import load_stages
from rem.lambdas.function import Report

AWS_LINE = (
    "REPORT RequestId: 8f5e\tDuration: 1500.00 ms\tBilled Duration: 3500 ms\tMemory Size: 3008 MB\t"
    "Max Memory Used: 900 MB\tInit Duration: 1999.10 ms\nXRAY TraceId: 1-2-3\tSegmentId: 4\tSampled: true"
)


def report(seconds=1.0, memory_mb=3008, peak_mb=900, error=None):
    return str(Report("f", "id", seconds * 1000, memory_mb, peak_mb, None, 0.0, error))


def figures(peak_mb=900, memory_mb=3008, p95_s=10.0):
    return Figures(10, 0, 5.0, p95_s, peak_mb, memory_mb, 1, 2.0, 100.0)


def test_a_line_of_lambda_is_read():
    (found,) = parse_reports([AWS_LINE])
    assert (found.seconds, found.billed_s, found.init_s) == pytest.approx((1.5, 3.5, 1.9991))
    assert (found.memory_mb, found.peak_mb, found.failed) == (3008, 900, False)


def test_a_line_of_the_laptop_is_read_and_others_are_not():
    found = parse_reports(
        ["START RequestId: 1", report(), report(error="Sandbox.Timedout"), "REPORT nonsense"]
    )
    assert [each.failed for each in found] == [False, True]


def test_percentiles_failures_and_peak_of_the_newest_size():
    lines = [
        report(99, memory_mb=1769),
        *(report(i, peak_mb=800 + i) for i in range(1, 21)),
        report(error="X"),
    ]
    summed = sum_up(parse_reports(lines))
    assert summed is not None
    assert (summed.invocations, summed.failed, summed.peak_mb, summed.memory_mb) == (21, 1, 900, 3008)
    assert (summed.p50_s, summed.p95_s) == (10.0, 19.0)
    assert summed.gb_s == pytest.approx((210 + 1) * 3008 / 1024)


def test_no_lines_are_no_figures():
    assert sum_up([]) is None


def test_memory_without_a_thread_to_use_it_is_given_back():
    advice = advise("transcribe", load_stages()["transcribe"], figures(peak_mb=900, memory_mb=3008))
    assert advice.memory_mb == 1769
    assert "1 thread on 1.70 vCPU: 1,769 MB saves 41% at the same speed" in advice.reason


def test_a_nearly_full_stage_gets_room():
    advice = advise("assemble", load_stages()["assemble"], figures(peak_mb=500, memory_mb=512))
    assert advice.memory_mb is not None
    assert advice.memory_mb >= 500 / 0.75
    assert "may not fit" in advice.reason


def test_memory_that_is_needed_stays():
    assert (
        advise("cluster", load_stages()["cluster"], figures(peak_mb=2250, memory_mb=3008)).memory_mb is None
    )


def test_a_stage_near_its_time_limit_is_told_to_shorten_its_chunks():
    advice = advise("diarize", load_stages()["diarize"], figures(p95_s=880))
    assert advice.memory_mb is None
    assert "shorten the chunk or slice" in advice.reason


def test_the_cheapest_size_with_room_is_chosen():
    trials = [Trial(1024, 10.0, 10.0, 900), Trial(1769, 10.0, 10.0, 900), Trial(3538, 6.0, 10.0, 900)]
    assert choose(trials) == trials[1]
    assert choose(trials[:1]) is None


def test_less_than_one_vcpu_is_slower_than_here():
    assert Trial(884, 10.0, 10.0, 300).lambda_s == pytest.approx(20.0, abs=0.1)
    assert Trial(3538, 10.0, 10.0, 300).lambda_s == 10.0


@pytest.mark.models
@pytest.mark.slow
def test_a_stage_is_tried_at_two_sizes_on_the_real_engine(tmp_path, monkeypatch):
    from rem.adapters.models import DEMO_DIR
    from rem.home.trials import run_trials

    monkeypatch.setenv("REM_LOGS", str(tmp_path))
    settings = {"whisper_model": DEMO_DIR / "whisper", "diarization_model": DEMO_DIR / "diarization"}
    found = run_trials("transcribe", [1769, 3538], DEMO_DIR / "standup.wav", settings)
    assert [each.memory_mb for each in found] == [1769, 3538]
    assert all(each.init_ms is None and each.cpu_s > 0 and each.error_type is None for each in found)
