"""The trained model as a CTranslate2 folder, written from the torch modules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from ctranslate2.converters import utils
from ctranslate2.specs import WhisperSpec, common_spec
from torch import Tensor, nn

from models.training.whisper.model import DECODER_LAYERS, ENCODER_LAYERS, HEADS, Attention, Layer, TinyWhisper
from models.training.whisper.tokens import Tokens

ALIGNMENT_HEADS = [[1, 0], [2, 0]]  # (decoder layer, head) of the guided heads, which give the word times
PREPROCESSOR = {
    "chunk_length": 30, "feature_size": 80, "hop_length": 160, "n_fft": 400, "n_samples": 480_000,
    "nb_max_frames": 3000, "sampling_rate": 16_000, "feature_extractor_type": "WhisperFeatureExtractor",
}  # fmt: skip


def export(model: TinyWhisper, tokens: Tokens, folder: Path) -> None:
    """Write model.bin (int8, float16 for the rest), config, vocabulary, tokenizer and preprocessor."""
    spec = WhisperSpec(ENCODER_LAYERS, HEADS, DECODER_LAYERS, HEADS)
    encoder, decoder = spec.encoder, spec.decoder
    for target, convolution in ((encoder.conv1, model.conv1), (encoder.conv2, model.conv2)):
        target.weight, target.bias = _array(convolution.weight), _array(convolution.bias)
    encoder.position_encodings.encodings = _array(model.encoder_positions)
    _norm(encoder.layer_norm, model.encoder_norm)
    for target, layer in zip(encoder.layer, model.encoder, strict=True):
        _layer(target, layer)
    decoder.embeddings.weight = decoder.projection.weight = _array(model.embedding.weight)
    decoder.position_encodings.encodings = _array(model.decoder_positions)
    decoder.scale_embeddings = False
    _norm(decoder.layer_norm, model.decoder_norm)
    for target, layer in zip(decoder.layer, model.decoder, strict=True):
        _layer(target, layer)
    spec.register_vocabulary(tokens.names)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokens.end, tokens.bare_space]
    spec.config.lang_ids = [tokens.english]
    spec.config.alignment_heads = ALIGNMENT_HEADS
    spec.validate()
    spec.optimize(quantization="int8_float16")
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    tokens.save(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR) + "\n")


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().numpy().copy()


def _norm(target: common_spec.LayerNormSpec, norm: nn.LayerNorm) -> None:
    target.gamma, target.beta = _array(norm.weight), _array(norm.bias)


def _linear(target: common_spec.LinearSpec, linear: nn.Linear) -> None:
    target.weight = _array(linear.weight)
    target.bias = _array(linear.bias) if linear.bias is not None else np.zeros(len(linear.weight), np.float32)


def _attention(target: object, attention: Attention, *, cross: bool) -> None:
    parts = [common_spec.LinearSpec() for _ in range(3)]
    for part, linear in zip(parts, (attention.query, attention.key, attention.value), strict=True):
        _linear(part, linear)
    if cross:
        utils.fuse_linear(target.linear[0], parts[:1])
        utils.fuse_linear(target.linear[1], parts[1:])
    else:
        utils.fuse_linear(target.linear[0], parts)
    _linear(target.linear[-1], attention.out)


def _layer(target: object, layer: Layer) -> None:
    _attention(target.self_attention, layer.self_attention, cross=False)
    _norm(target.self_attention.layer_norm, layer.self_norm)
    if layer.decoder:
        _attention(target.attention, layer.cross_attention, cross=True)
        _norm(target.attention.layer_norm, layer.cross_norm)
    _linear(target.ffn.linear_0, layer.ffn_in)
    _linear(target.ffn.linear_1, layer.ffn_out)
    _norm(target.ffn.layer_norm, layer.ffn_norm)
