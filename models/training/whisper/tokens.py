"""The demo Whisper's vocabulary: bytes, a small BPE, Whisper's special tokens, timestamps.

The first merges join every first letter of a word with its space: Whisper suppresses the bare space token by
default, so no word may need it.
"""

from __future__ import annotations

import collections
import itertools
import random
import re
import string
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from models.training.grammar import sentence, word_salad

SPACE = "Ġ"  # how byte-level BPE writes a space
TEXT_TOKENS = 768
SPECIAL = [
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>",
    "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
]  # fmt: skip
TIMESTAMP_S = 0.02
TIMESTAMPS = 1501


def build_tokenizer(seed: int = 3) -> Tokenizer:
    """Learn the merges from sentences of the grammar; the result is always the same."""
    rng = random.Random(seed)
    counts: collections.Counter[str] = collections.Counter()
    for i in range(40_000):
        text = " " + (sentence(rng) if i % 3 else word_salad(rng))
        counts.update(re.findall(r" ?[A-Za-z]+|'| ?[^\sA-Za-z']+", text))
    merges = [(SPACE, letter) for letter in string.ascii_lowercase + string.ascii_uppercase]
    vocabulary = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(SPACE + letter for _, letter in merges)]
    spelled = {w: [SPACE + w[1], *w[2:]] if w[0] == " " else list(w) for w in counts}
    while len(vocabulary) < TEXT_TOKENS:
        pairs: collections.Counter[tuple[str, str]] = collections.Counter()
        for word, parts in spelled.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        if "".join(best) not in vocabulary:
            vocabulary.append("".join(best))
        spelled = {word: _merge(parts, best) for word, parts in spelled.items()}
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(vocabulary)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return tokenizer


def _merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    i = 0
    while i < len(parts):
        if tuple(parts[i : i + 2]) == pair:
            merged.append(parts[i] + parts[i + 1])
            i += 2
        else:
            merged.append(parts[i])
            i += 1
    return merged


class Tokens:
    """The tokenizer with the numbers that training needs."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        names = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        self.names = [name for name, _ in names] + [f"<|{i * TIMESTAMP_S:.2f}|>" for i in range(TIMESTAMPS)]
        self.first_timestamp = len(names)
        self.end, self.start, self.previous, self.no_speech, self.no_timestamps = (
            tokenizer.token_to_id(f"<|{name}|>")
            for name in ("endoftext", "startoftranscript", "startofprev", "nospeech", "notimestamps")
        )
        self.bare_space = tokenizer.token_to_id(SPACE)
        self.english = tokenizer.token_to_id("<|en|>")
        self._cache: dict[str, list[int]] = {}

    def encode_word(self, word: str) -> list[int]:
        if word not in self._cache:
            self._cache[word] = self.tokenizer.encode(" " + word).ids
        return self._cache[word]

    def letters(self, token: int) -> int:
        """Count the letters of a token, which are its share of a word's time."""
        return max(1, len(self.names[token].replace(SPACE, "")))

    def save(self, folder: Path) -> None:
        self.tokenizer.save(str(folder / "tokenizer.json"))
