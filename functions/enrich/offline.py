"""The embedded enricher: picks from what was said, invents nothing, needs no network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice

from functions.enrich.extract.english import COURTESY, SIDE_CLAUSE
from functions.enrich.extract.languages import LANGUAGES, load_stop_words
from functions.enrich.extract.phrases import Phrases, find_phrases
from functions.enrich.extract.sentences import Sentence, split_sentences
from functions.enrich.extract.tasks import find_decisions, find_questions, find_tasks
from functions.enrich.extract.titles import choose_title
from functions.enrich.schemas import ActionItem, Chapter, Chapters, Item, Notes
from functions.enrich.vectors import build_lexical, to_bytes
from rem.core import Json
from rem.core.recipes import Recipe
from rem.ports import Memo, Note
from rem.transcripts.receipts import Usage
from rem.transcripts.transcript import Segment, Transcript

SHORTEST_SENTENCE, LONGEST_SENTENCE = 6, 40  # words; "Let us start the meeting." is no summary
MOST_ITEMS = 10  # per list; a longer list of picked sentences is no note any more
CHAPTER_S = 600.0
ENGLISH_ONLY = "To-dos and decisions are found in English only; a language model finds them in any language."


class OfflineEnricher:
    """The enricher that picks sentences and phrases: a title, a summary, topics, tasks and questions."""

    engine = "offline"

    def __init__(self, summary_sentences: int) -> None:
        self._summary_sentences = summary_sentences

    def choose_model(self, recipe: Recipe) -> str:
        return ""

    def estimate(self, transcript: Transcript, recipe: Recipe) -> Usage:
        return Usage()

    def enrich(self, transcript: Transcript, recipe: Recipe, memo: Memo) -> Note:
        made_by = {"engine": self.engine}
        if recipe.output == "Vectors":
            table = build_lexical([segment.text for segment in transcript.segments])
            shape = {"model": "lexical", "count": table.shape[0], "dimensions": table.shape[1]}
            return Note(made_by | shape, vectors=to_bytes(table))
        if recipe.output not in ("Notes", "Chapters"):
            return Note(made_by | {"skipped": f"the recipe {recipe.name} needs a language model"})
        if transcript.segments and transcript.language not in LANGUAGES:
            return Note(made_by | {"skipped": _explain_language(transcript.language)})
        if recipe.output == "Chapters":
            return Note(made_by | _cut_chapters(transcript).model_dump(by_alias=True))
        return Note(made_by | self._write_notes(transcript))

    def _write_notes(self, transcript: Transcript) -> Json:
        if not transcript.segments:
            return Notes.empty().model_copy(update={"title": "Empty recording"}).model_dump(by_alias=True)
        language = str(transcript.language)
        sentences = split_sentences(transcript.segments, language)
        phrases = find_phrases(sentences, language)
        chosen = _choose_sentences(sentences, phrases, self._summary_sentences)
        is_english = language == "en"
        started = datetime.fromisoformat(transcript.recording.started_at)
        title = choose_title(sentences, phrases, language, f"{started:%Y-%m-%d}")
        notes = Notes(
            title=title or f"Recording of {started:%Y-%m-%d %H:%M %Z}",
            summary=" ".join(sentence.text for sentence in chosen),
            summary_segment_ids=list(dict.fromkeys(i for s in chosen for i in s.segment_ids)),
            topics=list(phrases.topics),
            action_items=_list_tasks(sentences) if is_english else [],
            decisions=_list_items(find_decisions(sentences)) if is_english else [],
            questions=_list_items(find_questions(sentences, load_stop_words(language))),
        )
        return notes.model_dump(by_alias=True) | ({} if is_english else {"remark": ENGLISH_ONLY})


def _explain_language(language: str | None) -> str:
    if language is None:
        return "the language of the recording is not known; a language model can do without"
    known = ", ".join(sorted(LANGUAGES))
    return (
        f"notes without a language model are made in {known} and not in {language}: set up a language model"
    )


def _list_tasks(sentences: Sequence[Sentence]) -> list[ActionItem]:
    return [
        ActionItem(
            text=task.sentence.text,
            owner=task.owner,
            due=task.due,
            segment_ids=list(task.sentence.segment_ids),
        )
        for task in islice(find_tasks(sentences), MOST_ITEMS)
    ]


def _list_items(sentences: Iterable[Sentence]) -> list[Item]:
    return [Item(text=s.text, segment_ids=list(s.segment_ids)) for s in islice(sentences, MOST_ITEMS)]


def _choose_sentences(sentences: Sequence[Sentence], phrases: Phrases, count: int) -> list[Sentence]:
    """Choose the whole statements with the most key phrases per word, in the order of the recording."""
    statements = {s.text: s for s in reversed(sentences) if _carries(s)}  # of repeated ones the first
    weights = {text: phrases.weigh(text) / math.sqrt(len(s.words)) for text, s in statements.items()}
    best = sorted((text for text in weights if weights[text] > 0), key=lambda text: -weights[text])[:count]
    return [sentence for sentence in sentences if sentence in [statements[text] for text in best]]


def _carries(sentence: Sentence) -> bool:
    """Check that a sentence may tell something by itself."""
    if sentence.is_question or not sentence.is_whole:
        return False
    fits = SHORTEST_SENTENCE <= len(sentence.words) <= LONGEST_SENTENCE
    is_list = 2 * sentence.text.count(",") >= len(sentence.words)
    return fits and not is_list and not COURTESY.match(sentence.text) and not SIDE_CLAUSE.match(sentence.text)


def _cut_chapters(transcript: Transcript) -> Chapters:
    """Begin a chapter at the longest pause of every ten minutes."""
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
    ends = [*begins[1:], len(segments)]
    language = str(transcript.language)
    day = transcript.recording.started_at[:10]
    return Chapters(
        chapters=[
            _describe_chapter(segments[begin:end], begin, language, day)
            for begin, end in zip(begins, ends, strict=True)
        ]
    )


def _describe_chapter(segments: Sequence[Segment], begin: int, language: str, day: str) -> Chapter:
    sentences = split_sentences(segments, language)
    phrases = find_phrases(sentences, language)
    summary = " ".join(sentence.text for sentence in _choose_sentences(sentences, phrases, 1))
    title = choose_title(sentences, phrases, language, day) or ", ".join(phrases.topics)
    return Chapter(segment_id=begin, title=title, summary=summary)
