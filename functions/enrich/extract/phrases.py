"""Key phrases, names and topics of a transcript, in the case in which they were written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from functions.enrich.extract.english import AFTER_NOUN, DETERMINERS, PREPOSITIONS
from functions.enrich.extract.languages import LANGUAGES, NOUNS_HAVE_CAPITALS, load_stop_words
from functions.enrich.extract.names import WORD, Token, find_names, tokenize
from functions.enrich.extract.sentences import Sentence

LONGEST_PHRASE = 2  # words per key phrase
MOST_TOPICS = 5
CANDIDATES = 40  # key phrases that YAKE ranks; most are dropped for want of evidence


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a phrase, with the word before it and the word behind it; both are empty at an edge."""

    before: str
    words: tuple[Token, ...]
    after: str


@dataclass(frozen=True, slots=True)
class Phrases:
    """The subjects of a transcript.

    Attributes:
        weights: Key phrases in lower case; a higher weight is a better phrase.
        topics: Phrases that are surely names or nouns, best first.
        names: Proper names, those said most often first.
    """

    weights: Mapping[str, float]
    topics: tuple[str, ...]
    names: tuple[str, ...]

    def weigh(self, text: str) -> float:
        """Sum the weights of the key phrases that a text holds."""
        words = f" {' '.join(match.lower() for match in WORD.findall(text))} "
        return sum(weight for phrase, weight in self.weights.items() if f" {phrase} " in words)


def find_phrases(sentences: Sequence[Sentence], language: str) -> Phrases:
    """Rank the key phrases and keep as topics those whose use proves that they are names or nouns."""
    tokens = [list(tokenize(sentence.text)) for sentence in sentences]
    stops = load_stop_words(language)
    names = find_names(tokens, stops, language)
    weights = _rank("\n".join(sentence.text for sentence in sentences), language)
    topics = _choose_topics(weights, tokens, names, language)
    return Phrases(weights, tuple(topics), tuple(names))


def _rank(text: str, language: str) -> dict[str, float]:
    """Weigh key phrases by YAKE, the best first.

    Campos et al., "YAKE! Keyword extraction from single documents using multiple local features",
    Information Sciences 509, 2020. A lower score of YAKE is a better phrase.
    """
    import yake

    extractor = yake.KeywordExtractor(
        lan=LANGUAGES[language],
        n=LONGEST_PHRASE,
        dedup_lim=0.9,
        top=CANDIDATES,
        stopwords=set(load_stop_words(language)),
    )
    ranked = sorted(extractor.extract_keywords(text), key=lambda pair: (pair[1], pair[0]))
    return {phrase.lower(): 1.0 / (0.01 + score) for phrase, score in ranked}


def _choose_topics(
    weights: Mapping[str, float], tokens: Sequence[Sequence[Token]], names: Sequence[str], language: str
) -> list[str]:
    """Take the best phrases that share no word, each as it is written inside of a sentence."""
    chosen: list[str] = []
    taken: set[str] = set()
    stops = load_stop_words(language) | load_stop_words("en")  # people mix English into every language
    for phrase in weights:
        keys = phrase.split(" ")
        if stops & set(keys):
            continue
        name = next((name for name in names if set(keys) <= set(name.lower().split())), None)
        uses = list(_find_uses(keys, tokens))
        if taken & set(keys) or not (name or _is_noun(uses, stops, language)):
            continue
        chosen.append(name or _write(uses, language))
        taken |= set(keys) | (set(name.lower().split()) if name else set())
        if len(chosen) == MOST_TOPICS:
            break
    return chosen


def _find_uses(keys: Sequence[str], tokens: Sequence[Sequence[Token]]) -> Iterator[Use]:
    for sentence in tokens:
        for i in range(len(sentence) - len(keys) + 1):
            words = sentence[i : i + len(keys)]
            if [token.key for token in words] == list(keys) and all(t.before == " " for t in words[1:]):
                before = sentence[i - 1].key if i and words[0].before == " " else ""
                follows = i + len(keys) < len(sentence) and words[-1].after == " "
                yield Use(before, tuple(words), sentence[i + len(keys)].key if follows else "")


def _is_noun(uses: Sequence[Use], stops: frozenset[str], language: str) -> bool:
    """Check that a phrase is used like a noun: after an article, or with a capital where nouns have one."""
    if language in NOUNS_HAVE_CAPITALS:
        return any(all(t.text[0].isupper() and not t.is_first for t in use.words) for use in uses)
    if language == "en":
        return any(_follows_article(use, stops) for use in uses)
    return len(uses) > 1 and not any("'" in token.key or "\u2019" in token.key for token in uses[0].words)


def _follows_article(use: Use, stops: frozenset[str]) -> bool:
    """Check for a word that opens a noun phrase before, and for the noun phrase's end behind."""
    last, is_pair = use.words[-1].key, len(use.words) > 1
    if last.endswith("ly") or (is_pair and last.endswith("ed")):
        return False
    if is_pair and last.endswith(("s", "ing")):  # "seat belts", but "package arrives" and "floods bringing"
        return use.before in DETERMINERS and (not use.after or use.after in AFTER_NOUN)
    ends = not use.after or use.after in stops
    if use.before in DETERMINERS:
        return ends or use.after.endswith("ed")
    return ends and use.before in PREPOSITIONS and not last.endswith("ing")


def _write(uses: Sequence[Use], language: str) -> str:
    """Choose the spelling that is most common inside of sentences."""
    inside = [use for use in uses if not use.words[0].is_first]
    spelled = Counter(" ".join(token.text for token in use.words) for use in inside or uses)
    spelling = spelled.most_common(1)[0][0]
    if inside or language in NOUNS_HAVE_CAPITALS or spelling.isupper():
        return spelling
    return spelling[0].lower() + spelling[1:]
