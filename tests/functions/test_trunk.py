"""One pass per window against pyannote's pass per window and slot: the same vectors, the same turns."""

from __future__ import annotations

import functools
import warnings
import wave
from pathlib import Path

import numpy as np
import pytest

from functions.diarize.cluster import count_points
from functions.diarize.diarizer import PyannoteDiarizer
from functions.diarize.sampling import spread_evenly
from functions.diarize.slices import Slice, join_slices
from functions.diarize.trunk import WindowEmbedder, find_pieces
from rem.adapters.models import DEMO_DIR
from rem.core.chunks import plan_slices, slice_windows, window_count

pytestmark = pytest.mark.models
HZ = 16_000
DATA = Path(__file__).parents[1] / "data"


def read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768


SOUNDS = {
    "standup": lambda: read(DEMO_DIR / "standup.wav"),
    "heldout-1": lambda: read(DATA / "heldout-1.wav"),
    "heldout-2": lambda: read(DATA / "heldout-2.wav"),
    "cut short": lambda: read(DATA / "heldout-3.wav")[: int(11.7 * HZ)],
    "joined": lambda: np.concatenate([read(DATA / f"heldout-{i}.wav") for i in (3, 1)]),
}


def as_file(samples: np.ndarray) -> dict:
    import torch

    return {"waveform": torch.from_numpy(samples)[None], "sample_rate": HZ, "uri": "recording"}


@pytest.fixture(scope="module")
def ours():
    return PyannoteDiarizer(DEMO_DIR / "diarization", threads=1)


@pytest.fixture(scope="module")
def stock(ours):
    """pyannote's own pipeline, its networks untouched."""
    from pyannote.audio import Pipeline

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = Pipeline.from_pretrained(DEMO_DIR / "diarization")
        assert pipeline._embedding.min_num_samples == ours._embedder._fewest_samples()
    return pipeline


@pytest.fixture(scope="module")
def output_of(stock):
    """Stock pyannote on the uncut recording, once for each."""
    return functools.cache(lambda name: stock(as_file(SOUNDS[name]())))


def turns_of(output) -> list[tuple[float, float, str]]:
    exclusive = output.exclusive_speaker_diarization.itertracks(yield_label=True)
    return [(turn.start, turn.end, label) for turn, _, label in exclusive]


def measure_in_slices(diarizer, samples: np.ndarray, slice_s: float):
    """Map and reduce as the stages do it, with the half-precision hand-over between them."""
    slices = []
    for piece in plan_slices(len(samples), slice_s):
        windows = slice_windows(piece, len(samples), diarizer.window_samples, diarizer.hop_samples)
        start = windows.start * diarizer.hop_samples
        end = (windows.stop - 1) * diarizer.hop_samples + diarizer.window_samples
        if windows:
            measured = diarizer.measure_windows(samples[start:end], len(windows), lambda share: None)
            slices.append(Slice.from_bytes(Slice(*measured, ()).to_bytes()))
    return diarizer.cluster(*join_slices(slices), None, 10**6)


@pytest.mark.parametrize("name", SOUNDS)
def test_turns_are_those_of_stock_pyannote(ours, output_of, name):
    samples, output = SOUNDS[name](), output_of(name)
    windows = window_count(len(samples), ours.window_samples, ours.hop_samples)
    clusters = ours.cluster(*ours.measure_windows(samples, windows, lambda share: None), None, 10**6)
    assert [(turn.start_s, turn.end_s, turn.speaker) for turn in clusters.turns] == turns_of(output)
    for label, vector in zip(output.speaker_diarization.labels(), output.speaker_embeddings, strict=True):
        np.testing.assert_allclose(clusters.embeddings[label], vector, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "slice_s"),
    [("standup", 10), ("standup", 17), ("standup", 30), ("heldout-1", 7), ("cut short", 3), ("joined", 45)],
)
def test_slices_give_the_turns_of_the_uncut_recording(ours, output_of, name, slice_s):
    clusters = measure_in_slices(ours, SOUNDS[name](), slice_s)
    assert [(turn.start_s, turn.end_s, turn.speaker) for turn in clusters.turns] == turns_of(output_of(name))


