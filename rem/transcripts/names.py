"""Lay names over speaker labels when a transcript is rendered. The labels themselves never change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from rem.transcripts.transcript import Transcript


def apply_names(
    transcript: Transcript, recipe_names: Mapping[str, str], given_names: Mapping[str, str]
) -> Transcript:
    """Put names on the transcript's speakers.

    A name given by a person replaces a recipe's. A recipe's name is used only if it is unambiguous: the
    recipe found it for one voice, and no person gave it to another voice.

    Args:
        recipe_names: Names by label, found by the `speaker-names` recipe.
        given_names: Names by label, given by a person (`speakerNames` of the record).
    """
    given = {label: name.strip() for label, name in given_names.items() if name and name.strip()}
    times = Counter(recipe_names.values())
    taken = set(given.values())
    found = {label: n for label, n in recipe_names.items() if n and times[n] == 1 and n not in taken}
    names = found | given
    return replace(
        transcript, speakers=tuple(replace(s, name=names.get(s.label)) for s in transcript.speakers)
    )
