"""Limits of a recipe: the model's context, and the spending ceiling of the recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rem.core.errors import SetupError
from rem.core.recipes import MERGE_FACTOR, SMALLEST_INPUT_TOKENS, Recipe
from rem.ports import Enricher
from rem.stage.settings import EnrichSettings
from rem.transcripts.transcript import Transcript


def fit_recipe(recipe: Recipe, settings: EnrichSettings) -> Recipe:
    """Shrink the recipe's token limits to the context that the settings give the model."""
    try:
        return _limit(recipe, settings.enrich_input_tokens or recipe.max_input_tokens)
    except ValueError as error:
        raise SetupError(f"REM_ENRICH_INPUT_TOKENS is too small: {error}") from error


def shrink_recipe(recipe: Recipe, context_tokens: int) -> Recipe | None:
    """Shrink the recipe's token limits to a context that holds the answer too.

    None where that makes nothing smaller: the recipe is at its smallest, or no context is as small as that
    and the server's count means something else.
    """
    if context_tokens < SMALLEST_INPUT_TOKENS:
        return None
    answer_tokens = min(recipe.max_output_tokens, context_tokens // MERGE_FACTOR)
    smaller = _limit(recipe, max(context_tokens - answer_tokens, SMALLEST_INPUT_TOKENS))
    return smaller if smaller.max_input_tokens < recipe.max_input_tokens else None


def _limit(recipe: Recipe, tokens: int) -> Recipe:
    limit = min(recipe.max_input_tokens, tokens)
    output = min(recipe.max_output_tokens, limit // MERGE_FACTOR)
    return replace(recipe, max_input_tokens=limit, max_output_tokens=output)


def check_ceiling(
    transcript: Transcript,
    recipe: Recipe,
    planned: Sequence[Recipe],
    model: Enricher,
    ceiling_usd: float | None,
) -> None:
    """Refuse a recipe that, added to those planned before it, could exceed the recording's ceiling.

    Every iteration of the Map computes the same sums, so the iterations need no shared counter.

    Raises:
        SetupError: the sum exceeds the ceiling, or the model's price is unknown.
    """
    if ceiling_usd is None:
        return
    names = [each.name for each in planned]
    before = planned[: names.index(recipe.name)]
    costs = {each.name: model.estimate(transcript, each).usd for each in (*before, recipe)}
    if costs[recipe.name] is None:
        raise SetupError(
            f"the price of {model.choose_model(recipe)} is not known, so the ceiling of ${ceiling_usd:g} "
            "(REM_MAX_ENRICH_USD) cannot be kept: add it to rem/costs/prices.yaml, or set no ceiling"
        )
    total_usd = sum(usd or 0.0 for usd in costs.values())
    if total_usd > ceiling_usd:
        raise SetupError(
            f"with the recipe {recipe.name} this recording's notes could cost ${total_usd:.4f}, more than "
            f"the ceiling of ${ceiling_usd:g}: raise REM_MAX_ENRICH_USD, or choose fewer recipes"
        )
