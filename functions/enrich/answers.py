"""Read a model's answer: find the JSON object in its text and check it against the schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import ValidationError

from functions.enrich.schemas import Answer

# A model that thinks aloud ends its thoughts with such a tag; the opening tag may stand in its template.
THOUGHTS_END = re.compile(
    r"</(?:think|thinking|thought|thoughts|reasoning|reflection)>|\[/THINK\]|◁/think▷", re.IGNORECASE
)
MOST_PROBLEMS = 8  # that a model is shown; the others usually follow from these

AnAnswer = TypeVar("AnAnswer", bound=Answer)


class SchemaError(Exception):
    """A text that is no answer in the schema.

    Attributes:
        summary: The kinds of problems, for people: it repeats nothing of the answer.
        details: The problems with their places, for the model that wrote the answer.
    """

    def __init__(self, summary: str, details: str) -> None:
        super().__init__(summary)
        self.summary, self.details = summary, details


def read_answer(text: str, schema: type[AnAnswer]) -> AnAnswer:
    """Read the last JSON object of the text that fits the schema.

    The object may stand in a code fence, after a thinking block or between sentences.

    Raises:
        SchemaError: no object fits.
    """
    error: ValidationError | None = None
    for candidate in (strip_thoughts(text), text):
        for document in reversed(list(_find_objects(candidate))):
            try:
                return schema.model_validate(document)
            except ValidationError as wrong:
                error = error or wrong
    if error is None:
        raise SchemaError(
            "it holds no complete JSON object (json_invalid)", "It holds no complete JSON object."
        )
    raise _describe(error)


def strip_thoughts(text: str) -> str:
    """Cut off everything up to the end of the last thinking block."""
    return THOUGHTS_END.split(text)[-1].strip()


def _find_objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a text in order; objects inside of objects are not looked at."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
            yield found
        except json.JSONDecodeError as error:
            end = max(error.pos, at + 1)
        except RecursionError:  # no answer nests a thousand objects
            return
        at = text.find("{", end)


def _describe(error: ValidationError) -> SchemaError:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    places = [
        f"- {'.'.join(map(str, problem['loc'])) or 'the object'}: {problem['msg']}"
        for problem in problems[:MOST_PROBLEMS]
    ]
    summary = f"{len(problems)} problem(s), the first is {problems[0]['type']}"
    return SchemaError(summary, "\n".join(places))
