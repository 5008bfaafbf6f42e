"""The languages in which notes are made without a language model, and their function words."""

from __future__ import annotations

import functools

from functions.enrich.extract.english import SMALL_TALK

# Languages with blanks, capital letters and a list of function words in YAKE, by Whisper's code.
# YAKE names Czech "cz"; for a language without a list it silently takes a list of no language.
LANGUAGES = {
    code: code
    for code in "bg da de el en es et fi fr hr hu id it lt lv nl no pl pt ro ru sk sl sv tr uk".split()
} | {"cs": "cz", "nn": "no"}
NOUNS_HAVE_CAPITALS = ("de",)


@functools.cache
def load_stop_words(language: str) -> frozenset[str]:
    """List the function words of a language, in English with what people say in every conversation."""
    import yake

    words = yake.KeywordExtractor(lan=LANGUAGES[language]).stopword_set
    return frozenset(words) | (SMALL_TALK if language == "en" else frozenset())
