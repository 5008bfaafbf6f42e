"""A generated hour through `rem run` with the demo models: `python -m benchmarks.hour` (needs espeak-ng).

Three held-out voices take turns. The benchmark measures wall and processor time, peak memory per stage,
word and speaker errors, whether each label stays with one person from the first ten minutes to the last,
and the longest time that the progress on standard error stood still.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from benchmarks.speed import BUILD
from benchmarks.transcription import RESULTS
from rem.cli.score import Reference, pair_words, score
from rem.definition import ROOT, load_stages
from rem.transcripts.receipts import Receipt
from rem.transcripts.transcript import Transcript

TURNS_PER_MINUTE = 12.5  # of invented dialogues; the recording becomes a little longer than asked
PART_S = 600.0


def invent_recording(minutes: float, voices: int, seed: int) -> Path:
    from models.training.dialogues import invent, render
    from models.training.voices import held_out_voices

    target = BUILD / "hours" / f"{minutes:g}min-{voices}-{seed}"
    if not target.with_suffix(".json").exists():
        rng = random.Random(seed)
        speaks = {v.name.split("+")[1]: v for v in rng.sample(held_out_voices(), len(held_out_voices()))}
        chosen = rng.sample(list(speaks.values()), voices)
        turns = round(minutes * TURNS_PER_MINUTE)
        with contextlib.redirect_stdout(io.StringIO()):
            render(invent(str(target.relative_to(ROOT)), chosen, turns, rng), seed)
    return target.with_suffix(".wav")


def run(recording: Path) -> tuple[Transcript, dict[str, float]]:
    """Run `rem run` in a process of its own and time each line of its progress."""
    out = BUILD / "out"
    models = ("--whisper", "demo", "--diarization", "demo", "--language", "en", "--out", str(out))
    command = [sys.executable, "-c", "from rem.cli.main import main; main()", "run", str(recording), *models]
    started_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        moments = [started_s, *(time.monotonic() for _ in process.stderr), time.monotonic()]
    assert process.returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    stillest_s = max(later - earlier for earlier, later in itertools.pairwise(moments))
    transcript = Transcript.from_json(json.loads((out / f"{recording.stem}.json").read_text()))
    return transcript, {
        "wall_s": moments[-1] - started_s,
        "cpu_s": cpu_s,
        "progress_lines": len(moments) - 2,
        "stillest_s": stillest_s,
    }


def follow_labels(transcript: Transcript, reference: Reference) -> list[dict[str, Any]]:
    """Count each label's words and those of its main person, and name that person for each ten minutes."""
    people: dict[str, Counter[str]] = defaultdict(Counter)
    parts: dict[str, dict[int, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for person, label, word in pair_words(transcript, reference):
        people[label][person] += 1
        parts[label][int(word.start_s // PART_S)][person] += 1
    return [
        {
            "label": label,
            "words": counts.total(),
            "person": counts.most_common(1)[0][0],
            "share": counts.most_common(1)[0][1] / counts.total(),
            "by_part": [parts[label][part].most_common(1)[0][0] for part in sorted(parts[label])],
        }
        for label, counts in sorted(people.items())
    ]


def sum_stages(transcript: Transcript) -> dict[str, dict[str, float]]:
    stages: dict[str, dict[str, float]] = {}
    for receipt in map(Receipt.from_json, transcript.stages):
        entry = stages.setdefault(receipt.name, {"seconds": 0.0, "cpu_s": 0.0, "peak_mb": 0.0})
        entry["seconds"] += receipt.seconds
        entry["cpu_s"] += receipt.cpu_s
        entry["peak_mb"] = max(entry["peak_mb"], receipt.max_memory_mb)
    return stages


def show(found: dict[str, Any]) -> None:
    configured = {name: stage.memory_mb for name, stage in load_stages().items()}
    print(f"{found['length_s']:.0f} s of sound, {found['words']} words")
    print(f"wall {found['wall_s']:.0f} s, processor time {found['cpu_s']:.0f} s in all processes")
    print(f"progress: {found['progress_lines']} lines, at most {found['stillest_s']:.0f} s without one")
    print(f"WER {found['wer']:.1%}  DER {found['der']:.1%}  speaker per word {found['speaker_accuracy']:.1%}")
    for label in found["labels"]:
        parts = " ".join(label["by_part"])
        print(
            f"  {label['label']}: {label['words']} words, {label['share']:.1%} {label['person']}'s: {parts}"
        )
    for name, entry in found["stages"].items():
        print(
            f"  {name:<11} {entry['seconds']:7.1f} s  {entry['cpu_s']:7.1f} CPU s  "
            f"peak {entry['peak_mb']:.0f} of {configured[name]} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--voices", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    recording = invent_recording(arguments.minutes, arguments.voices, arguments.seed)
    transcript, taken = run(recording)
    reference = Reference.load(recording.with_suffix(".json"))
    result = score(transcript, reference)
    found = {
        "length_s": transcript.duration_s,
        **taken,
        "words": result.words,
        "wer": result.wer,
        "der": result.der,
        "speaker_accuracy": result.speaker_accuracy,
        "labels": follow_labels(transcript, reference),
        "stages": sum_stages(transcript),
    }
    show(found)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"minutes-{arguments.minutes:g}.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
