"""Notes by a language model: the whole transcript, in as few requests as fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from functions.enrich import vectors
from functions.enrich.estimate import batch_texts, estimate_usage, list_texts
from functions.enrich.evidence import Evidence
from functions.enrich.openai_model import Answered, OpenAIModel
from functions.enrich.prompts import Request, build_requests, disarm, to_lines
from functions.enrich.schemas import OUTPUTS, VECTORS, Answer
from rem.core import Json
from rem.core.errors import AnswerError, BudgetError
from rem.core.recipes import Recipe
from rem.ports import Memory, Note
from rem.stage.work import Budget
from rem.transcripts.receipts import Usage
from rem.transcripts.transcript import Transcript

SHORTEST_REQUEST_S = 5.0  # with less time left, the next attempt asks


class OnlineEnricher:
    """Args: model_name is for recipes that name none; no request waits longer than timeout_s."""

    engine = "openai"

    def __init__(self, model: OpenAIModel, model_name: str, budget: Budget, timeout_s: float) -> None:
        self._model, self._model_name = model, model_name
        self._budget, self._timeout_s = budget, timeout_s

    def choose_model(self, recipe: Recipe) -> str:
        return recipe.model or self._model_name

    def estimate(self, transcript: Transcript, recipe: Recipe) -> Usage:
        return estimate_usage(transcript, recipe, self.choose_model(recipe))

    def enrich(self, transcript: Transcript, recipe: Recipe, memory: Memory) -> Note:
        made_by = {"engine": self.engine, "model": self.choose_model(recipe)}
        if recipe.output == VECTORS:
            return self._embed(transcript, recipe, made_by)
        schema = OUTPUTS[recipe.output]
        if not transcript.segments:
            return Note(made_by | schema.empty().model_dump(by_alias=True))
        found = self._ask_all(recipe, schema, to_lines(transcript), memory)
        evidence = Evidence(transcript)
        answer = evidence.check(found.answer)
        return Note(
            made_by | answer.model_dump(by_alias=True) | {"dropped": dict(evidence.dropped)}, found.usage
        )

    def _ask_all(
        self,
        recipe: Recipe,
        schema: type[Answer],
        lines: Sequence[str],
        memory: Memory,
        merging: bool = False,
    ) -> Answered[Answer]:
        requests = build_requests(recipe, lines, merging=merging)
        if len(requests) == 1:
            return self._ask(recipe, schema, requests[0])
        if merging and len(requests) == len(lines):
            raise AnswerError(f"the notes of the recording's {len(lines)} parts are too long to merge")
        parts = [self._ask_once(recipe, schema, request, memory) for request in requests]
        usage = sum((part.usage for part in parts), Usage())
        if recipe.merge == "join":
            return Answered(schema.join([part.answer for part in parts]), usage)
        lines = [disarm(part.answer.model_dump_json(by_alias=True)) for part in parts]
        merged = self._ask_all(recipe, schema, lines, memory, merging=True)
        return Answered(merged.answer, usage + merged.usage)

    def _ask_once(
        self, recipe: Recipe, schema: type[Answer], request: Request, memory: Memory
    ) -> Answered[Answer]:
        """A part whose answer is stored is not paid for again."""

        def ask() -> Json:
            found = self._ask(recipe, schema, request)
            return {"answer": found.answer.model_dump(by_alias=True), "usage": found.usage.to_json()}

        stored = memory([request.system, request.user], ask)
        return Answered(schema(**stored["answer"]), Usage.from_json(stored["usage"]))

    def _ask(self, recipe: Recipe, schema: type[Answer], request: Request) -> Answered[Answer]:
        return self._model.ask(
            request, schema, self.choose_model(recipe), recipe.max_output_tokens, self._time_left_s()
        )

    def _embed(self, transcript: Transcript, recipe: Recipe, made_by: Json) -> Note:
        model, usage, rows = self.choose_model(recipe), Usage(), []
        for batch in batch_texts(list_texts(transcript)):
            found, spent = self._model.embed(batch, model, recipe.dimensions, self._time_left_s())
            rows.append(found)
            usage += spent
        table = np.concatenate(rows) if rows else np.zeros((0, recipe.dimensions or 0), np.float32)
        shape = {"count": table.shape[0], "dimensions": table.shape[1]}
        return Note(made_by | shape, usage, vectors.to_bytes(table))

    def _time_left_s(self) -> float:
        left_s = self._budget.remaining_s()
        if left_s < SHORTEST_REQUEST_S:
            raise BudgetError("time is nearly up; the next attempt asks for what is missing")
        return min(left_s, self._timeout_s)
