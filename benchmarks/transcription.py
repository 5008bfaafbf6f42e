"""Effects of batches, beams and packing on transcription: `python -m benchmarks.transcription`.

The ways run in alternating rounds. Their processor time per second of sound is divided by that of
faster-whisper's own `WhisperModel.transcribe(beam_size=5, vad_filter=True)`. The weights are random and of
the real size, and every clip is decoded to as many tokens as dense English speech has. Word error rates are
measured with the demo model.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.random_models import build_whisper
from functions.prepare.speech import find_speech
from functions.transcribe.handler import place_segments
from functions.transcribe.whisper import WhisperTranscriber
from rem.adapters.models import DEMO_DIR
from rem.core.chunks import pack_regions
from rem.definition import ROOT, load_stages
from rem.stage.settings import PrepareSettings

RESULTS = ROOT / "build" / "benchmarks" / "results"
DATA = ROOT / "tests" / "data"
TOKENS_PER_S = 4.5  # English has so many at 170 words a minute, with punctuation and word pieces
HZ = 16_000


def read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768


def write(path: Path, samples: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(HZ)
        file.writeframes((samples * 32767).astype(np.int16).tobytes())
    return path


def thin_out(samples: np.ndarray, share: float) -> np.ndarray:
    """Put silence between ten-second pieces, so that about `share` of the time is still sound."""
    pieces = [samples[i : i + 10 * HZ] for i in range(0, len(samples), 10 * HZ)]
    silence = np.zeros(int(10 * HZ * (1 / share - 1)), np.float32)
    return np.concatenate([part for piece in pieces for part in (piece, silence)])


def limit_tokens(model: Any) -> None:
    """End each window after the tokens that its speech would have: random weights never end a sentence."""
    generate = model.model.generate

    def generate_limited(features: Any, prompts: list[list[int]], **options: Any) -> Any:
        options["max_length"] = 2 * int(28 * TOKENS_PER_S)  # CTranslate2 counts prompt and text twice
        options["suppress_tokens"] = [50_257]
        options["suppress_blank"] = False
        return generate(features, prompts, **options)

    class LimitedModel:
        def __getattr__(self, name: str) -> Any:
            return generate_limited if name == "generate" else getattr(wrapped, name)

    wrapped, model.model = model.model, LimitedModel()


def time_both(work: Callable[[], object]) -> tuple[float, float]:
    """Measure processor and wall seconds."""
    cpu_s, wall_s = time.process_time(), time.monotonic()
    work()
    return time.process_time() - cpu_s, time.monotonic() - wall_s


def transcribe(model: WhisperTranscriber, path: Path, batch: int, settings: dict[str, Any]) -> list[str]:
    """Find the speech and transcribe as the stages do; the time of Prepare's part counts for all ways."""
    samples, speech = read(path), find_speech(path, PrepareSettings.from_env())
    clips = pack_regions(speech, settings["longest_clip_s"], settings["widest_gap_s"])
    words: list[str] = []
    for i in range(0, len(clips), batch):
        sounds = [np.concatenate([samples[r.start : r.end] for r in c.regions]) for c in clips[i : i + batch]]
        for clip, found in zip(clips[i : i + batch], model.transcribe(sounds, "en"), strict=True):
            words += [word.text for segment in place_segments(found, clip) for word in segment.words]
    return words


def plain(model: Any, samples: np.ndarray) -> None:
    segments, _ = model.transcribe(
        samples,
        language="en",
        beam_size=5,
        vad_filter=True,
        word_timestamps=True,
        condition_on_previous_text=False,
        temperature=0.0,
    )
    list(segments)


def compare_speed(size: str, threads: int, rounds: int, shares: list[float]) -> list[dict[str, Any]]:
    from faster_whisper import WhisperModel

    settings = load_stages()["transcribe"].settings
    folder = build_whisper(size)
    stock = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)
    limit_tokens(stock)
    ways = {}
    for beam, batch in ((5, 1), (5, 8), (1, 1), (1, 4), (1, 8)):
        ours = WhisperTranscriber(folder, beam_size=beam, threads=threads)
        limit_tokens(ours._model)
        ways[beam, batch] = ours
    rows = []
    for share in shares:
        dense = np.concatenate([read(DEMO_DIR / "standup.wav"), read(DATA / "heldout-1.wav")])
        path = write(RESULTS.parent / "thinned.wav", thin_out(dense, share) if share < 1 else dense)
        samples = read(path)
        length_s = len(samples) / HZ
        taken: dict[Any, list[tuple[float, float]]] = {way: [] for way in ("plain", *ways)}
        for _ in range(rounds):
            taken["plain"].append(time_both(lambda samples=samples: plain(stock, samples)))
            for (beam, batch), ours in ways.items():
                work = lambda ours=ours, batch=batch, path=path: transcribe(ours, path, batch, settings)  # noqa: E731
                taken[beam, batch].append(time_both(work))
        base = statistics.median(cpu_s for cpu_s, _ in taken["plain"])
        for way, seconds in taken.items():
            cpu_s, wall_s = (statistics.median(column) for column in zip(*seconds, strict=True))
            name = way if way == "plain" else f"beam {way[0]}, batch {way[1]}"
            row = {"model": size, "threads": threads, "speech": share, "way": name}
            per_s = {"cpu_per_s": cpu_s / length_s, "wall_per_s": wall_s / length_s}
            rows.append(row | per_s | {"ratio": cpu_s / base})
            name = f"{size} {threads} threads, {share:.0%} speech, {name}"
            print(
                f"{name:<46} {cpu_s / length_s:.4f} CPU s/s  {wall_s / length_s:.4f} wall  "
                f"{cpu_s / base:.2f} x plain",
                flush=True,
            )
    return rows


def compare_words(folder: Path) -> list[dict[str, Any]]:
    import jiwer

    from rem.cli.score import Reference, normalise

    settings = load_stages()["transcribe"].settings
    rows = []
    for beam, batch in ((5, 1), (5, 8), (1, 8)):
        model = WhisperTranscriber(DEMO_DIR / "whisper", beam_size=beam, threads=1)
        heard, said = [], []
        for path in sorted(folder.glob("*.wav")):
            reference = Reference.load(path.with_suffix(".json"))
            heard.append(" ".join(map(normalise, transcribe(model, path, batch, settings))))
            said.append(" ".join(normalise(word.text) for _, word in reference.spoken))
        rows.append({"way": f"beam {beam}, batch {batch}", "wer": jiwer.wer(said, heard)})
        print(f"demo model, beam {beam}, batch {batch}: WER {rows[-1]['wer']:.2%}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--sizes", nargs="+", default=["base"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--speech", type=float, nargs="+", default=[1.0, 0.25], help="shares of the time")
    parser.add_argument("--folder", type=Path, default=DATA, help="WAV files with references, for the words")
    arguments = parser.parse_args()
    os.environ.update(
        {"REM_BUCKET": "bucket", "REM_TABLE": "table", **load_stages()["prepare"].environment()}
    )
    rows = [
        row
        for size in arguments.sizes
        for row in compare_speed(size, arguments.threads, arguments.rounds, arguments.speech)
    ]
    RESULTS.mkdir(parents=True, exist_ok=True)
    path, measured = RESULTS / "transcription.json", {(row["model"], row["threads"]) for row in rows}
    last = json.loads(path.read_text())["speed"] if path.exists() else []
    kept = [row for row in last if (row["model"], row["threads"]) not in measured]
    path.write_text(json.dumps({"speed": kept + rows, "words": compare_words(arguments.folder)}, indent=1))


if __name__ == "__main__":
    main()
