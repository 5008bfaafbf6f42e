"""Lay names over speaker labels when a transcript is rendered. The labels themselves never change."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from rem.core.errors import InputError
from rem.transcripts.transcript import Transcript

LONGEST_NAME = 80  # characters
LABEL = re.compile(r"(.*/)?\s*speaker[\s_.#-]*\d+", re.IGNORECASE)  # also of a session: 2/SPEAKER_00
BLANKS = re.compile(
    "[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+"
)  # Unicode's blanks, without line breaks
JOINERS = "\u200c\u200d"  # invisible, but part of Persian and Indic names and of emoji


def parse_name(text: str, label: str) -> str:
    """Read the name that a person gives to the voice `label`. "" and the label itself take its name away.

    Raises:
        InputError: the name is blank, too long, not one line of visible characters, or another voice's label.
    """
    name = BLANKS.sub(" ", unicodedata.normalize("NFC", text)).strip()
    if text and not name.strip(JOINERS):
        raise InputError(f"the name for {label} is blank: give a name, or '' to take its name away")
    if len(name) > LONGEST_NAME:
        raise InputError(f"a speaker's name has at most {LONGEST_NAME} characters; this one has {len(name)}")
    if any(not (character.isprintable() or character in JOINERS) for character in name):
        raise InputError(
            f"the name for {label} has line breaks or control characters: give visible ones only"
        )
    if name == label:
        return ""
    if LABEL.fullmatch(unicodedata.normalize("NFKC", name)):
        raise InputError(f"'{name}' is a label and no name: give {label} a name of its own")
    return name


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
