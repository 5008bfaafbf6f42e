"""Requests, tokens and modelled dollars of enrichment, against two usual ways: `python -m benchmarks.enrich`.

It asks no model: it counts the requests that Enrich would send and prices them with rem/costs/prices.yaml.
The length of the answers is an assumption (ANSWER_TOKENS), the same for every way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle

from functions.enrich.estimate import batch_texts, list_texts
from functions.enrich.prompts import Request, build_requests, estimate_tokens, to_lines
from functions.enrich.schemas import VECTORS
from rem.core.recipes import Recipe
from rem.core.recordings import Recording
from rem.costs.prices import load_prices
from rem.definition import ROOT, load_stages
from rem.stage.recipe_files import load_recipes
from rem.transcripts.receipts import Usage
from rem.transcripts.transcript import Segment, Transcript, Word

MINUTES = (5, 60, 180)
WORDS_PER_MINUTE = 150  # the speed of conversation
ANSWER_TOKENS = {"notes": 400, "chapters": 300, "speaker-names": 80, "corrections": 150}
SEPARATE = (
    "title and summary",
    "topics",
    "action items",
)  # the recipe `notes` makes all three in one request
MODEL = str(load_stages()["enrich"].settings["enrich_model"])


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    usage: Usage


def build_transcript(minutes: int) -> Transcript:
    """Join held-out dialogues until the length is reached."""
    spoken: list[tuple[str, str]] = []
    for path in sorted((ROOT / "tests" / "data").glob("heldout-*.json")):
        spoken += [(s["speaker"], s["text"]) for s in json.loads(path.read_text())["segments"]]
    segments, said = [], 0
    for speaker, sentence in cycle(spoken):
        if said >= minutes * WORDS_PER_MINUTE:
            break
        start_s = said * 60 / WORDS_PER_MINUTE
        words = tuple(Word(start_s, start_s + 0.3, f" {text}", 1.0) for text in sentence.split())
        segments.append(Segment(words, f"SPEAKER_0{ord(speaker) - ord('A')}"))
        said += len(words)
    recording = Recording("r", "me", "bench", "2026-01-01T00:00:00+00:00", "b", "k")
    length_s = minutes * 60.0
    transcript = Transcript(recording, length_s, length_s, "en", "base", "2026-01-01T00:00:00+00:00")
    return replace(transcript, segments=tuple(segments))


def price(model: str, requests: Sequence[int], output_tokens: int) -> Usage:
    """Price one way of asking.

    Args:
        requests: Input tokens of each request.
        output_tokens: Tokens of all answers together.
    """
    usd = load_prices().llm[model].cost_usd(sum(requests), output_tokens)
    return Usage(len(requests), sum(requests), 0, output_tokens, usd)


def price_recipe(transcript: Transcript, recipe: Recipe) -> Usage:
    if recipe.output == VECTORS:
        batches = batch_texts(list_texts(transcript))
        return price(recipe.model, [sum(map(estimate_tokens, batch)) for batch in batches], 0)
    requests = build_requests(recipe, to_lines(transcript))
    return price(MODEL, [r.tokens for r in requests], len(requests) * ANSWER_TOKENS[recipe.name])


def compare(transcript: Transcript) -> list[Way]:
    recipes = load_recipes()
    notes, vectors = (
        price_recipe(transcript, recipes["notes"]),
        price_recipe(transcript, recipes["embeddings"]),
    )
    every = [r for r in recipes.values() if r.applies_to(transcript.language, transcript.speech_s)]
    everything = sum((price_recipe(transcript, recipe) for recipe in every), Usage())
    [request] = build_requests(recipes["notes"], to_lines(transcript))
    part = ANSWER_TOKENS["notes"] // len(SEPARATE)
    separate = price(MODEL, [request.tokens] * len(SEPARATE), part * len(SEPARATE))
    return [
        Way("notes and embeddings (ours)", notes + vectors),
        Way("three full-transcript calls, embeddings batched", separate + vectors),
        Way("one call per segment for notes and for its vector", _price_per_segment(transcript, request)),
        Way("all recipes that apply (ours)", everything),
    ]


def _price_per_segment(transcript: Transcript, request: Request) -> Usage:
    """Price a request per segment with the same prompt and a one-line answer, and one per vector."""
    system = replace(request, user="").tokens
    lines = to_lines(transcript)
    asked = price(MODEL, [system + estimate_tokens(line) for line in lines], 20 * len(lines))
    vectors = [estimate_tokens(text) for text in list_texts(transcript)]
    return asked + price("text-embedding-3-small", vectors, 0)


def main() -> None:
    print(
        f"Model {MODEL}, prices of {load_prices().date}; tokens by the estimate of a token per three bytes.\n"
    )
    print("| recording | segments | way | requests | tokens in | tokens out | US$ |")
    print("|---|---:|---|---:|---:|---:|---:|")
    for minutes in MINUTES:
        transcript = build_transcript(minutes)
        for way in compare(transcript):
            usage = way.usage
            print(
                f"| {minutes} min | {len(transcript.segments):,} | {way.name} | {usage.requests:,} "
                f"| {usage.input_tokens:,} | {usage.output_tokens:,} | {usage.usd:.5f} |"
            )


if __name__ == "__main__":
    main()
