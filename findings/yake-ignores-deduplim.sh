#!/usr/bin/env bash
# yake 0.7.3
#
# Most expect: KeywordExtractor(dedupLim=…), the name in yake's own older documentation and in every tutorial, sets how alike
#              two key phrases may be.
# Seen:        the name was changed to dedup_lim. The old one is accepted without a word and changes nothing: the limit
#              stays 0.9, so near-repeats stay in the list. Any misspelt option is swallowed in the same way.
#
# Writes nothing outside a temporary folder.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet yake==0.7.3 2>/dev/null
"$work/venv/bin/python" - <<'PYTHON'
import sys

import yake

old = yake.KeywordExtractor(dedupLim=0.1)
new = yake.KeywordExtractor(dedup_lim=0.1)
misspelt = yake.KeywordExtractor(dedup_limit=0.1)
limits = [extractor.config["dedup_lim"] for extractor in (old, new, misspelt)]
print("dedupLim=0.1 gives", limits[0])
print("dedup_lim=0.1 gives", limits[1])
print("dedup_limit=0.1 gives", limits[2])
sys.exit(0 if limits == [0.9, 0.1, 0.9] else 1)
PYTHON
