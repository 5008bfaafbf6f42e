"""WeSpeaker embeddings with one pass of the network per window, over the speech in it: docs/adr/0023.

pyannote.audio 4.0.7 runs the network over the whole window once per speaker slot, silent slots included.
Only the pooling depends on the slot, so one pass serves all slots. The pass covers the frames that some slot
is pooled over and those that a convolution sees from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from rem.ports import Floats


def is_wespeaker(embedding: Any) -> bool:
    """Tell if the network has the trunk and the pooling that WindowEmbedder takes apart."""
    from pyannote.audio.models.embedding.wespeaker import BaseWeSpeakerResNet

    return isinstance(getattr(embedding, "model_", None), BaseWeSpeakerResNet)


class WindowEmbedder:
    """Embeddings of the speaker slots of windows, equal to pyannote's within rounding.

    Args:
        network: A BaseWeSpeakerResNet. Its batch norms are folded into its convolutions, in place.
        leave_out_overlap: Pool a slot over the frames in which it speaks alone, where those are enough.
    """

    def __init__(self, network: Any, *, leave_out_overlap: bool) -> None:
        import torch

        self._network = network
        self._leave_out_overlap = leave_out_overlap
        fold_batch_norms(network.resnet)
        network.resnet.to(memory_format=torch.channels_last)
        self._stride, self._reach = measure_reach(network.resnet)
        self._silent = self._embed_nobody()

    def embed(
        self,
        samples: Floats,
        hop_samples: int,
        window_samples: int,
        segmentations: Floats,
        on_progress: Callable[[float], None],
    ) -> Floats:
        """Embed the speaker slots of all windows; silent slots get the vector that pyannote gives them.

        Args:
            samples: They begin with the first window; the last window may reach beyond their end.
            segmentations: (windows, frames, slots) of 0 and 1.

        Returns:
            Shape (windows, slots, dimensions).
        """
        import torch

        windows, _, slots = segmentations.shape
        weights = self._choose_frames(segmentations, window_samples)
        speaks: npt.NDArray[np.bool_] = segmentations.max(axis=1) > 0
        embeddings = np.broadcast_to(self._silent, (windows, slots, len(self._silent))).copy()
        with torch.inference_mode():
            for i in np.flatnonzero(speaks.max(axis=1)):
                start = i * hop_samples
                window = samples[start : start + window_samples]
                window = np.pad(window, (0, window_samples - len(window)))
                here = speaks[i]
                features = self._network.compute_fbank(torch.from_numpy(window)[None, None])
                frames, pooled_over = self._run_trunk(features, torch.from_numpy(weights[i, here])[None])
                pooled = self._network.resnet.forward_embedding(frames, weights=pooled_over)[1]
                embeddings[i, here] = pooled[0].numpy()
                on_progress((i + 1) / windows)
        return embeddings

    def _run_trunk(self, features: Any, weights: Any) -> tuple[Any, Any]:
        """Compute the frames that a slot is pooled over, (1, channels, mels, frames), and their weights."""
        import torch

        resnet = self._network.resnet
        count = features.shape[1]
        # pyannote's pooling does the same: the trunk has fewer frames than the segmentation.
        weights = torch.nn.functional.interpolate(weights, size=resnet.num_frames(count), mode="nearest")
        pieces = find_pieces(weights[0].amax(dim=0).numpy() > 0, self._reach)
        frames = [
            resnet.forward_frames(features[:, a * self._stride : min(b * self._stride, count)])
            for a, b in pieces
        ]
        return torch.cat(frames, dim=-1), torch.cat([weights[..., a:b] for a, b in pieces], dim=-1)

    def _choose_frames(self, segmentations: Floats, window_samples: int) -> Floats:
        """Choose the frames that a slot is pooled over, (windows, slots, frames), as get_embeddings does."""
        frames = segmentations.shape[1]
        if not self._leave_out_overlap:
            return np.ascontiguousarray(segmentations.transpose(0, 2, 1))
        alone = segmentations * (segmentations.sum(axis=2, keepdims=True) < 2)
        fewest = math.ceil(frames * self._fewest_samples() / window_samples)
        is_enough = alone.sum(axis=1, keepdims=True) > fewest
        return np.ascontiguousarray(np.where(is_enough, alone, segmentations).transpose(0, 2, 1))

    def _fewest_samples(self) -> int:
        """Return the length of one frame of the filter bank, the least that has features.

        pyannote finds the same number by trying.
        """
        parameters = self._network.hparams
        return int(parameters.sample_rate * parameters.frame_length / 1000)

    def _embed_nobody(self) -> Floats:
        """Compute the vector of a silent slot: pooled over no frame, every statistic is zero."""
        import torch

        with torch.inference_mode():
            resnet = self._network.resnet
            frames = torch.zeros(1, resnet.pool_out_dim // 2, 1, 1)
            vector = resnet.forward_embedding(frames, weights=torch.zeros(1, 1, 1))[1]
        result: Floats = vector[0, 0].numpy()
        return result


def find_pieces(needed: npt.NDArray[np.bool_], reach: int) -> list[tuple[int, int]]:
    """Find the runs of frames, [start, end), that hold all needed ones and `reach` more on each side.

    Where none is needed, the run is the whole: a slot may be too short to have a frame of its own.
    """
    if not needed.any():
        return [(0, len(needed))]
    wide = np.convolve(needed, np.ones(2 * reach + 1), mode="same") > 0
    edges = np.flatnonzero(np.diff(wide, prepend=False, append=False))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def fold_batch_norms(resnet: Any) -> None:
    """Fold each batch norm into the convolution before it: the same numbers in a third less time."""
    from torch.nn import Identity
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    resnet.eval()
    resnet.conv1, resnet.bn1 = fuse_conv_bn_eval(resnet.conv1, resnet.bn1), Identity()
    for block in _blocks(resnet):
        for number, convolution in enumerate(_convolutions(block), start=1):
            norm = f"bn{number}"
            setattr(block, f"conv{number}", fuse_conv_bn_eval(convolution, getattr(block, norm)))
            setattr(block, norm, Identity())
        if len(block.shortcut):
            block.shortcut = fuse_conv_bn_eval(*block.shortcut)


def measure_reach(resnet: Any) -> tuple[int, int]:
    """Measure the trunk: feature frames per frame, and the frames on each side that one depends on at most.

    pyannote's own receptive_field_size answers 1 for its ResNets.
    """
    stride, reach = 1, 0
    for convolution in [resnet.conv1, *(c for block in _blocks(resnet) for c in _convolutions(block))]:
        reach += convolution.kernel_size[1] // 2 * stride
        stride *= convolution.stride[1]
    return stride, math.ceil(reach / stride)


def _blocks(resnet: Any) -> list[Any]:
    return [block for n in range(1, 5) for block in getattr(resnet, f"layer{n}")]


def _convolutions(block: Any) -> list[Any]:
    return [getattr(block, f"conv{n}") for n in range(1, 4) if hasattr(block, f"conv{n}")]
