"""Notes by a language model, within the time of the invocation."""

from __future__ import annotations

import numpy as np

from functions.enrich import vectors
from functions.enrich.completions import Completion
from functions.enrich.estimate import batch_texts, estimate_usage, list_texts
from functions.enrich.evidence import Evidence
from functions.enrich.openai_model import OpenAIModel
from functions.enrich.prompts import Request, to_lines
from functions.enrich.reading import Reading
from functions.enrich.schemas import OUTPUTS, VECTORS
from rem.core import Json
from rem.core.errors import BudgetError
from rem.core.recipes import Recipe
from rem.ports import Memo, Note
from rem.stage.work import Budget
from rem.transcripts.receipts import Usage
from rem.transcripts.transcript import Transcript

SHORTEST_REQUEST_S = 5.0  # with less time left, the next attempt asks


class OnlineEnricher:
    """The enricher that asks a language model.

    Args:
        model_name: For recipes that name none.
        timeout_s: Deadline for each whole answer.
        may_repeat: Whether an unusable answer may cost further requests; a spending ceiling forbids it,
            because the estimate that it is checked against knows of none.
    """

    engine = "openai"

    def __init__(
        self,
        model: OpenAIModel,
        model_name: str,
        budget: Budget,
        timeout_s: float,
        *,
        may_repeat: bool = True,
    ) -> None:
        self._model, self._model_name = model, model_name
        self._budget, self._timeout_s, self._may_repeat = budget, timeout_s, may_repeat

    def choose_model(self, recipe: Recipe) -> str:
        return recipe.model or self._model_name

    def estimate(self, transcript: Transcript, recipe: Recipe) -> Usage:
        return estimate_usage(transcript, recipe, self.choose_model(recipe))

    def enrich(self, transcript: Transcript, recipe: Recipe, memo: Memo) -> Note:
        made_by = {"engine": self.engine, "model": self.choose_model(recipe)}
        if recipe.output == VECTORS:
            return self._embed(transcript, recipe, made_by)
        schema = OUTPUTS[recipe.output]
        if not transcript.segments:
            return Note(made_by | schema.empty().model_dump(by_alias=True))
        model = self.choose_model(recipe)
        reading = Reading(self._ask, model, schema, memo, may_repeat=self._may_repeat)
        reply = reading.read(recipe, to_lines(transcript))
        evidence = Evidence(transcript)
        fields = evidence.check(reply.answer).model_dump(by_alias=True)
        remark = {"remark": reading.remark} if reading.remark else {}
        return Note(made_by | fields | {"dropped": dict(evidence.dropped)} | remark, reply.usage)

    def _ask(self, request: Request, recipe: Recipe) -> Completion:
        schema, model = OUTPUTS[recipe.output], self.choose_model(recipe)
        return self._model.ask(request, schema, model, recipe.max_output_tokens, self._time_left_s())

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
