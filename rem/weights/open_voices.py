"""Builds the `open` pipeline of voices: segmentation-3.0 and CAM++, both free to use without an account.

CAM++ arrives as a torch network and is exported to ONNX once. Its clustering is that of pyannote's 3.1
pipeline: agglomerative, centroid linkage, threshold 0.7046, as published with speaker-diarization-3.1.

    python -m rem.weights.open_voices FOLDER
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from rem.core.errors import SetupError

EMBEDDING = "embedding.onnx"
MELS, DIMENSIONS = 80, 192
OPSET = 17
AGREEMENT = 1e-4  # largest difference between the network and its export that is taken as equal
CONFIG = f"""\
# Built by `rem models fetch open`: segmentation-3.0 (MIT, CNRS) and CAM++ (Apache 2.0, 3D-Speaker).
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: AgglomerativeClustering
    embedding: {EMBEDDING}
    embedding_exclude_overlap: true
    segmentation: segmentation
params:
  clustering:
    method: centroid
    min_cluster_size: 12
    threshold: 0.7045654963945799
  segmentation:
    min_duration_off: 0.0
"""


def build_open_voices(folder: Path) -> None:
    """Build the pipeline in a process of its own, which takes torch with it when it ends.

    Args:
        folder: Holds segmentation/pytorch_model.bin and campplus/; only what a stage loads stays.

    Raises:
        SetupError: it could not be built; the sentence says why.
    """
    command = [sys.executable, "-m", "rem.weights.open_voices", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["the builder said nothing"])[-1]
        raise SetupError(f"the pipeline of voices could not be built: {reason}")


def build(folder: Path) -> None:
    """Export the speaker network, compare the export with it, and write the pipeline's configuration.

    Raises:
        SetupError: the export does not agree with the network.
    """
    import torch

    torch.set_num_threads(1)  # a second thread on a busy machine spins more than it helps
    network = _load_network(folder / "campplus")
    _export(network, folder / EMBEDDING)
    _compare(network, folder / EMBEDDING)
    shutil.rmtree(folder / "campplus")
    (folder / "config.yaml").write_text(CONFIG)


def _load_network(folder: Path) -> Any:
    """The network, with the mean over the window taken off its features, as it was trained."""
    import torch

    class MeanFree(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.network(features - features.mean(dim=1, keepdim=True))

    spec = importlib.util.spec_from_file_location("campplus", folder / "network.py")
    if spec is None or spec.loader is None:
        raise SetupError(f"{folder / 'network.py'} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.CAMPPlus(feat_dim=MELS, embedding_size=DIMENSIONS)
    network.load_state_dict(torch.load(folder / "weights.pt", map_location="cpu", weights_only=True))
    return MeanFree(network).eval()


def _export(network: Any, path: Path) -> None:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that writes this network is not torch's newest
        torch.onnx.export(
            network,
            (torch.zeros(1, 300, MELS),),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["feats"],  # the names that pyannote's ONNX embedding asks for
            output_names=["embs"],
            dynamic_axes={"feats": {0: "n", 1: "t"}, "embs": {0: "n"}},
        )


def _compare(network: Any, path: Path) -> None:
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    for frames in (100, 500, 998):
        features = random.standard_normal((1, frames, MELS), dtype=np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(features)).numpy()
        difference = float(np.abs(session.run(None, {"feats": features})[0] - expected).max())
        if difference > AGREEMENT:
            raise SetupError(f"the exported speaker network differs from the original by {difference:.1e}")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
