"""One frozen settings object per function, read from its environment (REM_…).

Defaults live in one place only: statemachine/stages.yaml becomes each function's environment, on AWS and
on the laptop. A missing or malformed setting fails at its first use with its name.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rem.core.errors import InputError, SetupError
from rem.core.languages import find_language
from rem.core.sizes import VCPU_MB


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _parse_language(value: object) -> str | None:
    try:
        return find_language(str(value or "")) or None
    except InputError as error:
        raise ValueError(str(error)) from error


OptionalText = Annotated[str | None, BeforeValidator(_empty_is_none)]
OptionalLanguage = Annotated[str | None, BeforeValidator(_parse_language)]
OptionalCount = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_empty_is_none)]
OptionalUsd = Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(_empty_is_none)]
OptionalShare = Annotated[Annotated[float, Field(gt=0, le=1)] | None, BeforeValidator(_empty_is_none)]
Names = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda v: tuple(filter(None, map(str.strip, v.split(",")))) if isinstance(v, str) else v),
]


class Settings(BaseSettings):
    """The settings of every function: where objects and records are."""

    model_config = SettingsConfigDict(env_prefix="REM_", frozen=True, extra="ignore")

    bucket: str
    table: str

    @classmethod
    def from_env(cls) -> Self:
        """Read the function's environment.

        Raises:
            SetupError: names every setting that is missing or malformed.
        """
        try:
            return cls()  # type: ignore[call-arg]  # the fields come from the environment
        except ValidationError as error:
            wrong = "; ".join(
                f"REM_{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            raise SetupError(f"the environment is not complete: {wrong}") from error


class StartSettings(Settings):
    state_machine_arn: str


class ApiSettings(StartSettings):
    keys_table: str
    part_secret: OptionalText = None  # set where the server takes parts in itself: docs/adr/0015


class StatusSettings(StartSettings):
    topic_arn: OptionalText = None


class SweepSettings(StatusSettings):
    queue_url: str
    stale_after_s: float = Field(gt=0)
    lost_upload_after_s: float = Field(gt=0)
    records_per_sweep: int = Field(ge=1)
    describes_per_s: float = Field(gt=0)


class RouteSettings(StartSettings):
    express_machine_arn: str | None = None  # the laptop has none
    express_max_s: float = Field(ge=0)


class PrepareSettings(Settings):
    channels: Literal["auto", "mix", "split"]
    vad_threshold: float = Field(gt=0, lt=1)
    vad_min_speech_ms: int = Field(ge=0)
    vad_min_silence_ms: int = Field(ge=0)
    vad_pad_ms: int = Field(ge=0)
    transcribe_chunk_s: float = Field(gt=0)
    diarize_slice_s: float = Field(gt=0)


class TranscribeSettings(Settings):
    whisper_model: str
    language: OptionalLanguage
    beam_size: int = Field(ge=1)
    longest_clip_s: float = Field(gt=0, le=30)
    widest_gap_s: float = Field(ge=0)
    batch_clips: int = Field(ge=1)


class DiarizeSettings(Settings):
    diarization_model: str
    segmentation_step: OptionalShare


class ClusterSettings(DiarizeSettings):
    speakers: OptionalCount
    cluster_points: int = Field(ge=2)


class AssembleSettings(Settings):
    recipes: str
    recipe_names: Names


class EnrichSettings(Settings):
    recipes: str
    enrich_engine: Literal["auto", "openai", "offline"]
    enrich_model: str
    enrich_input_tokens: OptionalCount
    enrich_timeout_s: float = Field(gt=0)
    max_enrich_usd: OptionalUsd
    summary_sentences: int = Field(ge=1)


class PublishSettings(Settings):
    pass


def memory_mb() -> int:
    """Return the memory that this function was given, in MB."""
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", VCPU_MB))


def thread_count() -> int:
    """Count the threads that have a vCPU of their own; os.cpu_count() shows more than Lambda gives."""
    return max(1, memory_mb() // VCPU_MB)


def is_provisioned() -> bool:
    """Tell if this process was started ahead of its first invocation; models then load during init."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency"
