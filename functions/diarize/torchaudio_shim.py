"""Makes `import torchaudio` work where a CPU torch meets PyPI's CUDA build of torchaudio.

That wheel's compiled extension needs CUDA libraries; pyannote.audio uses only torchaudio's pure-Python parts
(resampling, kaldi fbank). PyTorch's own CPU index has fitting wheels, so in images this changes nothing.
"""

from __future__ import annotations

import importlib
import sys
import types


def install() -> bool:
    """Import torchaudio, with a stub for its extension where that cannot load; True where it was needed."""
    try:
        importlib.import_module("torchaudio")
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stub = types.ModuleType("torchaudio._extension")
        stub._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
        stub._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
        stub._check_cuda_version = lambda: None  # type: ignore[attr-defined]
        stub.fail_if_no_align = lambda function: function  # type: ignore[attr-defined]
        sys.modules[stub.__name__] = stub
        importlib.import_module("torchaudio")
        return True
    return False
