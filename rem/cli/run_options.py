"""The options of `rem run` that other commands share, and the settings that they become."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rem.adapters.models import COMMUNITY, DEMO, OPEN, choose_voices, resolve_diarization, resolve_whisper
from rem.cli.download import show_download
from rem.core.errors import SetupError
from rem.core.languages import find_language
from rem.definition import load_stages
from rem.stage.recipe_files import choose_recipes

# The tiny pipeline's own step, and as much evidence in a long recording as in the short ones it was made for.
FOR_DEMO = {"segmentation_step": "", "cluster_points": 120}
VOICES = {  # what a run says that was not told which voices to take
    OPEN: f"Voices: {OPEN}, which needs no account; {COMMUNITY} with HF_TOKEN set, or --diarization FOLDER",
    COMMUNITY: f"Voices: {COMMUNITY}; --diarization {OPEN} takes the ones that need no account",
}
FROM_ENVIRONMENT = ("enrich_engine", "enrich_input_tokens", "max_enrich_usd")


class Channels(StrEnum):
    """The ways in which the channels and tracks of a recording are heard."""

    AUTO = "auto"
    MIX = "mix"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The models that listen. An empty value is the default of stages.yaml."""

    whisper: Annotated[
        str,
        typer.Option(
            help="Whisper model: a size (tiny … large-v3, base.en, turbo), a CTranslate2 folder, or 'demo'. "
            "Fetched once, then kept. Default: base.",
            metavar="MODEL",
        ),
    ] = ""
    diarization: Annotated[
        str,
        typer.Option(
            help="Pipeline of voices: 'open' (no account needed), 'community-1' (gated: HF_TOKEN once), a "
            "pyannote folder, a hub repository, or 'demo'. Default: community-1 where it was fetched or "
            "HF_TOKEN is set, else open.",
            metavar="MODEL",
        ),
    ] = ""
    language: Annotated[
        str,
        typer.Option(
            help="Spoken language: German, de, pt-BR, … Default: found in each recording.", metavar="LANGUAGE"
        ),
    ] = ""

    channels: Annotated[
        Channels | None,
        typer.Option(
            help="auto: mix the channels of a track, split tracks of different voices. mix: hear all as one. "
            "split: one person per channel or track. Default: auto."
        ),
    ] = None

    @property
    def is_demo(self) -> bool:
        return DEMO in (self.whisper, self.diarization)

    def to_settings(self) -> dict[str, object]:
        """Find or fetch the models.

        Raises:
            SetupError: a model is unknown, or neither here nor to be fetched.
            InputError: the language is unknown to Whisper, or to the model.
        """
        stages = load_stages()
        language = find_language(self.language or str(stages["transcribe"].settings["language"]))
        whisper = self.whisper or str(stages["transcribe"].settings["whisper_model"])
        voices = self.diarization or choose_voices(str(stages["cluster"].settings["diarization_model"]))
        with show_download() as report:
            settings = {
                "whisper_model": resolve_whisper(whisper, report, language=language),
                "diarization_model": resolve_diarization(voices, report),
                "language": language,
            }
            if not self.diarization:
                report(VOICES.get(voices, f"Voices: {voices}"), 0, 0)
        heard = {"channels": self.channels.value} if self.channels else {}
        return settings | heard | (FOR_DEMO if voices == DEMO else {})


@dataclass(frozen=True, slots=True)
class NoteOptions:
    """The notes that are made of a transcript."""

    recipe: Annotated[
        list[str] | None,
        typer.Option(
            help="Make only this note; may be given several times. Default: all that apply to the recording.",
            metavar="NAME",
        ),
    ] = None
    enrich: Annotated[bool, typer.Option(help="Whether to make notes at all.")] = True
    enrich_model: Annotated[
        str, typer.Option(help="Language model for the notes. Default: gpt-6-luna.", metavar="MODEL")
    ] = ""

    def to_settings(self) -> dict[str, object]:
        """Join the options with the person's environment, which counts here as on AWS.

        Raises:
            SetupError: there is no such recipe; said before the work, not after it.
        """
        source = os.environ.get("REM_RECIPES", "")
        if source.startswith("s3://"):
            raise SetupError("on this machine REM_RECIPES names a folder, not an S3 prefix")
        source = source and str(Path(source).expanduser().resolve())
        names = tuple(self.recipe or ()) if self.enrich else ("none",)
        choose_recipes(source, names, None, 0.0)
        chosen = {
            **{name: os.environ.get(f"REM_{name.upper()}", "") for name in FROM_ENVIRONMENT},
            "recipes": source,
            "recipe_names": ",".join(names),
            "enrich_model": self.enrich_model,
        }
        return {name: value for name, value in chosen.items() if value}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Everything that a run may be told.

    Attributes:
        speakers: How many people speak; None to find out.
        started_at: When the one recording began; None to find out.
        enrich_engine: Who makes the notes, `openai` or `offline`; empty for what the environment says.
    """

    models: ModelOptions = field(default_factory=ModelOptions)
    notes: NoteOptions = field(default_factory=NoteOptions)
    speakers: int | None = None
    enrich_engine: str = ""
    started_at: datetime | None = None

    def to_settings(self) -> dict[str, object]:
        """Build the settings that replace those of stages.yaml; models are found or fetched here.

        Raises:
            SetupError: a model or a recipe is not to be had.
            InputError: the language is unknown to Whisper, or to the model.
        """
        engine = {"enrich_engine": self.enrich_engine} if self.enrich_engine else {}
        models = self.models.to_settings() | {"speakers": self.speakers or ""}
        return models | self.notes.to_settings() | engine
