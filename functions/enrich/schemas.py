"""Schemas of a language model's answers: one pydantic model per `output` of a recipe.

The models become strict JSON schemas. Strict mode allows no default, so the language model fills every field,
some with null. Citations are ids of segments; `functions/enrich/evidence.py` checks them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from rem.core.errors import SetupError
from rem.core.recipes import Recipe

Citations = list[int]


class Answer(BaseModel):
    """An answer that a language model gives, or a part of one."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    @classmethod
    def empty(cls) -> Self:
        """Build the note of a transcript in which nothing was said."""
        fields = cls.model_fields.items()
        return cls(**{name: [] if get_origin(field.annotation) is list else "" for name, field in fields})

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Join the notes of a recording's parts: lists are appended, texts become paragraphs."""
        joined: dict[str, object] = {}
        for name, field in cls.model_fields.items():
            values = [getattr(part, name) for part in parts]
            is_list = get_origin(field.annotation) is list
            joined[name] = [item for value in values for item in value] if is_list else "\n\n".join(values)
        return cls(**joined)


class Item(Answer):
    text: str
    segment_ids: Citations = Field(description="ids of the segments in which it was said")


class ActionItem(Item):
    owner: str | None
    due: str | None


class Notes(Answer):
    title: str
    summary: str
    summary_segment_ids: Citations = Field(description="ids of the segments that carry the summary")
    topics: list[str]
    action_items: list[ActionItem]
    decisions: list[Item]
    questions: list[Item]


class Chapter(Answer):
    segment_id: int
    title: str
    summary: str


class Chapters(Answer):
    chapters: list[Chapter]


class SpeakerName(Answer):
    label: str
    name: str
    segment_id: int
    quote: str


class SpeakerNames(Answer):
    names: list[SpeakerName]


class Correction(Answer):
    segment_id: int
    heard: str
    suggestion: str
    reason: str


class Corrections(Answer):
    corrections: list[Correction]


class Text(Answer):
    """A text with its evidence, for recipes of a person's own."""

    text: str
    segment_ids: Citations


class Items(Answer):
    """A list of items with their evidence, for recipes of a person's own."""

    items: list[Item]


VECTORS = "Vectors"  # the one output without text: a vector per segment
OUTPUTS: dict[str, type[Answer]] = {
    schema.__name__: schema for schema in (Notes, Chapters, SpeakerNames, Corrections, Text, Items)
}


def check_output(recipe: Recipe) -> None:
    """Refuse a recipe that cannot work.

    Raises:
        SetupError: its output is unknown, or the prompt that its output needs is missing.
    """
    if recipe.output not in (*OUTPUTS, VECTORS):
        known = ", ".join([*OUTPUTS, VECTORS])
        raise SetupError(
            f"the recipe {recipe.name} has an unknown output '{recipe.output}': known are {known}"
        )
    if recipe.output in OUTPUTS and not recipe.prompt:
        raise SetupError(f"the recipe {recipe.name} has no prompt: name a file in the same folder")
