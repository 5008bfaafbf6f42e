"""Invented conversations: utterances of one to three voices with pauses, interruptions, noise and rooms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, lfilter

from models.training.corpus import Corpus, Utterance
from models.training.speech import SAMPLE_RATE_HZ

Floats = npt.NDArray[np.float32]
FRAME_START, FRAME_STEP = 495, 270  # samples: centre of PyanNet's first frame, and from frame to frame
SLOTS = 3  # local speakers of a window


@dataclass(frozen=True)
class Mix:
    """A conversation: samples (n,), turns as (slot, start_s, end_s), and the voice in each slot."""

    samples: Floats
    turns: list[tuple[int, float, float]]
    voices: list[int]


class Mixer:
    """A composer of conversations from a corpus.

    Args:
        tempos: A voice counts as another voice at each of these speeds: resampling changes pitch and tract.
    """

    def __init__(self, corpus: Corpus, seed: int, tempos: tuple[float, ...] = (1.0,)) -> None:
        self.corpus, self.rng, self.tempos = corpus, np.random.default_rng(seed), tempos
        self._by_voice: dict[int, list[Utterance]] = {}
        for utterance in corpus.utterances:
            self._by_voice.setdefault(utterance.voice, []).append(utterance)
        self.voices = [v * len(tempos) + k for v in sorted(self._by_voice) for k in range(len(tempos))]
        self._flite = [v for v in self.voices if corpus.voices[v // len(tempos)].engine == "flite"]

    def utterance(self, voice: int) -> Floats:
        number, tempo = voice // len(self.tempos), self.tempos[voice % len(self.tempos)]
        options = self._by_voice[number]
        sound = self.corpus.sound(options[self.rng.integers(len(options))]).astype(np.float32)
        if tempo != 1.0:
            sound = np.interp(np.arange(0, len(sound) - 1, tempo), np.arange(len(sound)), sound).astype(
                np.float32
            )
        return sound * np.float32(0.06) / (np.sqrt((sound**2).mean()) + 1)

    def pick_voices(self, count: int) -> list[int]:
        """Pick different base voices; in two of five conversations flite's, which speak the demo."""
        pool = self._flite if self.rng.random() < 0.4 and self._flite else self.voices
        picked: list[int] = []
        while len(picked) < count:
            voice = int(
                pool[self.rng.integers(len(pool))]
                if self.rng.random() < 0.8
                else self.rng.choice(self.voices)
            )
            name = self.corpus.voices[voice // len(self.tempos)].name
            if all(name != self.corpus.voices[other // len(self.tempos)].name for other in picked):
                picked.append(voice)
        return picked

    def conversation(
        self, length_s: float, voices: list[int] | None = None, *, overlap: float = 0.12, pause_s: float = 0.4
    ) -> Mix:
        """Compose a window from the middle of a talk; it may begin and end inside a sentence."""
        rng = self.rng
        if voices is None:
            voices = self.pick_voices(int(rng.choice([0, 1, 2, 3], p=[0.03, 0.27, 0.42, 0.28])))
        total = int(length_s * SAMPLE_RATE_HZ)
        tracks = np.zeros((max(1, len(voices)), total), np.float32)
        turns: list[tuple[int, float, float]] = []
        gains = 10 ** (rng.uniform(-5, 5, max(1, len(voices))) / 20)
        at_s, slot, latest_s = rng.uniform(-3.0, 1.5), -1, -9.0
        while voices and at_s < length_s:
            slot = self._next_slot(slot, len(voices))
            sound = self._say(voices[slot])
            end_s = at_s + len(sound) / SAMPLE_RATE_HZ
            first, skip = max(0, int(at_s * SAMPLE_RATE_HZ)), max(0, -int(at_s * SAMPLE_RATE_HZ))
            room = min(len(sound) - skip, total - first)
            if room > 0:
                tracks[slot, first : first + room] += gains[slot] * sound[skip : skip + room]
                turns.append((slot, first / SAMPLE_RATE_HZ, (first + room) / SAMPLE_RATE_HZ))
            if rng.random() < overlap and len(voices) > 1:
                next_s = max(end_s - rng.uniform(0.1, min(1.6, 0.7 * (end_s - at_s))), latest_s + 0.05)
            else:
                next_s = end_s + min(0.03 + rng.exponential(pause_s), 2.5)
                next_s += rng.uniform(1, 4) if rng.random() < 0.05 else 0.0
            latest_s, at_s = max(latest_s, end_s), max(next_s, at_s + 0.2)
        return Mix(self._record(tracks, bool(turns)), turns, voices)

    def _next_slot(self, slot: int, count: int) -> int:
        if slot >= 0 and (count == 1 or self.rng.random() < 0.3):
            return slot
        return int(self.rng.choice([i for i in range(count) if i != slot]))

    def _say(self, voice: int) -> Floats:
        rng, sound = self.rng, self.utterance(voice)
        if rng.random() < 0.18 and len(sound) > SAMPLE_RATE_HZ:
            sound = sound[: int(rng.uniform(0.35, 0.95) * len(sound))].copy()
            sound[-160:] *= np.linspace(1, 0, 160, dtype=np.float32)
        if rng.random() < 0.35:
            pause = np.zeros(int(rng.uniform(0.02, 0.3) * SAMPLE_RATE_HZ), np.float32)
            sound = np.concatenate([sound, pause, self.utterance(voice)])
        return sound

    def _record(self, tracks: Floats, spoken: bool) -> Floats:
        """Add room, microphone, noise and level."""
        rng, total = self.rng, tracks.shape[1]
        if rng.random() < 0.2:
            room = self._room(rng.uniform(0.1, 0.5))
            tracks = np.stack([fftconvolve(t, room)[:total] if t.any() else t for t in tracks])
        if rng.random() < 0.4:
            tracks = np.stack([lfilter([1, -rng.uniform(-0.5, 0.6)], [1], t) for t in tracks])
        mixed = tracks.sum(0)
        level = np.sqrt((mixed**2).mean() + 1e-10) if spoken else 0.03
        noise = rng.standard_normal(total)
        if rng.random() < 0.4:
            noise = lfilter([1], [1, -rng.uniform(0.8, 0.99)], noise)
        mixed = mixed + noise / (noise.std() + 1e-9) * level * 10 ** (-rng.uniform(14, 50) / 20)
        return (mixed / (np.abs(mixed).max() + 1e-6) * 10 ** (-rng.uniform(0, 22) / 20)).astype(np.float32)

    def _room(self, reverberation_s: float) -> Floats:
        count = int(SAMPLE_RATE_HZ * min(reverberation_s, 0.6))
        decay = np.exp(-6.9 * np.arange(count) / SAMPLE_RATE_HZ / reverberation_s)
        response = self.rng.standard_normal(count) * decay * self.rng.uniform(0.02, 0.12)
        response[0] = 1.0
        return response.astype(np.float32)


def label_frames(turns: list[tuple[int, float, float]], frames: int) -> Floats:
    """Label PyanNet's frames: an array (frames, slots) of 0 and 1."""
    centres = (FRAME_START + FRAME_STEP * np.arange(frames)) / SAMPLE_RATE_HZ
    labels = np.zeros((frames, SLOTS), np.float32)
    for slot, start_s, end_s in turns:
        labels[(centres >= start_s) & (centres < end_s), slot] = 1
    return labels
