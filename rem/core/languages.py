"""The languages that Whisper knows, and the many ways in which people write them.

languages.tsv has one row per language: Whisper's code, other codes (ISO 639-1, -2 and -3, members of a
macrolanguage such as cmn or arb), and names, the English and the native one first.
"""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rem.core.errors import InputError

TABLE = Path(__file__).with_name("languages.tsv")
ANY = ("", "auto", "detect")  # the language is to be found in the recording
CHOICES = 3  # near misses that a refusal names
ALIKE, MUCH_LESS = 0.45, 0.2  # difflib's ratio: too low for a choice, and too far below the best one
LONGEST = 60  # characters; no language's name has more

# BCP 47: language, extended language (zh-yue), script, region, variants. POSIX adds to it: de_DE.UTF-8@euro.
TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<extended>[a-z]{3}))?(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?"
    r"(-([0-9][a-z0-9]{3}|(?=[a-z]*[0-9])[a-z0-9]{5,8}|valencia))*(\.[a-z0-9-]+)?(@[a-z]+)?"
)
REGIONAL = re.compile(r"(?P<name>[^()]+)\((?P<region>[^()]+)\)")  # English (US), Portuguese (Brazil)
SEPARATORS = re.compile("[\\s_\\-'`.\u02bb\u02bc\u2018\u2019]+")
ACCENTS = re.compile("[\u0300-\u036f]")


@dataclass(frozen=True, slots=True)
class Language:
    """One language of Whisper: its code, and its names, the English and the native one first."""

    code: str
    other_codes: tuple[str, ...]
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.names[0]} ({self.code})"


@functools.cache
def load_languages() -> dict[str, Language]:
    """Read the table: Whisper's languages by code."""
    rows = [line.split("\t") for line in TABLE.read_text("utf8").splitlines()[1:]]
    return {
        code: Language(code, tuple(codes.split()), tuple(names.split("|"))) for code, codes, names in rows
    }


def find_language(text: str) -> str:
    """Find Whisper's code for a language, however it is written: `de`, `ger`, `German`, `Deutsch`, `de-AT`.

    Returns:
        The code, or "" if the text is empty or `auto`: then the language is found in the recording.

    Raises:
        InputError: Whisper has no such language; names the nearest ones.
    """
    text = text.strip()
    if text.casefold() in ANY:
        return ""
    if len(text) <= LONGEST:
        known = _index()
        for candidate in (_fold(text), *_read_tag(text), *_read_regional(text)):
            if candidate in known:
                return known[candidate]
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    raise InputError(f"'{shown}' is no language that Whisper knows{_suggest(_fold(shown))}")


def describe_language(code: str) -> str:
    """Name a language for people, `German (de)`; a code that is not in the table stands for itself."""
    found = load_languages().get(code)
    return str(found) if found else code


def require_language(code: str, model: str, known: Collection[str]) -> None:
    """Refuse a language that a Whisper model was not trained on. "" passes: nothing was asked for.

    Args:
        model: Name of the model, for the sentence.
        known: Codes of the languages that the model knows.

    Raises:
        InputError: says which model cannot hear which language, and what to do.
    """
    if code and code not in known:
        lack = f"the Whisper model {model} does not know {describe_language(code)}"
        english = "it knows English only: choose a multilingual one"
        raise InputError(
            f"{lack}; {english if set(known) == {'en'} else 'choose another'}, or set no language"
        )


@functools.cache
def _index() -> dict[str, str]:
    """Whisper's code by every folded code and name."""
    languages = load_languages().values()
    found = {_fold(name): language.code for language in languages for name in language.names}
    found |= {code: language.code for language in languages for code in language.other_codes}
    return found | {language.code: language.code for language in languages}


def _fold(text: str) -> str:
    """Reduce a name to what distinguishes it: no case, no Latin accents, one blank between words."""
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    return SEPARATORS.sub(" ", unicodedata.normalize("NFC", ACCENTS.sub("", plain))).strip()


def _read_tag(text: str) -> list[str]:
    """List the language subtags of a BCP 47 tag or POSIX locale, the most specific one first."""
    tag = TAG.fullmatch(text.lower().replace("_", "-"))
    return [subtag for subtag in (tag["extended"], tag["language"]) if subtag] if tag else []


def _read_regional(text: str) -> list[str]:
    """Return the name before a region in brackets, unless the brackets name a second language."""
    found = REGIONAL.fullmatch(text)
    if found is None:
        return []
    name, words = _fold(found["name"]), _fold(found["region"]).split()
    others = {code for word in words if len(word) > 2 and (code := _index().get(word))}
    return [name] if words and others <= {_index().get(name)} else []


def _suggest(wanted: str) -> str:
    """Name the languages that are written most like `wanted`."""
    ratios: dict[str, float] = {}
    for word, code in _index().items():
        ratio = difflib.SequenceMatcher(None, wanted, word).ratio()
        ratios[code] = max(ratio, ratios.get(code, 0.0))
    best = sorted(ratios, key=lambda code: -ratios[code])[:CHOICES]
    least = max(ALIKE, ratios[best[0]] - MUCH_LESS)
    choices = [describe_language(code) for code in best if ratios[code] >= least]
    if not choices:
        return ": give a name or a code, such as German, de or pt-BR"
    return f": did you mean {' or '.join(choices)}?"
