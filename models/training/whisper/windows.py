"""Training windows: utterances of a few voices in 5 to 30 s, with every known label.

The features are those of faster-whisper's extractor (log mel, 80 bins, 10 ms), also its zero padding in
*feature space*.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from torch import Tensor

from models.training.corpus import Corpus, Utterance, load_corpus
from models.training.grammar import PUNCTUATION, VOCABULARY
from models.training.speech import SAMPLE_RATE_HZ, WordTimes
from models.training.whisper.tokens import TIMESTAMP_S, Tokens

CHARACTERS = {character: i + 1 for i, character in enumerate(" abcdefghijklmnopqrstuvwxyz'")}
CTC_LABELS = len(CHARACTERS) + 1
WORD_NUMBERS = {word.lower(): i + 1 for i, word in enumerate(VOCABULARY)}
FRAME_LABELS = CTC_LABELS + len(WORD_NUMBERS) + 1
FRAMES_PER_S = 50  # encoder frames
LONGEST_PROMPT = 223
MEL = torch.from_numpy(FeatureExtractor.get_mel_filters(16_000, 400, 80).astype(np.float32))
HANN = torch.from_numpy(np.hanning(401)[:-1].astype(np.float32))


def log_mel(samples: npt.NDArray[np.float32], loudest: float | None = None) -> Tensor:
    """Compute (80, frames of 10 ms); `loudest` is the log10 power of a louder moment outside the window."""
    spectrum = torch.stft(torch.from_numpy(samples), 400, 160, window=HANN, return_complex=True)[:, :-1]
    log = torch.log10(torch.clamp(MEL @ spectrum.abs() ** 2, min=1e-10))
    top = log.max() if loudest is None else torch.maximum(log.max(), torch.tensor(loudest))
    return (torch.maximum(log, top - 8.0) + 4) / 4


@dataclass
class Window:
    """A window with times in its seconds; `cut` is a sentence that goes on beyond its end."""

    mel: Tensor
    sentences: list[WordTimes]
    cut: WordTimes | None
    length_s: float

    @property
    def heard(self) -> WordTimes:
        whole = [word for sentence in self.sentences for word in sentence]
        return whole + [word for word in self.cut or [] if word[2] <= self.length_s - 0.03]


class Composer:
    """An endless, reproducible source of windows from a corpus."""

    def __init__(self, corpus: Corpus, tokens: Tokens, rng: random.Random) -> None:
        self.corpus, self.tokens, self.rng = corpus, tokens, rng
        self._by_voice: dict[int, list[Utterance]] = {}
        for utterance in corpus.utterances:
            self._by_voice.setdefault(utterance.voice, []).append(utterance)
        self._voices = sorted(self._by_voice)
        self._weights = [3 * len(self._by_voice[v]) ** 0.5 for v in self._voices]

    def compose(self, length_s: float) -> Window:
        rng, total = self.rng, int(length_s * SAMPLE_RATE_HZ)
        samples = np.zeros(total, np.float32)
        silent, runs_over = rng.random() < 0.03, rng.random() < 0.4
        end_s = length_s if runs_over else rng.uniform(min(2.0, length_s / 3), length_s)
        voices = rng.choices(self._voices, self._weights, k=rng.choice([1, 1, 2, 2, 3]))
        gains = {voice: 10 ** (rng.uniform(-4, 4) / 20) for voice in voices}
        tempos = {voice: rng.uniform(0.91, 1.1) if rng.random() < 0.5 else 1.0 for voice in voices}
        at_s = rng.uniform(0.02, 0.8) if rng.random() < 0.85 else rng.uniform(0.8, 2.5)
        sentences: list[WordTimes] = []
        cut = None
        voice = rng.choice(voices)
        while not silent and at_s < end_s - 0.05:
            utterance = rng.choice(self._by_voice[voice])
            sound = self._sound(utterance, tempos[voice], gains[voice])
            if at_s + len(sound) / SAMPLE_RATE_HZ > end_s and not runs_over:
                break
            first = int(at_s * SAMPLE_RATE_HZ)
            room = min(len(sound), total - first)
            samples[first : first + room] += sound[:room]
            tempo = tempos[voice]
            words = [(word, at_s + s / tempo, at_s + e / tempo) for word, s, e in utterance.words]
            if at_s + len(sound) / SAMPLE_RATE_HZ > end_s:
                cut = words
                break
            sentences.append(words)
            at_s += len(sound) / SAMPLE_RATE_HZ
            at_s += rng.uniform(0.05, 0.8) if rng.random() < 0.8 else rng.uniform(0.8, 1.8)
            if rng.random() < 0.5:
                voice = rng.choice(voices)
        mel = self._features(samples, spoken=not silent)
        if not runs_over and rng.random() < 0.8:
            spoken_s = sentences[-1][-1][2] if sentences else 1.0
            mel[:, int(min(length_s, spoken_s + rng.uniform(0.02, 0.5)) * 100) :] = 0
        return Window(mel, sentences, cut, length_s)

    def _sound(self, utterance: Utterance, tempo: float, gain: float) -> npt.NDArray[np.float32]:
        sound = self.corpus.sound(utterance).astype(np.float32)
        sound *= 0.07 * gain / (np.sqrt((sound**2).mean()) + 1)
        if tempo != 1.0:
            places = np.arange(0, len(sound) - 1, tempo)
            sound = np.interp(places, np.arange(len(sound)), sound).astype(np.float32)
        return sound

    def _features(self, samples: npt.NDArray[np.float32], *, spoken: bool) -> Tensor:
        rng = self.rng
        level = 10 ** (rng.uniform(-9, 6) / 20)
        samples = samples * level
        if rng.random() < (0.5 if spoken else 0.9):
            noise = (
                np.random.default_rng(rng.getrandbits(32)).standard_normal(len(samples)).astype(np.float32)
            )
            if rng.random() < 0.4:
                noise = noise + np.roll(noise, 1)  # this noise is darker than white
            snr_db = rng.uniform(20, 55) if spoken else rng.uniform(-15, 55)
            samples = samples + noise / (noise.std() + 1e-6) * 0.07 * level * 10 ** (-snr_db / 20)
        mel = log_mel(np.clip(samples, -1, 1), rng.uniform(0, 1.5) if rng.random() < 0.4 else None)
        if rng.random() < 0.35:  # the window has another microphone
            tilt = torch.nn.functional.interpolate(torch.randn(1, 1, 5) * 0.06, 80, mode="linear")[0].T
            mel += tilt
        if rng.random() < 0.2:
            band = rng.randrange(0, 74)
            mel[band : band + rng.randint(1, 6)] = mel.mean()
        if rng.random() < 0.12:
            at = rng.randrange(0, mel.shape[1] - 20)
            mel[:, at : at + rng.randint(2, 12)] = mel.mean()
        return mel

    def prompt(self) -> list[int]:
        """Give tokens of an invented earlier window, which condition nothing and cost no loss."""
        rng, at_s, tokens = self.rng, self.rng.uniform(0, 12), []
        for _ in range(rng.randint(1, 14)):
            utterance = rng.choice(self.corpus.utterances)
            length_s = utterance.length / SAMPLE_RATE_HZ
            if at_s + length_s > 30:
                break
            first = self.tokens.first_timestamp
            text = self.tokens.tokenizer.encode(" " + utterance.text).ids
            tokens += [first + int(at_s / TIMESTAMP_S), *text, first + int((at_s + length_s) / TIMESTAMP_S)]
            at_s += length_s + rng.uniform(0.1, 0.8)
        return tokens[-LONGEST_PROMPT:]


@dataclass
class Labels:
    """The tokens that the model should say, and the times to which it should listen.

    Attributes:
        free: Rows before this one (prompt and start) cost nothing.
        guides: (row, start_s, end_s): while predicting the row's next token, attend to this interval.
    """

    tokens: list[int]
    free: int
    guides: list[tuple[int, float, float]]


def label_window(window: Window, composer: Composer, offset: int) -> Labels:
    tokens, rng = composer.tokens, composer.rng
    sequence = (
        [tokens.previous, *composer.prompt()] if rng.random() < (0.5 if window.length_s > 8 else 0.1) else []
    )
    sequence.append(tokens.start)
    labels = Labels(sequence, len(sequence) - 1, [])
    if not window.sentences and window.cut is None:
        sequence += [tokens.no_speech, tokens.end]
        return labels
    timed = rng.random() < 0.65
    if not timed:
        sequence.append(tokens.no_timestamps)
        labels.free += 1

    def stamp(at_s: float, start_s: float, end_s: float) -> None:
        labels.guides.append((len(sequence) - 1, start_s, end_s))
        sequence.append(tokens.first_timestamp + min(1500, round(at_s / TIMESTAMP_S) + offset))

    for number, words in enumerate(window.sentences):
        after_s = window.sentences[number + 1][0][1] if number + 1 < len(window.sentences) else None
        if timed:
            stamp(words[0][1], words[0][1] - 0.02, words[0][1] + 0.06)
        _label_words(words, after_s, window.length_s, tokens, labels)
        if timed:
            stamp(words[-1][2], words[-1][2] - 0.06, words[-1][2] + 0.02)
    if timed and window.cut and window.cut[0][1] < window.length_s - 0.25 and window.sentences:
        stamp(window.cut[0][1], window.cut[0][1] - 0.02, window.cut[0][1] + 0.06)
    if not timed and window.sentences:
        end_s = window.sentences[-1][-1][2]
        labels.guides.append((len(sequence) - 1, min(window.length_s - 0.1, end_s + 0.5), end_s + 2))
    sequence.append(tokens.end)
    return labels


def _label_words(
    words: WordTimes, after_s: float | None, length_s: float, tokens: Tokens, labels: Labels
) -> None:
    """Share a word's time among its letters; punctuation listens to the pause behind it."""
    for i, (word, start_s, end_s) in enumerate(words):
        ids = tokens.encode_word(word)
        spoken = len(tokens.encode_word(word.rstrip(PUNCTUATION)))
        letters = [tokens.letters(token) for token in ids[:spoken]]
        total, done = sum(letters), 0
        for token, count in zip(ids[:spoken], letters, strict=True):
            span = [start_s + (end_s - start_s) * k / total for k in (done, done + count)]
            labels.guides.append((len(labels.tokens) - 1, span[0], span[1]))
            labels.tokens.append(token)
            done += count
        next_s = words[i + 1][1] if i + 1 < len(words) else after_s
        pause_end_s = max(next_s if next_s is not None else min(length_s, end_s + 0.5), end_s + 0.06)
        for token in ids[spoken:]:
            labels.guides.append((len(labels.tokens) - 1, end_s, min(pause_end_s, end_s + 0.8)))
            labels.tokens.append(token)


