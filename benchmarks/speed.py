"""Seconds per stage and around the stages: `python -m benchmarks.speed`.

One session runs the demo recording three times, each copy one sample longer so that no result is reused:
the first run may meet cold sandboxes, the others are warm. Then whole processes are compared: `rem run` and
benchmarks.plain.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import wave
from collections.abc import Mapping
from pathlib import Path

from rem.adapters.models import DEMO_DIR
from rem.definition import ROOT
from rem.executions.history import StateProgress
from rem.home.session import Outcome, Session, Upload, open_session
from rem.lambdas.sandbox import Report

BUILD = ROOT / "build" / "benchmarks"
SETTINGS = {
    "whisper_model": DEMO_DIR / "whisper",
    "diarization_model": DEMO_DIR / "diarization",
    "language": "en",
}
STAGES = ("prepare", "transcribe", "diarize", "cluster", "assemble", "enrich", "publish")


def lengthen(source: Path, samples: int) -> Path:
    """Write a copy with some samples of silence at its end: it has other content and makes the same work."""
    target = BUILD / f"{source.stem}-{samples}.wav"
    target.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(source)) as read, wave.open(str(target), "wb") as write:
        write.setparams(read.getparams())
        write.writeframes(read.readframes(read.getnframes()) + b"\0\0" * samples)
    return target


def ignore(upload: Upload, states: Mapping[str, StateProgress]) -> None:
    """Ignore the progress."""


def run_once(session: Session, path: Path) -> tuple[Outcome, list[Report]]:
    before = len(session.aws.pool.reports)
    outcome = session.follow(session.upload(path), ignore)
    assert outcome.status == "SUCCEEDED", outcome
    return outcome, session.aws.pool.reports[before:]


def critical_s(reports: list[Report]) -> float:
    """Sum the handlers' time on the longest way through the machine, whose two branches run side by side."""
    taken = dict.fromkeys(STAGES, 0.0)
    for report in reports:
        if report.function in taken:
            taken[report.function] += report.duration_ms / 1000
    listen = max(taken["transcribe"], taken["diarize"] + taken["cluster"])
    return listen + sum(taken[name] for name in ("prepare", "assemble", "enrich", "publish"))


def execution_s(outcome: Outcome) -> float:
    """Measure from the first state's entry to the last state's exit."""
    entered = min(state.first_entered for state in outcome.states.values())
    left = max(state.last_left for state in outcome.states.values() if state.last_left)
    return (left - entered).total_seconds()


def measure_stages(recording: Path, seconds: float) -> None:
    with open_session(SETTINGS) as session:
        for number, name in enumerate(("first", "warm", "warm")):
            outcome, reports = run_once(session, lengthen(recording, number + 1))
            inside, whole = critical_s(reports), execution_s(outcome)
            between = whole - inside
            print(
                f"\n{name}: execution {whole:.2f} s, handlers {inside:.2f} s, orchestration {between:.2f} s"
            )
            for report in reports:
                if report.function in STAGES:
                    taken_s = report.duration_ms / 1000
                    init = f"  init {report.init_ms / 1000:.2f} s" if report.init_ms else ""
                    print(
                        f"  {report.function:<11} {taken_s:6.2f} s  {report.cpu_s:6.2f} CPU s  "
                        f"{report.cpu_s / seconds:.4f} CPU s per second of sound{init}"
                    )


def time_command(*arguments: str) -> float:
    started_s = time.monotonic()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
    return time.monotonic() - started_s


def compare_with_plain(recording: Path, rounds: int) -> None:
    out = str(BUILD / "out")
    models = ("--whisper", "demo", "--diarization", "demo", "--language", "en", "--out", out)
    command = ("-c", "from rem.cli.main import main; main()", "run", str(recording), *models)
    ours, plain = [], []
    for _ in range(rounds):
        ours.append(time_command(*command))
        plain.append(time_command("-m", "benchmarks.plain", str(recording)))
    ratios = [a / b for a, b in zip(ours, plain, strict=True)]
    print(f"\nrem run, whole process:      {json.dumps([round(s, 2) for s in ours])} s")
    print(f"plain script, whole process: {json.dumps([round(s, 2) for s in plain])} s")
    print(f"ratio: median {statistics.median(ratios):.2f} of {[round(r, 2) for r in ratios]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recording", type=Path, default=DEMO_DIR / "standup.wav", help="a 16 kHz WAV")
    arguments = parser.parse_args()
    with wave.open(str(arguments.recording)) as file:
        seconds = file.getnframes() / file.getframerate()
    measure_stages(arguments.recording, seconds)
    compare_with_plain(arguments.recording, arguments.rounds)


if __name__ == "__main__":
    main()
