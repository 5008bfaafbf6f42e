"""Peak resident memory of each stage by length of recording: `python -m benchmarks.memory`.

The demo recording is repeated up to each length; each length has sandboxes of its own.
"""

from __future__ import annotations

import argparse
import math
import wave
from pathlib import Path

from benchmarks.speed import BUILD, SETTINGS, STAGES, run_once
from rem.adapters.models import DEMO_DIR
from rem.definition import load_stages
from rem.home.session import open_session


def repeat(source: Path, minutes: float) -> Path:
    target = BUILD / f"{source.stem}-{minutes:g}min.wav"
    target.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(source)) as read, wave.open(str(target), "wb") as write:
        write.setparams(read.getparams())
        pcm = read.readframes(read.getnframes())
        wanted = int(minutes * 60 * read.getframerate()) * 2
        write.writeframes((pcm * math.ceil(wanted / len(pcm)))[:wanted])
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 5, 15])
    arguments = parser.parse_args()
    configured = {name: stage.memory_mb for name, stage in load_stages().items()}
    peaks: dict[float, dict[str, int]] = {}
    for minutes in arguments.minutes:
        with open_session(SETTINGS) as session:
            _, reports = run_once(session, repeat(DEMO_DIR / "standup.wav", minutes))
        peaks[minutes] = {
            name: max(report.max_memory_mb for report in reports if report.function == name)
            for name in STAGES
        }
    print(f"{'peak MB':<12}" + "".join(f"{minutes:>7g} min" for minutes in peaks) + "  configured MB")
    for name in STAGES:
        row = "".join(f"{peaks[minutes][name]:>11}" for minutes in peaks)
        print(f"{name:<12}{row}{configured[name]:>15}")


if __name__ == "__main__":
    main()
