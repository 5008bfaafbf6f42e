"""Diarize: one slice of the window grid, measured once, in as many attempts as it takes."""

import threading

import numpy as np
import pytest

from functions.diarize import handler as diarize
from functions.diarize.slices import Slice, join_slices
from rem.core.errors import BudgetError, SetupError
from rem.stage.work import Budget
from tests.fakes import FakeStore
from tests.functions.sounds import HZ
from tests.functions.stages import PLENTY, FakeClock, FakeDiarizer, chunk_event


def test_slice_reads_its_windows_and_nothing_else(demo):
    store, _, output = demo
    model = FakeDiarizer()
    event = chunk_event(output, "slices")
    event["chunk"] = {"index": 0, "startSample": 10 * HZ, "endSample": 20 * HZ}
    diarize.run(event, store=store, model=model, budget=PLENTY)
    assert model.calls == [(14 * HZ, 10)]


def test_a_second_time_does_not_measure(demo):
    store, _, output = demo
    first, model = (
        diarize.run(chunk_event(output, "slices"), store=store, model=FakeDiarizer(), budget=PLENTY),
        FakeDiarizer(),
    )
    assert diarize.run(chunk_event(output, "slices"), store=store, model=model, budget=PLENTY) == first
    assert model.calls == []


def test_a_short_budget_gives_the_same_slice_over_several_attempts(demo):
    store, _, output = demo
    whole = diarize.run(
        chunk_event(output, "slices"),
        store=FakeStore(dict(store.objects)),
        model=FakeDiarizer(),
        budget=PLENTY,
    )
    clock = FakeClock()
    model = FakeDiarizer(clock, seconds=4.0)

    def attempt():
        event = chunk_event(output, "slices")
        return diarize.run(event, store=store, model=model, budget=clock.budget(6.0))

    for finished in (1, 2):
        with pytest.raises(BudgetError, match=f"{finished} of 3 blocks of windows are done and stored"):
            attempt()
    result = attempt()
    assert [count for _, count in model.calls] == [32, 32, 1]
    assert result == whole
    measured = Slice.from_bytes(store.read_bytes(result["key"]))
    assert len(measured.segmentations) == 65
    assert len(measured.receipts) == 3


def test_a_block_that_no_attempt_can_finish_names_the_settings(demo):
    store, _, output = demo
    model, free = FakeDiarizer(), threading.Event()
    model.measure_windows = lambda *args: free.wait()
    with pytest.raises(
        SetupError, match=r"longer than a whole attempt.*`timeout_s` or `memory_mb` of diarize"
    ):
        diarize.run(chunk_event(output, "slices"), store=store, model=model, budget=Budget(lambda: 0.02))
    free.set()


def test_hand_over_keeps_bits_and_half_precision():
    rng = np.random.default_rng(1)
    bits = (rng.random((4, 7, 3)) > 0.5).astype(np.float32)
    vectors = rng.standard_normal((4, 3, 8)).astype(np.float32)
    vectors[0, 0] = np.nan
    back = Slice.from_bytes(Slice(bits, vectors, ()).to_bytes())
    np.testing.assert_array_equal(back.segmentations, bits)
    np.testing.assert_allclose(back.embeddings, vectors, atol=2e-3)


def test_slices_without_windows_add_nothing():
    empty = Slice(np.zeros((0, 1, 1), np.float32), np.zeros((0, 1, 1), np.float32), ())
    full = Slice(np.ones((2, 5, 3), np.float32), np.ones((2, 3, 4), np.float32), ())
    assert join_slices([full, empty])[0].shape == (2, 5, 3)
