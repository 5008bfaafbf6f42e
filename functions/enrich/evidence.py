"""Check an answer against the transcript: claims that nobody made are dropped and counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from functions.enrich.schemas import (
    Answer,
    Chapter,
    Chapters,
    Correction,
    Corrections,
    Item,
    SpeakerName,
    SpeakerNames,
)
from rem.transcripts.transcript import Transcript

FARTHEST_MISHEARING = 0.6  # edits per character of the longer text; "pie torch" for "PyTorch" has 0.33
CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"
LONGEST_MISHEARING = 6  # words; a longer correction rewrites the sentence

AnAnswer = TypeVar("AnAnswer", bound=Answer)
AnItem = TypeVar("AnItem", bound=Answer)


class Evidence:
    """The evidence for one answer: the transcript that it must cite.

    Attributes:
        dropped: Counts `citations` that named no segment and `items` that were left without evidence.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._texts = [segment.text for segment in transcript.segments]
        self._labels = {speaker.label for speaker in transcript.speakers}
        self.dropped: Counter[str] = Counter(citations=0, items=0)

    def check(self, answer: AnAnswer) -> AnAnswer:
        """Copy the answer without the claims that the transcript does not support."""
        match answer:
            case SpeakerNames():
                return answer.model_copy(update={"names": self._keep(answer.names, self._proves_name)})
            case Corrections():
                corrections = self._keep(answer.corrections, self._is_mishearing)
                return answer.model_copy(update={"corrections": corrections})
            case Chapters():
                chapters = self._keep(answer.chapters, self._begins_somewhere)
                in_order = sorted(chapters, key=lambda chapter: chapter.segment_id)
                return answer.model_copy(update={"chapters": in_order})
            case _:
                return self._check_fields(answer)

    def _check_fields(self, answer: AnAnswer) -> AnAnswer:
        """Drop false ids in every field named `…segment_ids`, and the items whose ids were all false."""
        kept: dict[str, object] = {}
        for name in type(answer).model_fields:
            value = getattr(answer, name)
            if name.endswith("segment_ids"):
                kept[name] = self._keep_citations(value)
            elif isinstance(value, list) and value and isinstance(value[0], Item):
                kept[name] = self._keep([self._check_fields(item) for item in value], self._has_evidence)
        return answer.model_copy(update=kept)

    def _keep_citations(self, ids: list[int]) -> list[int]:
        real = [i for i in dict.fromkeys(ids) if self._exists(i)]
        self.dropped["citations"] += sum(not self._exists(i) for i in ids)
        return real

    def _keep(self, items: list[AnItem], holds: Callable[[AnItem], bool]) -> list[AnItem]:
        kept = [item for item in items if holds(item)]
        self.dropped["items"] += len(items) - len(kept)
        return kept

    def _exists(self, segment_id: int) -> bool:
        return 0 <= segment_id < len(self._texts)

    def _has_evidence(self, item: Item) -> bool:
        return bool(item.segment_ids)

    def _begins_somewhere(self, chapter: Chapter) -> bool:
        return self._exists(chapter.segment_id)

    def _proves_name(self, found: SpeakerName) -> bool:
        """Check that the segment contains the quote, the quote the name, and that the label exists."""
        quote, name = _plain(found.quote), _plain(found.name)
        return found.label in self._labels and _holds(quote, name) and self._says(found, quote)

    def _is_mishearing(self, found: Correction) -> bool:
        """Check that the segment contains the words and that the suggestion differs but sounds alike."""
        from rapidfuzz.distance import Levenshtein

        heard, suggestion = _plain(found.heard), _plain(found.suggestion)
        is_short = 0 < len(heard.split()) <= LONGEST_MISHEARING
        is_alike = Levenshtein.normalized_distance(heard, suggestion) <= FARTHEST_MISHEARING
        return is_short and bool(suggestion) and heard != suggestion and is_alike and self._says(found, heard)

    def _says(self, found: SpeakerName | Correction, words: str) -> bool:
        if not self._exists(found.segment_id):
            self.dropped["citations"] += 1
            return False
        return _holds(_plain(self._texts[found.segment_id]), words)


def _holds(text: str, words: str) -> bool:
    """Check that the text contains the words, whole and in a row."""
    return bool(words) and f" {words} " in f" {text} "


def _plain(text: str) -> str:
    """Reduce a text to its words, in lower case and without punctuation."""
    return " ".join(re.findall(r"\w+(?:'\w+)*", text.lower().replace(CURLY, "'")))
