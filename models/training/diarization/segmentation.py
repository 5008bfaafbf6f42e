"""Training of the speaker segmentation: `python -m models.training.diarization.segmentation`.

PyanNet learns powerset classes (Plaquet and Bredin, 2023) on five-second windows. The loss is that of the
cheapest order in which the three slots can be numbered.
"""

from __future__ import annotations

import itertools
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.training.corpus import load_corpus
from models.training.diarization.checkpoints import BUILD, WINDOW_S, Powerset, build_segmentation
from models.training.diarization.mixes import SAMPLE_RATE_HZ, SLOTS, Mixer, label_frames

STEPS, BATCH, RATE, WARM_UP, FLAT = 4200, 10, 2e-3, 60, 0.3
ORDERS = list(itertools.permutations(range(SLOTS)))


class Windows(torch.utils.data.IterableDataset):
    """Endless batches (samples (b, 1, n), labels (b, frames, 3)), made in a worker process."""

    def __init__(self, split: str, seed: int, frames: int, size: int) -> None:
        self._settings = (split, seed, frames, size)

    def __iter__(self):
        torch.set_num_threads(1)
        split, seed, frames, size = self._settings
        mixer = Mixer(
            load_corpus(split=split), seed, tempos=(1.0, 0.93, 1.07) if split == "train" else (1.0,)
        )
        while True:
            mixes = [mixer.conversation(WINDOW_S) for _ in range(size)]
            samples = torch.from_numpy(np.stack([mix.samples for mix in mixes]))[:, None]
            yield samples, torch.from_numpy(np.stack([label_frames(mix.turns, frames) for mix in mixes]))


def permutation_loss(scores: Tensor, labels: Tensor, powerset: Powerset) -> Tensor:
    """Compute the mean negative log-likelihood of the best numbering; three at once count as the first two."""
    crowded = labels.sum(-1, keepdim=True) > 2
    labels = torch.where(crowded, labels * torch.tensor([1.0, 1.0, 0.0]), labels)
    losses = []
    for order in ORDERS:
        target = powerset.to_powerset(labels[..., list(order)]).argmax(-1)
        losses.append(F.nll_loss(scores.transpose(1, 2), target, reduction="none").mean(1))
    return torch.stack(losses, 1).min(1).values.mean()


def train() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(1)
    BUILD.mkdir(parents=True, exist_ok=True)
    model = build_segmentation().train()
    frames = model.num_frames(int(WINDOW_S * SAMPLE_RATE_HZ))
    powerset = Powerset(SLOTS, 2)
    windows = Windows("train", seed=1, frames=frames, size=BATCH)
    loader = torch.utils.data.DataLoader(windows, batch_size=None, num_workers=1, prefetch_factor=4)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    started_s, losses = time.monotonic(), []
    for step, (samples, labels) in enumerate(loader):
        if step == STEPS:
            break
        share = max(0.0, (step / STEPS - FLAT) / (1 - FLAT))
        rate = RATE * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + np.cos(np.pi * share))
        for group in optimiser.param_groups:
            group["lr"] = max(rate, 1e-5)
        loss = permutation_loss(model(samples), labels, powerset)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        if step % 100 == 99:
            took_s = time.monotonic() - started_s
            print(f"step {step + 1} loss {np.mean(losses[-100:]):.3f} {took_s:.0f} s", flush=True)
        if step % 300 == 299:
            print(f"held-out frame error {frame_error(model, frames, powerset):.3f}", flush=True)
            torch.save(model.state_dict(), BUILD / "segmentation.pt")
    print(f"held-out frame error {frame_error(model, frames, powerset, batches=30):.3f}")
    torch.save(model.state_dict(), BUILD / "segmentation.pt")


@torch.inference_mode()
def frame_error(model: nn.Module, frames: int, powerset: Powerset, batches: int = 6) -> float:
    """Count missed, false and confused speaker frames per spoken frame, at each window's best numbering."""
    model.eval()
    wrong = spoken = 0.0
    for samples, labels in itertools.islice(Windows("heldout", 99, frames, 16), batches):
        guess = powerset.to_multilabel(model(samples))
        errors = []
        for order in ORDERS:
            truth = labels[..., list(order)]
            extra, right = guess.sum(-1) - truth.sum(-1), (guess * truth).sum(-1)
            confused = torch.minimum(guess.sum(-1), truth.sum(-1)) - right
            errors.append((extra.abs() + confused).sum(1))
        wrong += float(torch.stack(errors, 1).min(1).values.sum())
        spoken += float(labels.sum())
    model.train()
    return wrong / spoken


if __name__ == "__main__":
    train()
