"""Upper bounds of what a recipe will ask: requests, tokens and dollars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from functions.enrich.prompts import build_requests, estimate_tokens, to_lines
from functions.enrich.schemas import VECTORS
from rem.core.recipes import Recipe
from rem.costs.prices import load_prices
from rem.transcripts.receipts import Usage
from rem.transcripts.transcript import Transcript

BATCH_TEXTS = 2_048  # OpenAI's limit of inputs per embedding request
BATCH_TOKENS = 250_000  # OpenAI's limit is 300,000 per embedding request


def estimate_usage(transcript: Transcript, recipe: Recipe, model: str) -> Usage:
    """Bound the usage from above: tokens follow from bytes, and every answer has its full length."""
    if not transcript.segments:
        return Usage()
    if recipe.output == VECTORS:
        tokens = [sum(map(estimate_tokens, batch)) for batch in batch_texts(list_texts(transcript))]
        return _price(model, len(tokens), sum(tokens), 0)
    requests = build_requests(recipe, to_lines(transcript))
    asked, read = len(requests), sum(request.tokens for request in requests)
    if asked > 1 and recipe.merge == "ask":
        read += asked * recipe.max_output_tokens + requests[0].tokens - estimate_tokens(requests[0].user)
        asked += 1
    return _price(model, asked, read, asked * recipe.max_output_tokens)


def list_texts(transcript: Transcript) -> list[str]:
    return [segment.text for segment in transcript.segments]


def batch_texts(texts: Sequence[str]) -> Iterator[list[str]]:
    """Group the texts into as few embedding requests as the limits allow."""
    batch: list[str] = []
    used = 0
    for text in texts:
        tokens = estimate_tokens(text)
        if batch and (len(batch) == BATCH_TEXTS or used + tokens > BATCH_TOKENS):
            yield batch
            batch, used = [], 0
        batch.append(text)
        used += tokens
    if batch:
        yield batch


def price_usd(model: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float | None:
    """Price a request; None where rem/costs/prices.yaml does not know the model."""
    price = load_prices().llm.get(model)
    return None if price is None else price.cost_usd(input_tokens, output_tokens, cached_tokens)


def _price(model: str, requests: int, input_tokens: int, output_tokens: int) -> Usage:
    usd = price_usd(model, input_tokens, output_tokens)
    return Usage(requests, input_tokens, 0, output_tokens, usd)
