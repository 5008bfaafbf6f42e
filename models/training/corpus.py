"""The synthetic speech that all three demo models are trained on.

`python -m models.training.corpus` writes build/corpus/{train,heldout}.npy (int16, all utterances in a row)
and .json (texts, voices, word times): about 13 hours in 25,000 utterances, in 10 minutes on two cores.
"""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.training.dialogues import reserved_sentences
from models.training.grammar import normalise, sentence, word_salad
from models.training.speech import Pcm, SynthesisError, Voice, WordTimes, say
from models.training.voices import FLITE_OWN, held_out_voices, training_voices

FOLDER = Path(__file__).resolve().parents[2] / "build" / "corpus"
PER_VOICE = {"train": 95, "heldout": 60}
PER_FLITE_OWN = 500  # more than of other voices: flite's own four speak the demo
SALAD = 0.12
SHORTEST, LONGEST = 3_000, 160_000  # samples


@dataclass(frozen=True)
class Utterance:
    """A sentence: samples [start, start + length) of the corpus, and word times in seconds from its start."""

    text: str
    voice: int
    start: int
    length: int
    words: WordTimes


@dataclass(frozen=True)
class Corpus:
    samples: npt.NDArray[np.int16]
    utterances: list[Utterance]
    voices: list[Voice]

    def sound(self, utterance: Utterance) -> Pcm:
        return self.samples[utterance.start : utterance.start + utterance.length]


def load_corpus(folder: Path = FOLDER, split: str = "train") -> Corpus:
    """Load one split: "train", or "heldout" with other voices and other sentences."""
    document = json.loads((folder / f"{split}.json").read_text())
    utterances = [Utterance(u[0], u[1], u[2], u[3], [tuple(w) for w in u[4]]) for u in document["utterances"]]
    samples = np.load(folder / f"{split}.npy", mmap_mode="r")
    return Corpus(samples, utterances, [Voice(**voice) for voice in document["voices"]])


def _speak_voice(job: tuple[str, int, Voice]) -> list[tuple[str, Pcm, WordTimes]]:
    split, number, voice = job
    rng = random.Random(f"{split}-{number}")
    reserved = reserved_sentences()
    wanted = PER_FLITE_OWN if split == "train" and voice in FLITE_OWN else PER_VOICE[split]
    spoken: list[tuple[str, Pcm, WordTimes]] = []
    while len(spoken) < wanted:
        text = word_salad(rng) if split == "train" and rng.random() < SALAD else sentence(rng)
        if split == "train" and normalise(text) in reserved:
            continue
        try:
            pcm, words = say(text, voice)
        except SynthesisError:
            continue
        if SHORTEST <= len(pcm) <= LONGEST:
            spoken.append((text, pcm, words))
    return spoken


def build(split: str, voices: list[Voice]) -> None:
    """Write one split; the .json is written last, so a split that has one is complete."""
    started_s = time.monotonic()
    jobs = [(split, number, voice) for number, voice in enumerate(voices)]
    with ProcessPoolExecutor(2) as pool:
        spoken = list(pool.map(_speak_voice, jobs, chunksize=4))
    utterances, sounds, position = [], [], 0
    for number, sentences in enumerate(spoken):
        for text, pcm, words in sentences:
            utterances.append((text, number, position, len(pcm), words))
            sounds.append(pcm)
            position += len(pcm)
    FOLDER.mkdir(parents=True, exist_ok=True)
    np.save(FOLDER / f"{split}.npy", np.concatenate(sounds))
    draft = FOLDER / f"{split}.json.tmp"
    draft.write_text(json.dumps({"voices": [asdict(voice) for voice in voices], "utterances": utterances}))
    draft.rename(FOLDER / f"{split}.json")
    hours, took_s = position / 16_000 / 3600, time.monotonic() - started_s
    print(
        f"{split}: {len(voices)} voices, {len(utterances)} utterances, {hours:.2f} h in {took_s:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    build("train", training_voices())
    build("heldout", held_out_voices())
