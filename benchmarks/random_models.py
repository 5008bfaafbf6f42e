"""Models of the real size with random weights: their results are noise, their costs are real.

They are written once, under build/benchmarks/models. Whisper's dimensions are OpenAI's; diarization is
PyanNet as in pyannote/segmentation-3.0 and WeSpeaker's ResNet34.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from rem.adapters.models import DEMO_DIR
from rem.definition import ROOT

MODELS = ROOT / "build" / "benchmarks" / "models"
WHISPER = {"tiny": (384, 6, 4), "base": (512, 8, 6), "small": (768, 12, 12)}  # width, heads, layers
TEXT_TOKENS, LANGUAGES, VOCABULARY = 50_257, 99, 51_865


def build_whisper(size: str) -> Path:
    """Write a CTranslate2 folder in int8 with the multilingual vocabulary; its tokens have invented texts."""
    from ctranslate2.specs import WhisperSpec

    folder = MODELS / f"whisper-{size}"
    if (folder / "model.bin").is_file():
        return folder
    width, heads, layers = WHISPER[size]
    spec = WhisperSpec(layers, heads, layers, heads)
    _fill(spec, width, layers)
    tokens = _name_tokens()
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = list(range(TEXT_TOKENS + 2, TEXT_TOKENS + 2 + LANGUAGES))
    spec.config.alignment_heads = [[layers - 1, 0]]
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    shutil.copy(DEMO_DIR / "whisper" / "preprocessor_config.json", folder)
    _write_tokenizer(folder, tokens)
    return folder


def _name_tokens() -> list[str]:
    languages = [f"<|l{i}|>" for i in range(LANGUAGES)]
    languages[0] = "<|en|>"
    special = ["<|endoftext|>", "<|startoftranscript|>", *languages, "<|translate|>", "<|transcribe|>"]
    special += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    texts = [f"Ġt{i}" for i in range(TEXT_TOKENS)]
    names = texts + special
    return names + [f"<|{i * 0.02:.2f}|>" for i in range(VOCABULARY - len(names))]


def _write_tokenizer(folder: Path, tokens: list[str]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models

    vocabulary = {token: i for i, token in enumerate(tokens[:TEXT_TOKENS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=tokens[0]))
    tokenizer.decoder = decoders.ByteLevel()
    end = next(i for i, token in enumerate(tokens) if token == "<|0.00|>")
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in tokens[TEXT_TOKENS:end]])
    tokenizer.save(str(folder / "tokenizer.json"))


def _fill(spec: Any, width: int, layers: int) -> None:
    """Random matrices of the right shapes, small enough that nothing overflows."""
    rng = np.random.default_rng(0)

    def matrix(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape, np.float32) * shape[-1] ** -0.5).astype(np.float32)

    def linear(target: Any, rows: int, columns: int) -> None:
        target.weight, target.bias = matrix(rows, columns), np.zeros(rows, np.float32)

    def norm(target: Any) -> None:
        target.gamma, target.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def attention(target: Any, *, cross: bool) -> None:
        if cross:
            linear(target.linear[0], width, width)
            linear(target.linear[1], 2 * width, width)
        else:
            linear(target.linear[0], 3 * width, width)
        linear(target.linear[-1], width, width)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv2.weight = matrix(width, 80, 3), matrix(width, width, 3)
    encoder.conv1.bias = encoder.conv2.bias = np.zeros(width, np.float32)
    encoder.position_encodings.encodings = matrix(1500, width)
    decoder.embeddings.weight = decoder.projection.weight = matrix(VOCABULARY, width)
    decoder.position_encodings.encodings = matrix(448, width)
    decoder.scale_embeddings = False
    for side, crosses in ((encoder, False), (decoder, True)):
        norm(side.layer_norm)
        for layer in side.layer:
            attention(layer.self_attention, cross=False)
            norm(layer.self_attention.layer_norm)
            if crosses:
                attention(layer.attention, cross=True)
                norm(layer.attention.layer_norm)
            linear(layer.ffn.linear_0, 4 * width, width)
            linear(layer.ffn.linear_1, width, 4 * width)
            norm(layer.ffn.layer_norm)
