"""Enrich: one note from the whole transcript by one recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from functions.enrich.key import has_server, load_key
from functions.enrich.schemas import OUTPUTS, check_output
from rem.aws import S3Store
from rem.config import EnrichSettings, memory_mb
from rem.core.errors import SetupError
from rem.core.jobs import EnrichJob
from rem.core.keys import artifact_key, compute_fingerprint, parse_fingerprint
from rem.core.receipts import Receipt, Usage
from rem.core.recipes import MERGE_FACTOR, Recipe
from rem.core.transcript import Transcript
from rem.ports import Enricher, Json, Memory, Store
from rem.recipes import find_recipe, load_recipes
from rem.stage import Budget, Context, build_once

VERSION = 2


def run(event: Mapping[str, Any], *, store: Store, model: Enricher, settings: EnrichSettings) -> Json:
    job = EnrichJob.from_event(event)
    recipes = {name: fit_recipe(recipe, settings) for name, recipe in load_recipes(settings.recipes).items()}
    recipe = find_recipe(recipes, job.recipe)
    fingerprint = compute_fingerprint(
        "enrich", VERSION, [parse_fingerprint(job.assembled_key)], _identify(recipe, model, settings)
    )
    key = artifact_key(job.recording.recording_id, "enrich", fingerprint)

    def build() -> Json:
        transcript = Transcript.from_json(store.read_json(job.assembled_key))
        planned = [find_recipe(recipes, name) for name in job.planned]
        check_ceiling(transcript, recipe, planned, model, settings.max_enrich_usd)
        return _enrich(transcript, recipe, key, store, model)

    build_once(store, "enrich", key, build)
    return {"recipe": job.recipe, "key": key}


def fit_recipe(recipe: Recipe, settings: EnrichSettings) -> Recipe:
    """The recipe within the model's context, where the settings give it a smaller one."""
    limit = min(recipe.max_input_tokens, settings.enrich_input_tokens or recipe.max_input_tokens)
    output = min(recipe.max_output_tokens, limit // MERGE_FACTOR)
    try:
        return replace(recipe, max_input_tokens=limit, max_output_tokens=output)
    except ValueError as error:
        raise SetupError(f"REM_ENRICH_INPUT_TOKENS is too small: {error}") from error


def _identify(recipe: Recipe, model: Enricher, settings: EnrichSettings) -> dict[str, object]:
    """Everything that can change the note, and nothing else: no key, no limits of time and money."""
    schema = OUTPUTS[recipe.output].model_json_schema() if recipe.output in OUTPUTS else {}
    return {
        "engine": model.engine,
        "model": model.choose_model(recipe),
        "recipe": recipe.name,
        "prompt": recipe.prompt,
        "output": recipe.output,
        "schema": schema,
        "tokens": [recipe.max_input_tokens, recipe.max_output_tokens],
        "merge": recipe.merge,
        "dimensions": recipe.dimensions,
        "summary_sentences": settings.summary_sentences,
    }


def check_ceiling(
    transcript: Transcript,
    recipe: Recipe,
    planned: Sequence[Recipe],
    model: Enricher,
    ceiling_usd: float | None,
) -> None:
    """Whether this recipe, after those planned before it, stays below the recording's ceiling.

    Every iteration computes the same sums, so they need not talk to each other.

    Raises:
        SetupError: it does not, or the model's price is not known.
    """
    if ceiling_usd is None:
        return
    names = [each.name for each in planned]
    before = planned[: names.index(recipe.name)]
    costs = {each.name: model.estimate(transcript, each).usd for each in (*before, recipe)}
    if costs[recipe.name] is None:
        raise SetupError(
            f"the price of {model.choose_model(recipe)} is not known, so the ceiling of ${ceiling_usd:g} "
            "(REM_MAX_ENRICH_USD) cannot be kept: add it to rem/prices.yaml, or set no ceiling"
        )
    total_usd = sum(usd or 0.0 for usd in costs.values())
    if total_usd > ceiling_usd:
        raise SetupError(
            f"with the recipe {recipe.name} this recording's notes could cost ${total_usd:.4f}, more than "
            f"the ceiling of ${ceiling_usd:g}: raise REM_MAX_ENRICH_USD, or choose fewer recipes"
        )


def _enrich(transcript: Transcript, recipe: Recipe, key: str, store: Store, model: Enricher) -> Json:
    check_output(recipe)
    made = model.enrich(transcript, recipe, _remember(store, key))
    note = made.fields | ({"usage": made.usage.to_json()} if made.usage.requests else {})
    if made.vectors is not None:
        note["vectorsKey"] = key.replace(".json", ".f16")
        store.write_bytes(note["vectorsKey"], made.vectors, "application/octet-stream")
    return {"recipe": recipe.name, "note": note, "receipts": _bill(made.usage)}


def _remember(store: Store, key: str) -> Memory:
    """Answers to parts of a long recording, beside the note that they will become."""

    def remember(identity: Sequence[str], build: Callable[[], Json]) -> Json:
        part = key.replace(".json", f".{compute_fingerprint('part', 1, identity, {})}.json")
        if not store.exists(part):
            store.write_json(part, build())
        return store.read_json(part)

    return remember


def _bill(usage: Usage) -> list[Json]:
    """A receipt that takes no time of its own; the stage's time is the receipt beside it."""
    return [Receipt("enrich", 0.0, memory_mb(), 0, usage).to_json()] if usage.requests else []


def build_enricher(settings: EnrichSettings, budget: Budget) -> Enricher:
    if settings.enrich_engine == "offline" or (settings.enrich_engine == "auto" and not has_server()):
        from functions.enrich.offline import OfflineEnricher

        return OfflineEnricher(settings.summary_sentences)
    from functions.enrich.online import OnlineEnricher
    from functions.enrich.openai_model import OpenAIModel

    return OnlineEnricher(OpenAIModel(load_key()), settings.enrich_model, budget, settings.enrich_timeout_s)


def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = EnrichSettings.from_env()
    model = build_enricher(settings, Budget.from_context(context))
    return run(event, store=S3Store(settings.bucket), model=model, settings=settings)
