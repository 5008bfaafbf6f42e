"""Read the bodies of chat completions: what OpenAI documents, and what other servers make of it."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Any

from functions.enrich.estimate import price_usd
from functions.enrich.prompts import Request, estimate_tokens
from rem.core import Json
from rem.core.errors import AnswerError
from rem.transcripts.receipts import Usage


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer as text.

    Attributes:
        is_whole: Whether the answer ended by itself, not at its limit of tokens.
        read_tokens: The prompt's tokens by the server's count; None where it counts none.
    """

    text: str
    is_whole: bool
    usage: Usage
    read_tokens: int | None


def find_error(body: Json) -> Any:
    """Find the error object that some servers send with the status 200, alone or in the choice."""
    choices = body.get("choices") or [{}]
    return body.get("error") or choices[0].get("error")


def read_completion(body: Json, request: Request, model: str) -> Completion:
    """Read the first choice.

    Raises:
        AnswerError: there is none, it is empty, or the model or a filter refused it.
    """
    if not body["choices"]:
        raise AnswerError(f"{model} gave no answer")
    choice = body["choices"][0]
    message, finish = choice.get("message") or {}, choice.get("finish_reason")
    if message.get("refusal"):
        raise AnswerError(f"{model} refused to answer")
    if finish == "content_filter":
        raise AnswerError(f"the content filter of {model} withheld the answer")
    thoughts = _join_parts(message.get("reasoning_content") or message.get("reasoning"))
    # A vLLM that reads another model's thinking format reports the whole answer as thoughts.
    text = _join_parts(message.get("content")).strip() or thoughts
    if not text.strip() and finish != "length":
        raise AnswerError(f"the answer of {model} is empty")
    counts = body.get("usage") or {}
    usage = read_usage(counts, model, request.tokens, estimate_tokens(text))
    return Completion(text, finish != "length", usage, counts.get("prompt_tokens") or None)


def read_usage(counts: Json, model: str, input_tokens: int, output_tokens: int) -> Usage:
    """Read the server's counts; a count that is missing or null is estimated by the given tokens."""
    read, written = counts.get("prompt_tokens") or input_tokens, counts.get("completion_tokens")
    written = output_tokens if written is None else written
    cached = min((counts.get("prompt_tokens_details") or {}).get("cached_tokens") or 0, read)
    return Usage(1, read, cached, written, price_usd(model, read, written, cached))


async def join_stream(chunks: AsyncIterable[Any]) -> Json:
    """Join the chunks of a streamed answer into the body that a whole answer has."""
    message: dict[str, str] = {}
    choice: Json = {"message": message}
    body: Json = {"choices": []}
    async for chunk in chunks:
        piece = chunk.to_dict()
        body["usage"] = piece.get("usage") or body.get("usage")
        for part in (piece.get("choices") or [])[:1]:
            body["choices"] = [choice]
            choice["finish_reason"] = part.get("finish_reason") or choice.get("finish_reason")
            for name, text in (part.get("delta") or {}).items():
                if isinstance(text, str) and name != "role":
                    message[name] = message.get(name, "") + text
    return body


def _join_parts(content: Any) -> str:
    """Read a message's content: a text, or a list of parts of which only the texts are the answer."""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""
