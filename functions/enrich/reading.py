"""Read a transcript by a recipe: whole in one request, or in parts whose notes become one note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from functions.enrich.answers import SchemaError, read_answer, strip_thoughts
from functions.enrich.completions import Completion
from functions.enrich.limits import shrink_recipe
from functions.enrich.prompts import Request, build_requests, disarm
from functions.enrich.refusals import ContextError
from functions.enrich.schemas import Answer
from rem.core import Json
from rem.core.errors import AnswerError, SetupError
from rem.core.recipes import Recipe
from rem.ports import Memo
from rem.transcripts.receipts import Usage

Ask = Callable[[Request, Recipe], Completion]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in the schema, and the tokens of all requests that it took."""

    answer: Answer
    usage: Usage


class Reading:
    """One reading of one transcript.

    Args:
        model: The model's name, for messages.
        memo: Keeps the answers to parts, so that an attempt continues where the last one stopped.
        may_repeat: Whether a second request may follow an unusable answer, and smaller parts a cut prompt.

    Attributes:
        remark: A sentence for the note's reader, where the server read less than was sent.
    """

    def __init__(self, ask: Ask, model: str, schema: type[Answer], memo: Memo, *, may_repeat: bool) -> None:
        self._ask_model, self._model = ask, model
        self._schema, self._memo, self._may_repeat = schema, memo, may_repeat
        self.remark = ""

    def read(self, recipe: Recipe, lines: Sequence[str]) -> Reply:
        """Ask about all lines; in smaller parts where the server reads less than the recipe counts on.

        Raises:
            AnswerError: an answer is cut off, or breaks the schema twice.
            SetupError: the server's context is too small for any part.
        """
        while True:
            try:
                return self._ask_all(recipe, lines)
            except ContextError as error:
                smaller = self._shrink(recipe, error.tokens)
                if smaller is None:
                    advice = "give the model a larger context, or set REM_ENRICH_INPUT_TOKENS"
                    raise SetupError(f"{error}; {advice}") from None
                recipe = smaller
                self.remark = (
                    f"The model's server reads {error.tokens:,} tokens at once, so the recording was read in "
                    f"parts. Give the model a larger context, or set REM_ENRICH_INPUT_TOKENS={error.tokens}."
                )

    def _shrink(self, recipe: Recipe, context_tokens: int) -> Recipe | None:
        return shrink_recipe(recipe, context_tokens) if self._may_repeat else None

    def _ask_all(self, recipe: Recipe, lines: Sequence[str], merging: bool = False) -> Reply:
        requests = build_requests(recipe, lines, merging=merging)
        if len(requests) == 1:
            return self._ask(recipe, requests[0])
        if merging and len(requests) == len(lines):
            raise AnswerError(f"the notes of the recording's {len(lines)} parts are too long to merge")
        parts = [self._ask_once(recipe, request) for request in requests]
        usage = sum((part.usage for part in parts), Usage())
        if recipe.merge == "join":
            return Reply(self._schema.join([part.answer for part in parts]), usage)
        lines = [disarm(part.answer.model_dump_json(by_alias=True)) for part in parts]
        merged = self._ask_all(recipe, lines, merging=True)
        return Reply(merged.answer, usage + merged.usage)

    def _ask_once(self, recipe: Recipe, request: Request) -> Reply:
        """Ask about a part, unless an earlier attempt stored its answer."""

        def ask() -> Json:
            found = self._ask(recipe, request)
            return {"answer": found.answer.model_dump(by_alias=True), "usage": found.usage.to_json()}

        stored = self._memo([request.system, request.user], ask)
        return Reply(self._schema(**stored["answer"]), Usage.from_json(stored["usage"]))

    def _ask(self, recipe: Recipe, request: Request) -> Reply:
        """Ask, and ask once more where the answer breaks the schema."""
        first = self._ask_whole(recipe, request)
        try:
            return Reply(read_answer(first.text, self._schema), first.usage)
        except SchemaError as error:
            if not self._may_repeat:
                raise self._refuse(error, "") from None
            again = request.ask_again(strip_thoughts(first.text) or first.text, error.details)
        second = self._ask_whole(recipe, again)
        try:
            return Reply(read_answer(second.text, self._schema), first.usage + second.usage)
        except SchemaError as error:
            raise self._refuse(error, ", also when it is asked again") from None

    def _ask_whole(self, recipe: Recipe, request: Request) -> Completion:
        """Ask, and check that the prompt was read to its end and the answer written to its end."""
        completion = self._ask_model(request, recipe)
        read, least = completion.read_tokens, request.least_tokens
        if read is not None and read < least:
            if self._shrink(recipe, read):
                raise ContextError(f"{self._model} read {read:,} of at least {least:,} tokens", read)
            self.remark = (
                f"The model's server counted {read:,} of at least {least:,} tokens that were sent: this "
                "note may rest on a part of the recording. Give the model a larger context."
            )
        if not completion.is_whole:
            self._check_end(completion, recipe)
        return completion

    def _check_end(self, completion: Completion, recipe: Recipe) -> None:
        """Refuse an answer that ended at its limit of tokens, unless its object is complete.

        Raises:
            AnswerError: the limit is too low.
        """
        try:
            read_answer(completion.text, self._schema)
        except SchemaError:
            raise AnswerError(
                f"the answer of {self._model} was cut off at {recipe.max_output_tokens} tokens: "
                "raise the recipe's max_output_tokens, or the model's context"
            ) from None

    def _refuse(self, error: SchemaError, when: str) -> AnswerError:
        return AnswerError(
            f"the answer of {self._model} is not a {self._schema.__name__}{when}: {error.summary}"
        )
