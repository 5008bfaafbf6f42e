"""The dialects of OpenAI's protocol: features that a server may lack, and how to ask without them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from functions.enrich.prompts import Request
from functions.enrich.schemas import Answer

# Words by which servers refuse a feature, and the field of Dialect that they concern. Seen in the answers of
# DeepSeek, LM Studio, Groq, Azure and older llama.cpp (schema), Mistral (store, max_completion_tokens) and
# DashScope (stream).
REFUSED = {
    "has_schema": r"response[_ ]format|json[_ ]schema|structured[_ ]output|guided|grammar",
    "has_store": r"\bstore\b",
    "has_completion_limit": r"max_completion_tokens",
    "has_whole_answers": r"\bstream",
}
SCHEMA_PROMPT = """

Answer with one JSON object that fits this JSON schema, and with nothing else:
{schema}"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The features that a server has.

    Attributes:
        has_schema: `response_format` with a JSON schema; without it the schema stands in the prompt.
        has_store: `store: false`, which keeps OpenAI from storing what was sent.
        has_completion_limit: `max_completion_tokens`; `max_tokens` is its older name.
        has_whole_answers: Answers in one piece; without them the answer is streamed.
    """

    has_schema: bool = True
    has_store: bool = True
    has_completion_limit: bool = True
    has_whole_answers: bool = True

    def drop_refused(self, words: str) -> Dialect | None:
        """Give up the feature that a refusal names; None where it names none that is in use."""
        for feature, pattern in REFUSED.items():
            if getattr(self, feature) and re.search(pattern, words, re.IGNORECASE):
                return replace(self, **{feature: False})
        return None

    def build_parameters(self, request: Request, schema: type[Answer], max_tokens: int) -> dict[str, Any]:
        """Write the request's parameters, but for the model's name."""
        form = schema.model_json_schema()
        parameters: dict[str, Any] = {"messages": self._build_messages(request, form)}
        if self.has_schema:
            named = {"name": schema.__name__, "schema": form, "strict": True}
            parameters["response_format"] = {"type": "json_schema", "json_schema": named}
        if self.has_store:
            parameters["store"] = False  # recordings are nobody else's training or debugging material
        parameters["max_completion_tokens" if self.has_completion_limit else "max_tokens"] = max_tokens
        if not self.has_whole_answers:
            parameters |= {"stream": True, "stream_options": {"include_usage": True}}
        return parameters

    def _build_messages(self, request: Request, form: Mapping[str, Any]) -> Sequence[dict[str, str]]:
        system, *others = request.messages
        if not self.has_schema:
            system = system | {"content": system["content"] + SCHEMA_PROMPT.format(schema=json.dumps(form))}
        return [system, *others]
