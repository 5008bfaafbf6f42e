"""Processor time of decoding an undamaged hour, side by side with another commit's decoder.

The hours are the demo recording over and over, encoded once into build/benchmarks. Both decoders work on the
same files in turn, in processes of their own; what counts is the ratio within one run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from rem.adapters.models import DEMO_DIR
from rem.definition import ROOT
from tests.functions.recorders import Take, record
from tests.functions.sounds import HZ, read_wav

HOURS = ROOT / "build" / "benchmarks" / "hours"
FILES = {
    "hour.mp3": ("libmp3lame", 2),
    "hour.m4a": ("aac", 2),
    "hour-mono.m4a": ("aac", 1),
    "hour.ogg": ("libopus", 1),
}
BEFORE = "23a1e0d"  # decoded one track, up to the first packet that could not be decoded
RATE_HZ = 44_100
MOST = 1.1  # times the processor time of the other
MEASURE = """
import sys, tempfile, time
from pathlib import Path
try:
    from functions.prepare.hear import hear
    def decode(source, folder): hear(source, folder, "auto")
except ImportError:
    from functions.prepare.decode import decode_to_wav
    def decode(source, folder): decode_to_wav(source, folder / "audio.wav")
with tempfile.TemporaryDirectory() as folder:
    started_s = time.process_time()
    decode(Path(sys.argv[1]), Path(folder))
    print(time.process_time() - started_s)
"""


def make_hour(name: str, seconds: float) -> Path:
    """Encode an hour of the demo recording once; two channels are two equal ones."""
    path = HOURS / f"{seconds:.0f}s-{name}"
    if path.exists():
        return path
    HOURS.mkdir(parents=True, exist_ok=True)
    codec, channels = FILES[name]
    rate_hz = 48_000 if codec == "libopus" else RATE_HZ
    standup = read_wav(DEMO_DIR / "standup.wav")
    times = np.arange(int(seconds * rate_hz)) * (HZ / rate_hz) % (len(standup) - 1)
    pcm = np.interp(times, np.arange(len(standup)), standup).astype(np.int16)
    sound = pcm if channels == 1 else np.repeat(pcm[:, None], channels, axis=1)
    unfinished = path.with_name(f"unfinished-{path.name}")
    record(unfinished, Take(sound, codec, rate_hz, bit_rate=128_000))
    return unfinished.rename(path)


def unpack(commit: str, folder: Path) -> Path:
    """Take the decoder of another commit out of the repository's history."""
    archive = subprocess.run(
        ["git", "archive", commit, "functions", "rem"], cwd=ROOT, check=True, capture_output=True
    )
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=archive.stdout, check=True)
    return folder


def measure(tree: Path, path: Path) -> float:
    """Decode in a fresh process with the modules of a tree; processor seconds without imports."""
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--commit", default=BEFORE, help="whose decoder is the other")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    ratios = {}
    with tempfile.TemporaryDirectory() as folder:
        other = unpack(arguments.commit, Path(folder))
        for name in FILES:
            path = make_hour(name, 60 * arguments.minutes)
            pairs = [(measure(other, path), measure(ROOT, path)) for _ in range(arguments.rounds)]
            before_s, now_s = (median(seconds) for seconds in zip(*pairs, strict=True))
            ratios[name] = round(now_s / before_s, 3)
            times = f"{arguments.commit} {before_s:6.2f} s  now {now_s:6.2f} s"
            print(f"{name:14} {times}  ratio {ratios[name]:.2f}", flush=True)
    print(json.dumps(ratios))
    sys.exit(max(ratios.values()) > MOST)


if __name__ == "__main__":
    main()
