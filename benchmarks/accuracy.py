"""Error rates of words, turns and speakers per word: `python -m benchmarks.accuracy`.

Without --folder, it invents dialogues with held-out voices under build/benchmarks (needs espeak-ng).
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import operator
import random
from pathlib import Path

from benchmarks.pipeline import Pipeline
from rem.adapters.models import DEMO_DIR
from rem.cli.score import Reference, Score, score
from rem.definition import ROOT
from rem.transcripts import speakers

INVENTED = ROOT / "build" / "benchmarks" / "dialogues"


def invent_dialogues(count: int, seed: int) -> Path:
    from models.training.dialogues import invent, render
    from models.training.voices import held_out_voices

    rng = random.Random(seed)
    for number in range(count):
        base = {}
        for voice in rng.sample(held_out_voices(), 24):
            base.setdefault(voice.name.split("+")[1], voice)
        voices = rng.sample(list(base.values()), rng.choice([2, 2, 3]))
        dialogue = invent(f"{INVENTED.relative_to(ROOT)}/{seed}/{number:02}", voices, 12, rng)
        with contextlib.redirect_stdout(io.StringIO()):
            render(dialogue, seed=number)
    return INVENTED / str(seed)


def measure(pipeline: Pipeline, folder: Path, *, show: bool = True) -> Score:
    scores = []
    for path in sorted(folder.glob("*.wav")):
        with contextlib.redirect_stdout(io.StringIO()):
            transcript = pipeline.run(path)
        result = score(transcript, Reference.load(path.with_suffix(".json")))
        scores.append(result)
        if show:
            print(row(path.stem, result))
    return functools.reduce(operator.add, scores)


def row(name: str, result: Score) -> str:
    found = f"{result.speakers}/{result.speakers_expected}"
    return (
        f"{name:<16} {result.words:>5} words  WER {result.wer:6.1%}  DER {result.der:6.1%}  "
        f"speaker per word {result.speaker_accuracy:6.1%}  speakers {found}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--whisper", type=Path, default=DEMO_DIR / "whisper")
    parser.add_argument("--diarization", type=Path, default=DEMO_DIR / "diarization")
    parser.add_argument(
        "--folder", type=Path, help="WAV files, each with a reference of the same name (.json)"
    )
    parser.add_argument("--count", type=int, default=10, help="dialogues to invent")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sweep", action="store_true", help="the constants of speaker assignment")
    arguments = parser.parse_args()
    pipeline = Pipeline(arguments.whisper, arguments.diarization, language="en")
    folder = arguments.folder or invent_dialogues(arguments.count, arguments.seed)
    if arguments.sweep:
        for near_s in (0.0, 0.25, 0.5, 1.0):
            for edge_s in (0.0, 0.3, 0.5, 0.8, 1.2):
                speakers.NEAR_S, speakers.EDGE_S = near_s, edge_s
                print(row(f"near {near_s} edge {edge_s}", measure(pipeline, folder, show=False)))
        return
    total = measure(pipeline, folder)
    print(row("all", total))
    if arguments.folder is None:
        print(row("demo", measure(pipeline, DEMO_DIR, show=False)))


if __name__ == "__main__":
    main()
