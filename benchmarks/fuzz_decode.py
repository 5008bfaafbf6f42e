"""Decodes thousands of small damaged files: each gives sound or a sentence, in bounded memory, and ends.

Every case is made from its number alone, so that `--only N` repeats it. The decoding runs in a child process
that works through case after case; a child that dies or hangs is reported with its case, and replaced.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from functions.prepare.hear import hear
from rem.core.errors import InputError
from rem.definition import ROOT
from rem.stage.work import peak_memory_mb
from tests.functions.recorders import Take, join, ladder, record
from tests.functions.test_decode_laws import check_laws, plans

SEEDS = ROOT / "build" / "benchmarks" / "fuzz"
CASE_S = 60.0  # a second or two is usual; the clock of a damaged file may ask for twelve hours of silence
CASES_PER_CHILD = 500
MOST_MEMORY_MB = 600  # of a child; a quarter of it is the interpreter with its libraries
MOST_FILE_BYTES = 3 * 2**30
KINDS = (
    "m4a aac 44100 1, mp4 aac 48000 2, mov alac 44100 1, mov pcm_s16be 48000 2, mkv aac 48000 2, "
    "mkv flac 16000 1, mkv pcm_s16le 16000 1, mkv ac3 48000 6, webm libopus 48000 1, ts aac 48000 1, "
    "ts mp2 48000 2, ogg libopus 48000 2, "
    "ogg flac 16000 1, mp3 libmp3lame 44100 2, mp3 libmp3lame 16000 1, aac aac 44100 1, loas aac 44100 1, "
    "amr libopencore_amrnb 8000 1, 3gp libopencore_amrnb 8000 1, flac flac 48000 2, wav pcm_s16le 48000 2, "
    "wav adpcm_ima_wav 16000 1, wav adpcm_ms 16000 1, wav pcm_alaw 8000 1, wav pcm_f32le 16000 3, "
    "wma wmav2 44100 2, avi libmp3lame 44100 1, flv aac 44100 1, caf alac 44100 1, aiff pcm_s16be 44100 2, "
    "au pcm_mulaw 8000 1, w64 pcm_s16le 16000 1, ac3 ac3 48000 2, wv wavpack 44100 2, tta tta 44100 1, "
    "mpg mp2 48000 1"
)
FORMATS = {"loas": "latm", "aac": "adts", "wma": "asf"}


@dataclass
class Outcome:
    """What a case came to: `sound`, `refused`, or the fault."""

    number: int
    result: str
    seconds: float = 0.0
    memory_mb: int = 0  # most that the child had so far

    @property
    def is_fault(self) -> bool:
        return self.result not in ("sound", "refused") or self.memory_mb > MOST_MEMORY_MB


def make_seeds() -> list[Path]:
    """Write the undamaged files once: every container and codec, two tracks, joined files."""
    SEEDS.mkdir(parents=True, exist_ok=True)
    seeds = []
    for i, kind in enumerate(KINDS.split(", ")):
        suffix, codec, rate, channels = kind.split()
        path = SEEDS / f"{i:02}-{codec}.{suffix}"
        if not path.exists():
            take = Take(ladder(2.5, int(rate), int(channels)), codec, int(rate))
            record(path, take, container=FORMATS.get(suffix, ""))
        seeds.append(path)
    tracks = SEEDS / "tracks.mkv"
    record(tracks, *(Take(ladder(2, first_s=i), "aac") for i in (0, 9)), picture_s=2)
    joined = [
        join(SEEDS / f"joined.{kind}", *[p for p in seeds if p.suffix == f".{kind}"][:2])
        for kind in ("mp3", "ogg", "wav")
    ]
    return [*seeds, tracks, *joined]


def mutate(number: int, seeds: list[Path]) -> tuple[bytes, str]:
    """Make a case from its number: a file with one to four wounds, and its suffix."""
    chance = random.Random(number)
    seed = chance.choice(seeds)
    content = bytearray(seed.read_bytes())
    for _ in range(chance.randint(1, 4)):
        wound = chance.choice((_flip, _flip_head, _cut, _splice, _zero, _scramble, _remove, _repeat))
        content = wound(content, chance, seeds)
    return bytes(content) or b"\0", seed.suffix


def _place(content: bytearray, chance: random.Random, most: int = 20_000) -> tuple[int, int]:
    at = chance.randrange(len(content) + 1)
    return at, min(at + chance.randint(1, most), len(content))


def _flip(content: bytearray, chance: random.Random, seeds: list[Path]) -> bytearray:
    for _ in range(chance.randint(1, 30)):
        if content:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return content


def _flip_head(content: bytearray, chance: random.Random, seeds: list[Path]) -> bytearray:
    for _ in range(chance.randint(1, 8)):
        if content:
            content[chance.randrange(min(len(content), 600))] = chance.choice(
                (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
            )
    return content


def _cut(content: bytearray, chance: random.Random, seeds: list[Path]) -> bytearray:
    at = chance.randrange(len(content) + 1)
    return content[:at] if chance.random() < 0.7 else content[at:]


def _splice(content: bytearray, chance: random.Random, seeds: list[Path]) -> bytearray:
    other = chance.choice(seeds).read_bytes()
    return content[: chance.randrange(len(content) + 1)] + other[chance.randrange(len(other)) :]


def _zero(content: bytearray, chance: random.Random, seeds: list[Path]) -> bytearray:
    start, end = _place(content, chance)
    content[start:end] = bytes(end - start)
    return content


def _scramble(content: bytearray, chance: random.Random, seeds: list[Path]) -> bytearray:
    start, end = _place(content, chance)
    content[start:end] = chance.randbytes(end - start)
    return content


def _remove(content: bytearray, chance: random.Random, seeds: list[Path]) -> bytearray:
    start, end = _place(content, chance)
    return content[:start] + content[end:]


def _repeat(content: bytearray, chance: random.Random, seeds: list[Path]) -> bytearray:
    start, end = _place(content, chance)
    return content[:end] + content[start:]


def decode_case(number: int, seeds: list[Path]) -> Outcome:
    content, suffix = mutate(number, seeds)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, f"source{suffix}")
        source.write_bytes(content)
        try:
            heard = hear(source, Path(name), random.Random(number).choice(("auto", "mix", "split")))
            result = "sound" if heard.samples else "nothing, without a sentence"
        except InputError:
            result = "refused"
        except Exception as error:  # noqa: BLE001 - any other error is what is sought here
            result = f"{type(error).__name__}: {error}"
    return Outcome(number, result, round(time.monotonic() - started_s, 2), peak_memory_mb())


def work() -> None:
    """Be the child: a number in, a line of JSON out."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE_BYTES, MOST_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seeds = make_seeds()
    for line in sys.stdin:
        print(json.dumps(vars(decode_case(int(line), seeds))), flush=True)


