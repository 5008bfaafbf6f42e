"""Recipes, which make notes: data from files of functions/enrich/recipes or of a person's own folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
SMALLEST_INPUT_TOKENS = 2_000  # with less, the rules and the prompt leave no room for a transcript
MERGE_FACTOR = 6  # an answer must be this much smaller than its input, or merging would never end


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of note.

    Attributes:
        output: Name of the note's schema (functions/enrich/schemas.py).
        prompt: Instruction to the model; empty where the output is vectors.
        model: Empty for the one that the settings name.
        max_input_tokens: A longer transcript is read in parts.
        max_output_tokens: Limit of one answer.
        required: True where the recording fails with this note; else only the note's error is recorded.
        languages: Codes of rem/core/languages.tsv; empty for any.
        min_speech_s: A recording with less speech does not get this note.
        merge: Way in which notes of parts become one: joined, or given to the model in one more request.
        dimensions: Length of a vector; None for the model's default.
    """

    name: str
    output: str
    prompt: str = ""
    model: str = ""
    max_input_tokens: int = 100_000
    max_output_tokens: int = 4_000
    required: bool = False
    languages: tuple[str, ...] = ()
    min_speech_s: float = 0.0
    merge: Literal["join", "ask"] = "join"
    dimensions: int | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a value could not work.
        """
        if not NAME.fullmatch(self.name):
            raise ValueError(f"the name '{self.name}' must be lower-case letters, digits and dashes")
        if self.max_input_tokens < SMALLEST_INPUT_TOKENS:
            raise ValueError(f"max_input_tokens must be at least {SMALLEST_INPUT_TOKENS}")
        if self.max_output_tokens < 1 or self.max_output_tokens * MERGE_FACTOR > self.max_input_tokens:
            raise ValueError(f"max_output_tokens must be at most a {MERGE_FACTOR}th of max_input_tokens")

    def applies_to(self, language: str | None, speech_s: float) -> bool:
        fits = not self.languages or language in self.languages
        return fits and speech_s >= self.min_speech_s


def pick_recipes(
    recipes: Iterable[Recipe], names: Sequence[str], language: str | None, speech_s: float
) -> list[Recipe]:
    """Choose the recipes of a recording, required ones first: they are the first to spend the budget.

    Args:
        names: The recipes to choose from; `all` for every recipe.

    Raises:
        KeyError: no recipe has one of the names.
    """
    known = {recipe.name: recipe for recipe in recipes}
    chosen = (
        list(known.values()) if list(names) == ["all"] else [known[name] for name in dict.fromkeys(names)]
    )
    fitting = [recipe for recipe in chosen if recipe.applies_to(language, speech_s)]
    return sorted(fitting, key=lambda recipe: not recipe.required)