def label_frames(words: WordTimes, frames: int) -> npt.NDArray[np.int64]:
    """Label each encoder frame: (2, frames) with the letter and the word that sound in it, 0 for neither."""
    labels = np.zeros((2, frames), np.int64)
    for word, start_s, end_s in words:
        bare = word.lower().rstrip(PUNCTUATION)
        first, last = round(start_s * FRAMES_PER_S), min(frames, round(end_s * FRAMES_PER_S))
        for frame in range(first, last):
            share = (frame + 0.5 - start_s * FRAMES_PER_S) / max(1e-3, (end_s - start_s) * FRAMES_PER_S)
            letter = bare[min(len(bare) - 1, max(0, int(share * len(bare))))]
            labels[:, frame] = CHARACTERS.get(letter, 0), WORD_NUMBERS.get(bare, 0)
    return labels


@dataclass
class Batch:
    """Tensors: mel (b, 80, t); tokens and targets (b, n), -100 costs nothing; guides (b, n, 2), 0 for none."""

    mel: Tensor
    offsets: list[int]
    tokens: Tensor
    targets: Tensor
    guides: Tensor
    characters: Tensor
    character_counts: Tensor
    frames: Tensor


def build_batch(composer: Composer, size: int, length_s: float) -> Batch:
    rng, frames = composer.rng, int(length_s * FRAMES_PER_S)
    spread = length_s < 30
    offsets = [rng.randint(0, 1500 - frames) if spread and rng.random() < 0.7 else 0 for _ in range(size)]
    windows = [composer.compose(length_s) for _ in range(size)]
    labels = [label_window(w, composer, o) for w, o in zip(windows, offsets, strict=True)]
    longest = max(len(label.tokens) for label in labels) - 1
    tokens = torch.full((size, longest), composer.tokens.end)
    targets = torch.full((size, longest), -100)
    guides = torch.zeros(size, longest, 2, dtype=torch.long)
    for i, label in enumerate(labels):
        count = len(label.tokens) - 1
        tokens[i, :count] = torch.tensor(label.tokens[:-1])
        targets[i, label.free : count] = torch.tensor(label.tokens[label.free + 1 :])
        for row, start_s, end_s in label.guides:
            first = max(0, min(frames - 2, round(start_s * FRAMES_PER_S)))
            guides[i, row] = torch.tensor([first, min(frames, max(first + 2, round(end_s * FRAMES_PER_S)))])
    spelled = [
        [CHARACTERS[c] for c in " ".join(w for w, _, _ in window.heard).lower() if c in CHARACTERS]
        for window in windows
    ]
    return Batch(
        torch.stack([window.mel for window in windows]), offsets, tokens, targets, guides,
        torch.tensor([c for s in spelled for c in s]), torch.tensor([len(s) for s in spelled]),
        torch.from_numpy(np.stack([label_frames(window.heard, frames) for window in windows])),
    )  # fmt: skip


class Batches(torch.utils.data.IterableDataset[Batch]):
    """Endless batches for one stage of the curriculum, made in a worker process."""

    def __init__(self, tokens: Tokens, size: int, length_s: float, long_share: float, seed: int) -> None:
        self._settings = (tokens, size, length_s, long_share, seed)

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        tokens, size, length_s, long_share, seed = self._settings
        rng = random.Random(seed)
        torch.manual_seed(seed)
        composer = Composer(load_corpus(split="train"), tokens, rng)
        while True:
            if rng.random() < long_share:
                yield build_batch(composer, max(2, int(size * length_s / 30)), 30.0)
            else:
                yield build_batch(composer, size, length_s)
