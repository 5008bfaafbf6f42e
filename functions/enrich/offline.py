"""The embedded enricher: picks from what was said, invents nothing, needs no network."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from functions.enrich.schemas import ActionItem, Chapter, Chapters, Item, Notes
from functions.enrich.vectors import build_lexical, to_bytes
from rem.core.recipes import Recipe
from rem.ports import Memo, Note
from rem.transcripts.receipts import Usage
from rem.transcripts.transcript import Segment, Transcript

TOPICS = 5
LONGEST_PHRASE = 2  # words per key phrase
SHORTEST_SENTENCE = 6  # words; "Let us start the meeting." is no summary
TITLE_PHRASES = 3
MOST_ITEMS = 10  # per list; a longer list of picked sentences is no note any more
CHAPTER_S = 600.0
TASK = re.compile(
    r"(?:^|, |\band |\b(?:[Tt]oday|[Tt]omorrow|[Tt]hen|[Ss]o) )"
    r"(?P<who>I|[Ww]e|(?!It\b|That\b|This\b|There\b|They\b|You\b|What\b|Who\b)[A-Z][a-z]+)"
    r"(?: will|'ll| have to| has to| need to| needs to| must) (?!be\b)"
)
DUE = re.compile(
    r"\b(?:(?:by|before|until|on|next|this) )?(?:today|tonight|tomorrow|"
    r"(?:next|this) week|this (?:morning|afternoon|evening)|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.IGNORECASE,
)
DECISION = re.compile(
    r"\b(?:we|they) (?:have )?(?:decided|agreed)\b|\blet'?s go with\b|\bagreed to\b", re.IGNORECASE
)
QUESTION = re.compile(r"[?\uff1f\u061f]\s*$")  # also the full-width and the Arabic one
# What people say in every conversation, and calendar words: never its topic. YAKE knows only function words.
SMALL_TALK = frozenset(
    "good morning afternoon evening night hello hi hey everyone thanks thank please yes no okay sure sounds "
    "nice day today tomorrow yesterday tonight week monday tuesday wednesday thursday friday saturday sunday "
    "one two three four five six seven eight nine ten eleven twelve thirty noon half past lunch".split()
)


class OfflineEnricher:
    """Title and topics by YAKE's key phrases, the sentences with most of them, and what reads like a task.

    YAKE: Campos et al., "YAKE! Keyword extraction from single documents using multiple local features",
    Information Sciences 509, 2020. A lower YAKE score is a better phrase.
    """

    engine = "offline"

    def __init__(self, summary_sentences: int) -> None:
        self._summary_sentences = summary_sentences

    def choose_model(self, recipe: Recipe) -> str:
        return ""

    def estimate(self, transcript: Transcript, recipe: Recipe) -> Usage:
        return Usage()

    def enrich(self, transcript: Transcript, recipe: Recipe, memo: Memo) -> Note:
        made_by = {"engine": self.engine}
        match recipe.output:
            case "Notes":
                return Note(made_by | self._write_notes(transcript).model_dump(by_alias=True))
            case "Chapters":
                return Note(made_by | _cut_chapters(transcript).model_dump(by_alias=True))
            case "Vectors":
                table = build_lexical([segment.text for segment in transcript.segments])
                shape = {"model": "lexical", "count": table.shape[0], "dimensions": table.shape[1]}
                return Note(made_by | shape, vectors=to_bytes(table))
            case _:
                return Note(made_by | {"skipped": f"the recipe {recipe.name} needs a language model"})

    def _write_notes(self, transcript: Transcript) -> Notes:
        phrases = _rank_phrases(transcript) if transcript.segments else {}
        topics = list(phrases)[:TOPICS]
        sentences = _pick_sentences(transcript.segments, phrases, self._summary_sentences)
        return Notes(
            title=" · ".join(topics[:TITLE_PHRASES]).capitalize() or "Empty recording",
            summary=" ".join(segment.text for _, segment in sentences),
            summary_segment_ids=[segment_id for segment_id, _ in sentences],
            topics=topics,
            action_items=_find_tasks(transcript),
            decisions=_find_items(transcript, DECISION),
            questions=_find_items(transcript, QUESTION),
        )


def _find_tasks(transcript: Transcript) -> list[ActionItem]:
    """Sentences in which somebody takes something on; English only, like the patterns."""
    if transcript.language not in (None, "en"):
        return []
    found: list[ActionItem] = []
    for i, segment in enumerate(transcript.segments):
        match = TASK.search(segment.text)
        if match and not segment.text.endswith("?"):
            who, due = match["who"], DUE.search(segment.text)
            owner = segment.speaker if who == "I" else None if who in ("We", "we") else who
            found.append(
                ActionItem(text=segment.text, owner=owner, due=due[0] if due else None, segment_ids=[i])
            )
    return found[:MOST_ITEMS]


def _find_items(transcript: Transcript, pattern: re.Pattern[str]) -> list[Item]:
    if transcript.language not in (None, "en") and pattern is not QUESTION:
        return []
    found = enumerate(transcript.segments)
    return [Item(text=s.text, segment_ids=[i]) for i, s in found if pattern.search(s.text)][:MOST_ITEMS]


def _cut_chapters(transcript: Transcript) -> Chapters:
    """Begin a chapter at the longest pause of every ten minutes; its title is its best key phrases."""
    segments, begins = transcript.segments, [0] if transcript.segments else []
    while begins:
        begun_s = segments[begins[-1]].start_s
        window = [
            i
            for i in range(begins[-1] + 1, len(segments))
            if CHAPTER_S / 2 <= segments[i].start_s - begun_s <= 1.5 * CHAPTER_S
        ]
        if not window or segments[-1].end_s - begun_s < 1.5 * CHAPTER_S:
            break
        begins.append(max(window, key=lambda i: segments[i].start_s - segments[i - 1].end_s))
    parts = zip(begins, [*begins[1:], len(segments)], strict=True)
    return Chapters(chapters=[_describe_chapter(transcript, start, end) for start, end in parts])


def _describe_chapter(transcript: Transcript, start: int, end: int) -> Chapter:
    part = replace(transcript, segments=transcript.segments[start:end])
    phrases = _rank_phrases(part)
    summary = " ".join(segment.text for _, segment in _pick_sentences(part.segments, phrases, 1))
    title = " · ".join(list(phrases)[:TITLE_PHRASES]).capitalize()
    return Chapter(segment_id=start, title=title or part.segments[0].text, summary=summary)


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
