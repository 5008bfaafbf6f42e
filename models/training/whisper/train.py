"""Training of the demo Whisper from random weights: `python -m models.training.whisper.train`.

It reads build/corpus, keeps checkpoints in build/whisper (a second call continues there) and writes
models/demo/whisper. It is seeded, counts steps, and takes about 70 minutes on one core with AVX-512 BF16.

Beside cross-entropy, these losses let so small a model listen after an hour and not after a week: guided
attention (two heads must look at the token's true interval; word times come from them), letters and
words per encoder frame, CTC, and a mean squared error that makes one head's values carry the position.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from models.training.whisper.export import ALIGNMENT_HEADS, export
from models.training.whisper.model import HALF, WIDTH, TinyWhisper, sinusoids
from models.training.whisper.tokens import TIMESTAMPS, Tokens, build_tokenizer
from models.training.whisper.windows import CTC_LABELS, FRAME_LABELS, Batch, Batches

ROOT = Path(__file__).resolve().parents[3]
BUILD, SHIPPED = ROOT / "build" / "whisper", ROOT / "models" / "demo" / "whisper"
POSITION_ROWS = 32  # of head 0's values in the last layer: 16 sinusoid pairs
POSITION_PAIRS = torch.linspace(0, 40, POSITION_ROWS // 2).round().long()
POSITION_COLUMNS = torch.cat([POSITION_PAIRS, POSITION_PAIRS + HALF])
SMEAR = 3  # a timestamp's target spreads over so many neighbours of 20 ms
WARM_UP_STEPS = 200
SEED = 1
THREADS = 1  # on shared processors two threads spin, at a quarter of the speed


@dataclass(frozen=True)
class Stage:
    """A step of the curriculum: short windows first, more and more full ones later."""

    steps: int
    batch: int
    length_s: float
    long_share: float  # of batches with 30 s windows
    rate: tuple[float, float]  # learning rate at its start and end


CURRICULUM = [
    Stage(1200, 12, 5.0, 0.0, (2.0e-3, 2.0e-3)),
    Stage(1000, 12, 9.0, 0.12, (1.8e-3, 1.3e-3)),
    Stage(1400, 10, 12.0, 0.28, (1.3e-3, 0.7e-3)),
    Stage(900, 10, 12.0, 0.42, (0.7e-3, 0.0)),
]


def compute_losses(model: TinyWhisper, batch: Batch, tokens: Tokens) -> dict[str, Tensor]:
    """Compute the five weighted terms whose sum is minimised."""
    guided_layers = [layer for layer, _ in ALIGNMENT_HEADS]
    with torch.autocast("cpu", torch.bfloat16):
        encoded = model.encode(batch.mel, batch.offsets)
        logits, attention = model.decode(batch.tokens, encoded, guided_layers)
        frames = model.frame_head(encoded).float()
        value = model.decoder[-1].cross_attention.value
        carried = F.linear(encoded, value.weight[:POSITION_ROWS], value.bias[:POSITION_ROWS])
    lengths = torch.full((len(frames),), frames.shape[1])
    ctc = F.ctc_loss(
        frames[..., :CTC_LABELS].log_softmax(-1).transpose(0, 1),
        batch.characters,
        lengths,
        batch.character_counts,
        zero_infinity=True,
    )
    return {
        "text": _token_loss(logits, batch.targets, tokens),
        "ctc": 0.5 * ctc,
        "guide": 0.4 * _guide_loss(attention, batch.guides),
        "frames": 0.4 * _frame_loss(frames, batch.frames),
        "position": 2.0 * _position_loss(carried, batch.offsets),
    }


def _token_loss(logits: Tensor, targets: Tensor, tokens: Tokens) -> Tensor:
    counted = targets != -100
    log, target = F.log_softmax(logits[counted].float(), -1), targets[counted]
    loss = -log.gather(1, target[:, None])[:, 0]
    timed = target >= tokens.first_timestamp
    if timed.any():
        smeared, total = torch.zeros(int(timed.sum())), 0.0
        for shift in range(-SMEAR, SMEAR + 1):
            weight = 0.55 ** abs(shift)
            near = (target[timed] + shift).clamp(
                tokens.first_timestamp, tokens.first_timestamp + TIMESTAMPS - 1
            )
            smeared = smeared - weight * log[timed].gather(1, near[:, None])[:, 0]
            total += weight
        loss = loss.masked_scatter(timed, smeared / total)
    return loss.mean()


def _guide_loss(attention: dict[int, Tensor], guides: Tensor) -> Tensor:
    """Compute the cross-entropy of the guided heads' attention against a uniform one over the interval."""
    rows = guides[..., 1] > 0
    start, end = guides[rows][:, :1], guides[rows][:, 1:]
    total = torch.zeros(())
    if not len(start):
        return total
    for layer, head in ALIGNMENT_HEADS:
        scores = attention[layer][:, head].float()[rows]
        sums = F.pad(scores.cumsum(1), (1, 0))
        mean = ((sums.gather(1, end) - sums.gather(1, start)) / (end - start))[:, 0]
        total = total + (scores.logsumexp(1) - mean).mean() - torch.log((end - start).float()).mean()
    return total / len(ALIGNMENT_HEADS)


