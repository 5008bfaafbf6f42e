"""The demo models' speaker embedding: WeSpeaker's ResNet with a quarter of its layers and half its channels.

pyannote.audio imports the class that a checkpoint names. Its own smallest class has 6.6 million parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyannote.audio.models.embedding.wespeaker import BaseWeSpeakerResNet
from pyannote.audio.models.embedding.wespeaker.resnet import BasicBlock, ResNet


class SmallWeSpeakerResNet(BaseWeSpeakerResNet):
    """One basic block per stage, 16 channels, 40 mel bins, 128 dimensions: 0.47 million parameters."""

    def __init__(
        self,
        num_mel_bins: int = 40,
        m_channels: int = 16,
        blocks: Sequence[int] = (1, 1, 1, 1),
        embed_dim: int = 128,
        **base: Any,
    ) -> None:
        super().__init__(num_mel_bins=num_mel_bins, **base)
        self.save_hyperparameters("m_channels", "blocks", "embed_dim")
        self.resnet = ResNet(
            BasicBlock,
            list(blocks),
            m_channels=m_channels,
            feat_dim=num_mel_bins,
            embed_dim=embed_dim,
            pooling_func="TSTP",
            two_emb_layer=False,
        )
