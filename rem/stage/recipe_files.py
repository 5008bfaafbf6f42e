"""Reads recipes: the shipped ones, then a person's own folder or S3 prefix, which may replace them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from rem.core.errors import InputError, SetupError
from rem.core.languages import find_language
from rem.core.recipes import Recipe, pick_recipes
from rem.definition import ROOT

RECIPES_DIR = ROOT / "functions" / "enrich" / "recipes"
FIELDS = {field.name for field in fields(Recipe)}
_RECIPE = TypeAdapter(Recipe)


def load_recipes(source: str = "") -> dict[str, Recipe]:
    """Read all recipes, by name.

    Args:
        source: A folder, or an S3 prefix such as s3://bucket/recipes/; empty for the shipped ones alone.

    Raises:
        SetupError: names the file and what is wrong with it.
    """
    found = parse_recipes(_read_folder(RECIPES_DIR), str(RECIPES_DIR))
    if source.startswith("s3://"):
        from rem.adapters.s3 import read_texts

        found |= parse_recipes(read_texts(source), source)
    elif source:
        found |= parse_recipes(_read_folder(Path(source).expanduser()), source)
    return dict(sorted(found.items()))


def choose_recipes(
    source: str, names: tuple[str, ...], language: str | None, speech_s: float
) -> list[Recipe]:
    """Choose the recipes of one recording; `none` among the names means no recipe.

    Raises:
        SetupError: no recipe has one of the names; the message lists the known ones.
    """
    if "none" in names:
        return []
    recipes = load_recipes(source)
    for name in set(names) - {"all"}:
        find_recipe(recipes, name)
    return pick_recipes(recipes.values(), names, language, speech_s)


def find_recipe(recipes: Mapping[str, Recipe], name: str) -> Recipe:
    """Find a recipe by name.

    Raises:
        SetupError: there is none of this name; the message lists the known ones.
    """
    if name not in recipes:
        raise SetupError(f"there is no recipe '{name}': known are {', '.join(recipes)}")
    return recipes[name]


def parse_recipes(files: Mapping[str, str], where: str) -> dict[str, Recipe]:
    """Read recipes from texts.

    Args:
        files: Texts by file name: recipes as .yaml, and the prompts that they name.
        where: The folder or prefix, for error messages.
    """
    recipes = [
        _parse(name, text, files, where)
        for name, text in files.items()
        if PurePosixPath(name).suffix in (".yaml", ".yml")
    ]
    return {recipe.name: recipe for recipe in recipes}


def _parse(name: str, text: str, files: Mapping[str, str], where: str) -> Recipe:
    def refuse(reason: str) -> SetupError:
        return SetupError(f"the recipe {where.rstrip('/')}/{name} cannot be used: {reason}")

    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise refuse(f"it is not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(document, dict):
        raise refuse("it must be a mapping with at least name and output")
    if unknown := sorted(set(document) - FIELDS):
        raise refuse(f"unknown field {', '.join(unknown)}; known are {', '.join(sorted(FIELDS))}")
    if prompt := document.get("prompt"):
        if prompt not in files:
            raise refuse(f"its prompt {prompt} is missing beside it")
        document["prompt"] = files[prompt].strip()
    try:
        recipe = _RECIPE.validate_python(document)
        return replace(recipe, languages=tuple(filter(None, map(find_language, recipe.languages))))
    except ValidationError as error:
        wrong = "; ".join(_describe(problem) for problem in error.errors())
        raise refuse(wrong) from error
    except InputError as error:
        raise refuse(f"languages: {error}") from error


def _describe(problem: Mapping[str, Any]) -> str:
    field, said = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
    return f"{field}: {said}" if field else str(said)


def _read_folder(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise SetupError(f"{folder} is not a folder of recipes (REM_RECIPES)")
    return {path.name: path.read_text("utf8") for path in sorted(folder.iterdir()) if path.is_file()}
