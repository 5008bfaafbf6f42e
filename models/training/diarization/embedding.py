"""Training of the speaker embedding: `python -m models.training.diarization.embedding`.

The loss is additive angular margin softmax (Deng et al., ArcFace, 2019) over training voices at three speeds.
Conversations are masked and pooled exactly as in the pipeline, with other voices in the same window.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.training.corpus import load_corpus
from models.training.diarization.checkpoints import BUILD, build_embedding
from models.training.diarization.mixes import FRAME_STEP, SAMPLE_RATE_HZ, Mixer, label_frames

STEPS, BATCH, LENGTH_S, RATE = 4000, 12, 4.0, 3e-3
SCALE, MARGIN = 24.0, 0.2
TEMPOS = (1.0, 0.88, 1.13)
SHORTEST_FRAMES = int(0.7 * SAMPLE_RATE_HZ / FRAME_STEP)


def masked_batch(mixer: Mixer, size: int, length_s: float) -> tuple[Tensor, Tensor, Tensor]:
    """Build samples (b, 1, n), masks (b, 3, frames) and voices (b, 3), -1 for a slot that says too little."""
    frames = int(length_s * SAMPLE_RATE_HZ / FRAME_STEP) - 2
    samples, masks, voices = [], [], []
    for _ in range(size):
        count = int(mixer.rng.choice([1, 2, 3], p=[0.25, 0.5, 0.25]))
        mix = mixer.conversation(length_s, mixer.pick_voices(count), overlap=0.1, pause_s=0.15)
        labels = label_frames(mix.turns, frames)
        if mixer.rng.random() < 0.7:
            labels[labels.sum(1) > 1] = 0  # the pipeline leaves overlapped speech out
        long_enough = labels.sum(0) >= SHORTEST_FRAMES
        samples.append(mix.samples)
        masks.append(labels.T)
        voices.append([mix.voices[i] if i < count and long_enough[i] else -1 for i in range(3)])
    stacked = torch.from_numpy(np.stack(samples))[:, None]
    return stacked, torch.from_numpy(np.stack(masks)), torch.tensor(voices)


def train() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(3)
    BUILD.mkdir(parents=True, exist_ok=True)
    mixer = Mixer(load_corpus(split="train"), seed=5, tempos=TEMPOS)
    model = build_embedding().train()
    centres = nn.Parameter(torch.randn(len(mixer.voices), 128) * 0.1)
    groups = [
        {"params": model.parameters(), "weight_decay": 1e-3},
        {"params": [centres], "weight_decay": 1e-4},
    ]
    optimiser = torch.optim.AdamW(groups, lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS, pct_start=0.04)
    started_s, losses, hits = time.monotonic(), [], []
    for step in range(STEPS):
        samples, masks, voices = masked_batch(mixer, BATCH, LENGTH_S)
        vectors = model(samples, weights=masks + 1e-6)
        counted = voices >= 0
        cosine = F.normalize(vectors[counted], dim=-1) @ F.normalize(centres, dim=-1).T
        target = voices[counted]
        margin = MARGIN * min(1.0, max(0.0, (step / STEPS - 0.2) / 0.3))
        angle = torch.acos(cosine.clamp(-0.9999, 0.9999)) + margin * F.one_hot(target, len(centres))
        loss = F.cross_entropy(SCALE * torch.cos(angle.clamp(max=3.14)), target)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 3.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        hits.append((cosine.argmax(1) == target).float().mean().item())
        if step % 50 == 49:
            took_s = time.monotonic() - started_s
            print(
                f"step {step + 1} loss {np.mean(losses[-50:]):.3f} right {np.mean(hits[-50:]):.3f} {took_s:.0f} s",
                flush=True,
            )
            torch.save(model.state_dict(), BUILD / "embedding.pt")
    print(f"equal error rate on held-out voices: {equal_error_rate(model):.3f}")


@torch.inference_mode()
def equal_error_rate(model: nn.Module, batches: int = 12) -> float:
    mixer = Mixer(load_corpus(split="heldout"), seed=7)
    model.eval()
    vectors, voices = [], []
    for _ in range(batches):
        samples, masks, labels = masked_batch(mixer, 16, 5.0)
        counted = labels >= 0
        vectors.append(F.normalize(model(samples, weights=masks)[counted], dim=-1))
        voices.append(labels[counted])
    joined, labels = torch.cat(vectors), torch.cat(voices)
    first, second = torch.triu_indices(len(labels), len(labels), 1)
    scores, same = (joined @ joined.T)[first, second], labels[first] == labels[second]
    thresholds = torch.linspace(-0.2, 1, 241)
    misses = torch.tensor([(scores[same] < t).float().mean() for t in thresholds])
    alarms = torch.tensor([(scores[~same] >= t).float().mean() for t in thresholds])
    best = (misses - alarms).abs().argmin()
    return float((misses[best] + alarms[best]) / 2)


if __name__ == "__main__":
    train()
