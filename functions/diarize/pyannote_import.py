"""Imports pyannote.audio without what inference never needs: docs/adr/0007.

Stubs stand in `sys.modules` for two modules, so this is the one place that imports pyannote first.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def import_pipeline() -> Any:
    """Import pyannote.audio's Pipeline class, with its telemetry and its requests to the model hub off.

    pyannote.audio reads both variables when it is imported.
    """
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    os.environ["HF_HUB_OFFLINE"] = "1"
    import_torchaudio()
    with _without_compiler(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchcodec finds no FFmpeg; nothing is decoded with it here
        from pyannote.audio import Pipeline

    return Pipeline


def import_torchaudio() -> bool:
    """Import torchaudio, with a stub for its compiled extension where that cannot load.

    PyPI's torchaudio is a CUDA build: beside a CPU build of torch its extension finds no libraries.
    pyannote.audio uses only the parts in Python (resampling, Kaldi's filter bank). PyTorch's own index of
    CPU builds has fitting wheels, so images need no stub.

    Returns:
        True where the stub was needed.
    """
    try:
        importlib.import_module("torchaudio")
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stub: Any = types.ModuleType("torchaudio._extension")
        stub._IS_TORCHAUDIO_EXT_AVAILABLE = False
        stub._IS_ALIGN_AVAILABLE = False
        stub._check_cuda_version = lambda: None
        stub.fail_if_no_align = lambda function: function
        sys.modules[stub.__name__] = stub
        importlib.import_module("torchaudio")
        return True
    return False


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the garbage collector off during imports, and freeze what they made.

    Imports make a million objects that all stay. Searching them for garbage takes a fifth of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Keep torch's compiler out of an import: it takes a quarter of the time and inference never uses it.

    lightning asks the compiler for one class and one decorator (lightning.fabric.wrappers). The real
    compiler can still be imported afterwards.
    """
    name = "torch._dynamo"
    if name in sys.modules:
        yield
        return
    stub: Any = types.ModuleType(name)
    stub.OptimizedModule = type("OptimizedModule", (), {})
    stub.disable = lambda function, *args, **kwargs: function
    sys.modules[name] = stub
    try:
        yield
    finally:
        del sys.modules[name]
