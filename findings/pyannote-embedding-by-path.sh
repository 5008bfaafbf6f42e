#!/usr/bin/env bash
# pyannote.audio 4.0.7, torch 2.13.0, onnxruntime 1.32.0, onnx 1.23.2
#
# Most expect: an ONNX speaker embedding is loaded because of what the file is, wherever it lies.
# Seen:        pyannote.audio.pipelines.speaker_verification.PretrainedSpeakerEmbedding looks for words in the whole
#              path. One and the same file is an ONNX embedding below a folder called "wespeaker", and is handed to the
#              loader of torch checkpoints, which fails on it, as soon as any folder above it is called "pyannote"
#              or the word "wespeaker" is missing. A home folder or a checkout's name decides.
#
# Writes nothing outside a temporary folder; about 2 GB are installed there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 2>/dev/null
"$work/venv/bin/pip" install --quiet torchaudio==2.11.0 pyannote.audio==4.0.7 onnxruntime==1.32.0 onnx==1.23.2 2>/dev/null
cat > "$work/look.py" <<'PYTHON'
"""Loads one valid ONNX file from four places."""
import os
import shutil
import sys
import types
import warnings
from pathlib import Path

os.environ.update(PYANNOTE_METRICS_ENABLED="0", HF_HUB_OFFLINE="1", ORT_DISABLE_TELEMETRY="1")
warnings.simplefilter("ignore")
try:
    import torchaudio
except OSError:  # PyPI's torchaudio is a CUDA build; its Python parts are enough here
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]
    stub = types.ModuleType("torchaudio._extension")
    stub._IS_TORCHAUDIO_EXT_AVAILABLE = stub._IS_ALIGN_AVAILABLE = False
    stub._check_cuda_version = lambda: None
    stub.fail_if_no_align = lambda function: function
    sys.modules[stub.__name__] = stub

import onnx
from onnx import TensorProto, helper
from pyannote.audio.pipelines.speaker_verification import PretrainedSpeakerEmbedding

# The mean over time of 80 mel bands: a valid network with the names that pyannote asks for.
feats = helper.make_tensor_value_info("feats", TensorProto.FLOAT, ["n", "t", 80])
embs = helper.make_tensor_value_info("embs", TensorProto.FLOAT, ["n", 80])
axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
node = helper.make_node("ReduceMean", ["feats", "axes"], ["embs"], keepdims=0)
graph = helper.make_graph([node], "mean", [feats], [embs], initializer=[axes])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
onnx.checker.check_model(model)
root = Path(sys.argv[1])
onnx.save(model, root / "network.onnx")

seen = {}
for place in ("wespeaker/network.onnx", "voices/network.onnx", "pyannote/wespeaker/network.onnx", "me/wespeaker-network.onnx"):
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(root / "network.onnx", path)
    try:
        seen[place] = type(PretrainedSpeakerEmbedding(str(path))).__name__
    except Exception as error:  # what the wrong loader says is not the point
        seen[place] = f"refused by the loader of torch checkpoints ({type(error).__name__})"
    print(f"{place:32} {seen[place]}")
right = "ONNXWeSpeakerPretrainedSpeakerEmbedding"
loaded = [place for place, what in seen.items() if what == right]
sys.exit(0 if loaded == ["wespeaker/network.onnx", "me/wespeaker-network.onnx"] else 1)
PYTHON
"$work/venv/bin/python" "$work/look.py" "$work"