class Child:
    """A process that decodes case after case."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks.fuzz_decode", "--work"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )

    def decode(self, number: int) -> Outcome:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], CASE_S)
        answer = self.process.stdout.readline() if ready else ""
        if answer:
            return Outcome(**json.loads(answer))
        self.process.kill()
        status = self.process.wait()
        return Outcome(number, "hangs" if not ready else f"the process died ({status})", CASE_S)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=CASE_S)


def run(numbers: Iterator[int]) -> Iterator[Outcome]:
    child, left = Child(), CASES_PER_CHILD
    for number in numbers:
        outcome = child.decode(number)
        yield outcome
        left -= 1
        if left == 0 or outcome.is_fault:
            child.close()
            child, left = Child(), CASES_PER_CHILD
    child.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int, help="repeat one case, in this process")
    parser.add_argument("--laws", type=int, help="instead, so many random recordings that are not mutated")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work()
        return
    if arguments.laws:
        many = settings(max_examples=arguments.laws, deadline=None, suppress_health_check=list(HealthCheck))
        many(given(plans())(check_laws))()
        print(f"{arguments.laws} random recordings are whole, in their place, and tell what they lack")
        return
    seeds = make_seeds()
    if arguments.only is not None:
        print(decode_case(arguments.only, seeds))
        return
    counts: Counter[str] = Counter()
    slowest_s, peak_mb = 0.0, 0
    for outcome in run(iter(range(arguments.first, arguments.first + arguments.cases))):
        counts[outcome.result] += 1
        slowest_s, peak_mb = max(slowest_s, outcome.seconds), max(peak_mb, outcome.memory_mb)
        if outcome.is_fault:
            print(outcome, flush=True)
    print(f"{arguments.cases} cases: {dict(counts.most_common(20))}")
    print(f"slowest {slowest_s:.1f} s, peak {peak_mb} MB")
    sys.exit(any(result not in ("sound", "refused") for result in counts) or peak_mb > MOST_MEMORY_MB)


if __name__ == "__main__":
    main()
