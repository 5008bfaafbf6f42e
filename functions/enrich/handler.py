"""The stage Enrich: make one note from the whole transcript by one recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from functions.enrich.key import has_server, load_key
from functions.enrich.limits import check_ceiling, fit_recipe
from functions.enrich.schemas import OUTPUTS, check_output
from rem.adapters.s3 import S3Store
from rem.core import Json
from rem.core.jobs import EnrichJob
from rem.core.places import artifact_key, compute_fingerprint, parse_fingerprint
from rem.core.recipes import Recipe
from rem.ports import Enricher, Memo, Store
from rem.stage.observe import observed
from rem.stage.recipe_files import find_recipe, load_recipes
from rem.stage.settings import EnrichSettings, memory_mb
from rem.stage.work import Budget, Context, build_once
from rem.transcripts.receipts import Receipt, Usage
from rem.transcripts.transcript import Transcript

VERSION = 4


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


def _identify(recipe: Recipe, model: Enricher, settings: EnrichSettings) -> dict[str, object]:
    """List everything that can change the note. The API key and the limits of time and money cannot."""
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
        "summary_sentences": settings.summary_sentences if model.engine == "offline" else None,
    }


def _enrich(transcript: Transcript, recipe: Recipe, key: str, store: Store, model: Enricher) -> Json:
    check_output(recipe)
    made = model.enrich(transcript, recipe, _remember(store, key))
    note = made.fields | ({"usage": made.usage.to_json()} if made.usage.requests else {})
    if made.vectors is not None:
        note["vectorsKey"] = key.replace(".json", ".f16")
        store.write_bytes(note["vectorsKey"], made.vectors, "application/octet-stream")
    return {"recipe": recipe.name, "note": note, "receipts": _bill(made.usage)}


def _remember(store: Store, key: str) -> Memo:
    """Store the answers to parts of a long recording beside the note that is made of them."""

    def remember(identity: Sequence[str], build: Callable[[], Json]) -> Json:
        part = key.replace(".json", f".{compute_fingerprint('part', 1, identity, {})}.json")
        if not store.exists(part):
            store.write_json(part, build())
        return store.read_json(part)

    return remember


def _bill(usage: Usage) -> list[Json]:
    """Write the tokens on a receipt of zero seconds: `build_once` adds the receipt with the stage's time."""
    return [Receipt("enrich", 0.0, memory_mb(), 0, usage, invocations=0).to_json()] if usage.requests else []


def build_enricher(settings: EnrichSettings, budget: Budget) -> Enricher:
    if settings.enrich_engine == "offline" or (settings.enrich_engine == "auto" and not has_server()):
        from functions.enrich.offline import OfflineEnricher

        return OfflineEnricher(settings.summary_sentences)
    from functions.enrich.online import OnlineEnricher
    from functions.enrich.openai_model import OpenAIModel

    return OnlineEnricher(
        OpenAIModel(load_key()),
        settings.enrich_model,
        budget,
        settings.enrich_timeout_s,
        may_repeat=settings.max_enrich_usd is None,
    )


@observed("enrich")
def handler(event: Mapping[str, Any], context: Context) -> Json:
    settings = EnrichSettings.from_env()
    model = build_enricher(settings, Budget.from_context(context))
    return run(event, store=S3Store(settings.bucket), model=model, settings=settings)
