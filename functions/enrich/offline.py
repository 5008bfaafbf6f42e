"""The embedded enricher: picks from what was said, invents nothing, needs no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rem.core.errors import SetupError
from rem.core.transcript import Segment, Transcript
from rem.ports import Json

TOPICS = 5
LONGEST_PHRASE = 2  # words per key phrase
SHORTEST_SENTENCE = 6  # words; "Let us start the meeting." is no summary
TITLE_PHRASES = 3
# What people say in every conversation, and calendar words: never its topic. YAKE knows only function words.
SMALL_TALK = frozenset(
    "good morning afternoon evening night hello hi hey everyone thanks thank please yes no okay sure sounds "
    "nice day today tomorrow yesterday tonight week monday tuesday wednesday thursday friday saturday sunday "
    "one two three four five six seven eight nine ten eleven twelve thirty noon half past lunch".split()
)


class OfflineEnricher:
    """Title and topics from YAKE's key phrases, summary from the sentences that carry most of them.

    YAKE: Campos et al., "YAKE! Keyword extraction from single documents using multiple local features",
    Information Sciences 509, 2020. A lower YAKE score is a better phrase.
    """

    engine = "offline"

    def __init__(self, summary_sentences: int) -> None:
        self._summary_sentences = summary_sentences

    def enrich(self, transcript: Transcript, recipe: str) -> Json:
        if recipe != "notes":
            raise SetupError(f"there is no recipe '{recipe}': the offline enricher knows only 'notes'")
        phrases = _rank_phrases(transcript) if transcript.segments else {}
        topics = list(phrases)[:TOPICS]
        sentences = _pick_sentences(transcript.segments, phrases, self._summary_sentences)
        return {
            "engine": self.engine,
            "title": " · ".join(topics[:TITLE_PHRASES]).capitalize() or "Empty recording",
            "summary": " ".join(segment.text for _, segment in sentences),
            "summarySegmentIds": [segment_id for segment_id, _ in sentences],
            "topics": topics,
        }


def _rank_phrases(transcript: Transcript) -> dict[str, float]:
    """Key phrases, best first, with a weight (higher is better)."""
    import yake

    language = transcript.language or "en"
    extractor = yake.KeywordExtractor(lan=language, n=LONGEST_PHRASE, dedupLim=0.7, top=4 * TOPICS)
    extractor.stopword_set = set(extractor.stopword_set) | SMALL_TALK
    ranked = sorted(extractor.extract_keywords(transcript.full_text), key=lambda pair: (pair[1], pair[0]))
    return {phrase.lower(): 1.0 / (0.01 + score) for phrase, score in ranked}


def _pick_sentences(
    segments: Sequence[Segment], phrases: Mapping[str, float], count: int
) -> list[tuple[int, Segment]]:
    """The statements with the most key phrases per word, in the order in which they were said."""

    def weight(segment: Segment) -> float:
        text = segment.text.lower()
        found = sum(value for phrase, value in phrases.items() if phrase in text)
        return found / math.sqrt(len(segment.words))

    candidates = [
        (i, s)
        for i, s in enumerate(segments)
        if len(s.words) >= SHORTEST_SENTENCE and not s.text.endswith("?")
    ]
    best = sorted(candidates, key=lambda pair: (-weight(pair[1]), pair[0]))[:count]
    return sorted(best, key=lambda pair: pair[0])
