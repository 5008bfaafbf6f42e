"""Segment vectors: their stored form, and lexical vectors for machines without an embedding model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from rem.ports import Floats

LEXICAL_DIMENSIONS = 512
GRAM = 4  # characters; shared pieces make "payment" and "payments" neighbours
HALF = np.dtype("<f2")


def to_bytes(vectors: Floats) -> bytes:
    """Scale each row to unit length and write the rows as little-endian float16: 1 kB each at 512."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    content: bytes = (vectors / np.maximum(lengths, 1e-12)).astype(HALF).tobytes()
    return content


def from_bytes(content: bytes, dimensions: int) -> Floats:
    return np.frombuffer(content, HALF).reshape(-1, dimensions).astype(np.float32)


def build_lexical(texts: Sequence[str]) -> Floats:
    """Hash words and their pieces into vectors, so that similar words give similar vectors.

    Feature hashing: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009.
    """
    vectors = np.zeros((len(texts), LEXICAL_DIMENSIONS), np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for feature in _list_features(text):
            number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "little")
            row[number % LEXICAL_DIMENSIONS] += 1.0 if number >> 63 else -1.0
    return vectors


def _list_features(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    return [*words, *(f"#{word[i : i + GRAM]}" for word in words for i in range(len(word) - GRAM + 1))]
