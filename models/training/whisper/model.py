"""A tiny Whisper in plain torch, of a shape that CTranslate2's Whisper runs unchanged.

The model is that of Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022,
with width 128, 4 heads, 4 encoder and 3 decoder layers. An extra linear layer on the encoder carries the
losses of training.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, HEADS, ENCODER_LAYERS, DECODER_LAYERS = 128, 4, 4, 3
MELS, POSITIONS, TEXT_POSITIONS = 80, 1500, 448
DROPOUT = 0.05
POSITION_SCALE = 0.5  # larger positions would drown the spectrum at the start of training
HEAD = WIDTH // HEADS
HALF = WIDTH // 2


def sinusoids(length: int, channels: int) -> Tensor:
    """Compute Whisper's position encodings, (length, channels)."""
    step = math.log(10_000) / (channels // 2 - 1)
    angles = torch.arange(length).float()[:, None] * torch.exp(-step * torch.arange(channels // 2).float())
    return torch.cat([angles.sin(), angles.cos()], 1)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(
        self, x: Tensor, source: Tensor, *, causal: bool, logits: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Let x (batch, n, width) attend to source (batch, m, width); logits (batch, heads, n, m) on demand."""
        query, key, value = (self._split(t) for t in (self.query(x), self.key(source), self.value(source)))
        scores = None
        if logits:
            scores = (query @ key.transpose(-1, -2)).float() / math.sqrt(HEAD)
            mixed = scores.softmax(-1).to(value.dtype) @ value
        else:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self.out(mixed.transpose(1, 2).flatten(2)), scores

    @staticmethod
    def _split(x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], HEADS, HEAD).transpose(1, 2)


class Layer(nn.Module):
    def __init__(self, *, decoder: bool) -> None:
        super().__init__()
        self.decoder = decoder
        self.self_norm, self.self_attention = nn.LayerNorm(WIDTH), Attention()
        if decoder:
            self.cross_norm, self.cross_attention = nn.LayerNorm(WIDTH), Attention()
        self.ffn_norm = nn.LayerNorm(WIDTH)
        self.ffn_in, self.ffn_out = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(
        self, x: Tensor, encoded: Tensor | None = None, *, logits: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        normed, scores = self.self_norm(x), None
        x = x + self._drop(self.self_attention(normed, normed, causal=self.decoder, logits=False)[0])
        if encoded is not None:
            heard, scores = self.cross_attention(self.cross_norm(x), encoded, causal=False, logits=logits)
            x = x + self._drop(heard)
        return x + self._drop(self.ffn_out(F.gelu(self.ffn_in(self.ffn_norm(x))))), scores

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, DROPOUT, self.training)


class TinyWhisper(nn.Module):
    def __init__(self, vocabulary: int, first_timestamp: int, frame_labels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.register_buffer("encoder_positions", POSITION_SCALE * sinusoids(POSITIONS, WIDTH))
        self.encoder = nn.ModuleList(Layer(decoder=False) for _ in range(ENCODER_LAYERS))
        self.encoder_norm = nn.LayerNorm(WIDTH)
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        self.decoder_positions = nn.Parameter(torch.randn(TEXT_POSITIONS, WIDTH) * 0.01)
        self.decoder = nn.ModuleList(Layer(decoder=True) for _ in range(DECODER_LAYERS))
        self.decoder_norm = nn.LayerNorm(WIDTH)
        self.frame_head = nn.Linear(WIDTH, frame_labels)
        self._initialise(first_timestamp)

    @torch.no_grad()
    def _initialise(self, first_timestamp: int) -> None:
        """Start the stem at full variance, timestamps as the sinusoid of their time, encoder heads looking nearby."""
        for name, parameter in self.named_parameters():
            if name in ("conv1.weight", "conv2.weight"):
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            elif parameter.dim() == 2 and "embedding" not in name and "positions" not in name:
                nn.init.xavier_uniform_(parameter)
        nn.init.normal_(self.embedding.weight, std=0.05)
        self.embedding.weight[first_timestamp:] = 0.07 * sinusoids(POSITIONS + 1, WIDTH)
        distances = [(-4, -1, 1, 4), (-8, -3, 3, 8), (-14, -5, 5, 14), (-22, -8, 8, 22)]
        for depth, layer in enumerate(self.encoder):
            for head, distance in enumerate(distances[depth]):
                _look_at(layer.self_attention, head, distance, highest=22 + 4 * depth)

    def encode(self, mel: Tensor, offsets: Sequence[int] | None = None) -> Tensor:
        """Encode mel (batch, 80, frames of 10 ms) as (batch, frames / 2, width).

        Args:
            offsets: Where each window lies in the position table; training spreads short windows over it.
        """
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        frames = x.shape[1]
        positions = torch.stack([self.encoder_positions[o : o + frames] for o in offsets or [0] * len(x)])
        x = x + positions.to(x.dtype)
        for layer in self.encoder:
            x, _ = layer(x)
        return self.encoder_norm(x)

    def decode(
        self, tokens: Tensor, encoded: Tensor, logits_of: Collection[int]
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """Compute token logits (batch, n, vocabulary), and cross-attention logits of the layers asked for."""
        x = self.embedding(tokens) + self.decoder_positions[None, : tokens.shape[1]]
        attention: dict[int, Tensor] = {}
        for depth, layer in enumerate(self.decoder):
            x, scores = layer(x, encoded, logits=depth in logits_of)
            if scores is not None:
                attention[depth] = scores
        return F.linear(self.decoder_norm(x), self.embedding.weight), attention


def _look_at(attention: Attention, head: int, distance: int, highest: int) -> None:
    """Let one head start by attending `distance` frames away: the query is the key's sinusoid, rotated."""
    scale, noise, pairs = 1.4, 0.3, HEAD // 2
    rates = torch.exp(-math.log(10_000) / (HALF - 1) * torch.arange(HALF).float())
    rows = slice(head * HEAD, (head + 1) * HEAD)
    attention.query.weight[rows] *= noise
    attention.key.weight[rows] *= noise
    attention.query.bias[rows] = 0
    for i, frequency in enumerate(torch.linspace(0, highest, pairs).round().long().tolist()):
        cosine, sine = math.cos(rates[frequency] * distance), math.sin(rates[frequency] * distance)
        a, b = head * HEAD + i, head * HEAD + i + pairs
        attention.query.weight[a, frequency] += scale * cosine
        attention.query.weight[a, frequency + HALF] += scale * sine
        attention.query.weight[b, frequency + HALF] += scale * cosine
        attention.query.weight[b, frequency] -= scale * sine
        attention.key.weight[a, frequency] += scale
        attention.key.weight[b, frequency + HALF] += scale