def _frame_loss(frames: Tensor, labels: Tensor) -> Tensor:
    letters = F.cross_entropy(frames[..., :CTC_LABELS].flatten(0, 1), labels[:, 0].flatten())
    return letters + F.cross_entropy(frames[..., CTC_LABELS:].flatten(0, 1), labels[:, 1].flatten())


def _position_loss(carried: Tensor, offsets: list[int]) -> Tensor:
    table = sinusoids(1500, WIDTH)
    wanted = torch.stack([table[o : o + carried.shape[1]] for o in offsets])[..., POSITION_COLUMNS]
    return F.mse_loss(carried.float(), wanted)


def train() -> None:
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    BUILD.mkdir(parents=True, exist_ok=True)
    tokens = Tokens(build_tokenizer())
    model = TinyWhisper(len(tokens.names), tokens.first_timestamp, FRAME_LABELS)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), fused=True)
    done = 0
    if (BUILD / "checkpoint.pt").exists():
        state = torch.load(BUILD / "checkpoint.pt")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        done = state["stages"]
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {done} stages done", flush=True)
    for number, stage in enumerate(CURRICULUM):
        if number < done:
            continue
        _train_stage(model, optimiser, tokens, stage, number)
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "stages": number + 1}
        torch.save(state, BUILD / "checkpoint.pt")
        model.eval()
        export(model, tokens, SHIPPED)


def _train_stage(
    model: TinyWhisper, optimiser: torch.optim.Optimizer, tokens: Tokens, stage: Stage, number: int
) -> None:
    batches = Batches(tokens, stage.batch, stage.length_s, stage.long_share, seed=100 * SEED + number)
    loader = torch.utils.data.DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4)
    model.train()
    started_s, heard_s, sums = time.monotonic(), 0.0, {}
    for step, batch in enumerate(loader):
        if step == stage.steps:
            break
        share = step / stage.steps
        rate = stage.rate[0] * (1 - share) + stage.rate[1] * share
        if number == 0:
            rate *= min(1.0, (step + 1) / WARM_UP_STEPS)
        for group in optimiser.param_groups:
            group["lr"] = rate
        losses = compute_losses(model, batch, tokens)
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if torch.isfinite(norm):
            optimiser.step()
        heard_s += batch.mel.shape[0] * batch.mel.shape[2] / 100
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + float(loss.detach())
        if step % 50 == 49:
            terms = " ".join(f"{name} {value / 50:.3f}" for name, value in sums.items())
            speed = heard_s / (time.monotonic() - started_s)
            print(
                f"stage {number} step {step + 1} rate {rate:.2e} {terms} | {speed:.0f} audio s/s", flush=True
            )
            sums = {}


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.split("\n\n")[0]).parse_args()
    train()