def test_a_spread_sample_finds_the_same_voices(ours, output_of):
    """Half of the windows' voices are compared, the others join them: little moves, nobody is lost."""
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    samples, expected = SOUNDS["standup"](), output_of("standup")
    windows = window_count(len(samples), ours.window_samples, ours.hop_samples)
    measured = ours.measure_windows(samples, windows, lambda share: None)
    half = count_points(measured[0]) // 2
    turns = Annotation()
    for turn in ours.cluster(*measured, None, half).turns:
        turns[Segment(turn.start_s, turn.end_s)] = turn.speaker
    assert len(turns.labels()) == len(expected.exclusive_speaker_diarization.labels())
    whole = Timeline([Segment(0, len(samples) / HZ)])
    assert DiarizationErrorRate()(expected.exclusive_speaker_diarization, turns, uem=whole) < 0.05


def test_what_is_compared_is_spread_over_the_recording():
    assert spread_evenly(10, 4).tolist() == [0, 3, 6, 9]
    assert spread_evenly(10, 20).tolist() == list(range(10))
    assert spread_evenly(0, 20).size == 0


@pytest.mark.parametrize("step", [0.25, 0.5])
def test_another_step_is_stock_pyannote_at_that_step(stock, step):
    samples = SOUNDS["heldout-2"]()[: 25 * HZ]
    own_step, stock._segmentation.step = stock._segmentation.step, step * stock._segmentation.duration
    try:
        output = stock(as_file(samples))
    finally:
        stock._segmentation.step = own_step
    diarizer = PyannoteDiarizer(DEMO_DIR / "diarization", threads=1, step=step)
    clusters = measure_in_slices(diarizer, samples, 10)
    assert [(turn.start_s, turn.end_s, turn.speaker) for turn in clusters.turns] == turns_of(output)


@pytest.mark.parametrize("leave_out_overlap", [True, False])
def test_full_size_network_gives_the_vectors_of_stock(stock, leave_out_overlap):
    """WeSpeaker's ResNet34 with random weights, as large as the real one; masks with every hard case."""
    import torch
    from pyannote.audio.models.embedding import WeSpeakerResNet34
    from pyannote.audio.pipelines.speaker_verification import PyannoteAudioPretrainedSpeakerEmbedding
    from pyannote.core import SlidingWindow, SlidingWindowFeature

    torch.manual_seed(7)
    network = WeSpeakerResNet34().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    rng = np.random.default_rng(7)
    masks = (rng.random((5, 293, 3)) > 0.6).astype(np.float32)
    masks[0, :, 2] = 0  # a silent slot
    masks[1] = 0  # a silent window
    masks[2, :, 1] = masks[2, :, 0]  # never alone
    masks[3, 30:-30] = 0  # speech at both ends, nothing between: two passes over pieces
    masks[4] = 0
    masks[4, 200:202, 1] = 1  # too short for a frame of its own
    samples = rng.standard_normal(int(6.5 * HZ)).astype(np.float32) * 0.1  # the last reaches beyond the end

    grid = SlidingWindow(start=0.0, duration=5.0, step=0.5)
    small, stock._embedding = stock._embedding, PyannoteAudioPretrainedSpeakerEmbedding(network)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for the shortest sound that has features by trying
            assert stock._embedding.min_num_samples == 400
        expected = stock.get_embeddings(
            as_file(samples), SlidingWindowFeature(masks, grid), exclude_overlap=leave_out_overlap
        )
    finally:
        stock._embedding = small
    embedder = WindowEmbedder(network, leave_out_overlap=leave_out_overlap)
    found = embedder.embed(samples, HZ // 2, 5 * HZ, masks, lambda share: None)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize(
    ("needed", "pieces"),
    [
        ("..#.......", [(0, 5)]),
        ("#........#", [(0, 3), (7, 10)]),
        ("#....#....", [(0, 8)]),
        ("....##....", [(2, 8)]),
        ("..........", [(0, 10)]),
        ("##########", [(0, 10)]),
    ],
)
def test_the_trunk_runs_over_what_is_needed_and_two_frames_more(needed, pieces):
    assert find_pieces(np.array([mark == "#" for mark in needed]), 2) == pieces
