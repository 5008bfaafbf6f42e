"""Counts captions outside the rules: `python -m benchmarks.captions TRANSCRIPT…`, .json files that REM wrote.

The captions are rendered anew, read back from SRT by pysubs2 and measured there. A caption that is short or
fast because the next one follows at once is counted apart: nobody can give it time.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pysubs2

from rem.transcripts.captions import to_srt
from rem.transcripts.layout import CHARACTERS_PER_S, LINE_WIDTH, LONGEST_S, SHORTEST_S
from rem.transcripts.spacing import UNSPACED, measure_width
from rem.transcripts.transcript import Transcript

ROUNDING_S = 0.001  # SRT's clock counts milliseconds
NEXT_AT_ONCE = ", the next one follows at once"


def find_faults(captions: Sequence[pysubs2.SSAEvent]) -> Iterator[str]:
    """Name each rule that a caption breaks, once per caption."""
    for caption, after in pairwise([*captions, pysubs2.SSAEvent(start=10**12)]):
        lines, shown_s = caption.plaintext.split("\n"), (caption.end - caption.start) / 1000
        reason = NEXT_AT_ONCE if caption.end == after.start else ""
        speed = sum(map(measure_width, lines)) / max(shown_s, ROUNDING_S)
        if len(lines) > 2:
            yield "more than two lines"
        if any(measure_width(line) > LINE_WIDTH for line in lines):
            yield f"a line wider than {LINE_WIDTH} characters"
        if shown_s + ROUNDING_S < SHORTEST_S:
            yield f"shorter than 5/6 s{reason}"
        if shown_s > LONGEST_S:
            yield f"longer than {LONGEST_S:.0f} s"
        if speed > CHARACTERS_PER_S * 1.01:
            yield f"faster than {CHARACTERS_PER_S} characters a second{reason}"
        if caption.end > after.start:
            yield "overlaps the next one"
        if is_orphan(lines[0]) and len(lines) == 1:
            yield "one word that ends no sentence"


def is_orphan(line: str) -> bool:
    spoken = line.rpartition(": ")[2]
    return " " not in spoken and not UNSPACED.search(spoken) and spoken[-1:].isalnum()


def main(paths: Sequence[str]) -> int:
    found: Counter[str] = Counter()
    count = 0
    for path in paths:
        transcript = Transcript.from_json(json.loads(Path(path).read_text("utf8")))
        captions = pysubs2.SSAFile.from_string(to_srt(transcript), format_="srt").events
        count += len(captions)
        found.update(find_faults(captions))
    print(f"{count} captions of {len(paths)} transcripts")
    for fault, times in sorted(found.items()):
        print(f"{times:6}  {times / count:6.1%}  {fault}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
