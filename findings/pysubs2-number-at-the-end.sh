#!/usr/bin/env bash
# pysubs2 1.8.1
#
# Most expect: what pysubs2 writes as SubRip it reads back, whatever is said.
# Seen:        a last line that is only a number is lost from the last cue: pysubs2 takes it for the number of a cue that
#              would follow. "The answer is / 42" comes back as "The answer is". With a further cue behind it, the same
#              line survives. No warning is given.
#
# Writes nothing outside a temporary folder.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pysubs2==1.8.1 2>/dev/null
"$work/venv/bin/python" - <<'PYTHON'
import sys

import pysubs2


def read_back(*texts):
    subs = pysubs2.SSAFile()
    for i, text in enumerate(texts):
        subs.append(pysubs2.SSAEvent(start=i * 2000, end=i * 2000 + 1500, text=text.replace("\n", "\\N")))
    written = subs.to_string("srt")
    return [event.plaintext for event in pysubs2.SSAFile.from_string(written, format_="srt")]


last = read_back("The answer is\n42")
followed = read_back("The answer is\n42", "Of course.")
print("as the last cue:     ", last)
print("with a cue behind it:", followed)
sys.exit(0 if last == ["The answer is"] and followed[0] == "The answer is\n42" else 1)
PYTHON
