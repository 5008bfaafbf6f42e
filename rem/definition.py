"""Readers of statemachine/: the tuning file, the definition and the resources around it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

# The folder that holds rem/, functions/, statemachine/ and models/: a checkout, site-packages, or an image's
# task root.
ROOT = Path(__file__).resolve().parent.parent
STAGES_FILE = ROOT / "statemachine" / "stages.yaml"
DEFINITION_FILE = ROOT / "statemachine" / "recording.asl.json"
RESOURCES_FILE = ROOT / "statemachine" / "resources.yaml"
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
STATE_MARGIN_S = 30  # a state's TimeoutSeconds beyond its function's: room for a cold start


class Config(BaseModel):
    """A part of a file: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StageConfig(Config):
    """A function in stages.yaml."""

    handler: str
    image: str
    memory_mb: int = Field(ge=128, le=10_240)
    timeout_s: int = Field(ge=1, le=900)
    storage_mb: int = Field(ge=512, le=10_240)
    concurrency: int = Field(ge=1, le=40)
    settings: dict[str, str | int | float]

    def environment(self, overrides: Mapping[str, object] | None = None) -> dict[str, str]:
        """Give the settings as environment variables; overrides replace settings that the stage has."""
        chosen = {k: v for k, v in (overrides or {}).items() if k in self.settings}
        return {f"REM_{name.upper()}": str(value) for name, value in {**self.settings, **chosen}.items()}


class IndexConfig(Config):
    """The two keys of an index; all keys are strings."""

    partition_key: str
    sort_key: str


class TableConfig(Config):
    """A table in resources.yaml."""

    partition_key: str
    sort_key: str | None = None
    indexes: dict[str, IndexConfig]


class QueueConfig(Config):
    """The queue between uploads and the starter."""

    visibility_per_timeout: int = Field(ge=6)
    receives_before_dlq: int = Field(ge=5)


class BucketConfig(Config):
    """The bucket of all objects."""

    event_prefix: str


class Resources(Config):
    """The content of resources.yaml."""

    bucket: BucketConfig
    queue: QueueConfig
    tables: dict[str, TableConfig]
    environment: dict[str, str]


def load_stages(path: Path = STAGES_FILE) -> dict[str, StageConfig]:
    return {name: StageConfig(**body) for name, body in yaml.safe_load(path.read_text()).items()}


def load_resources(path: Path = RESOURCES_FILE) -> Resources:
    return Resources(**yaml.safe_load(path.read_text()))


def load_definition(path: Path = DEFINITION_FILE) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(path.read_text())
    return definition


def render_definition(function_arns: Mapping[str, str], at_once: int | None = None) -> str:
    """Put each function's ARN where the definition says `${stage}`, as Terraform's templatefile does.

    Args:
        at_once: Lowers every MaxConcurrency to this; a laptop has fewer processors than Lambda.
    """

    def limit(state: dict[str, Any]) -> dict[str, Any]:
        if at_once is not None and "MaxConcurrency" in state:
            state["MaxConcurrency"] = min(at_once, state["MaxConcurrency"])
        return state

    text = PLACEHOLDER.sub(lambda match: function_arns[match[1]], DEFINITION_FILE.read_text())
    return json.dumps(json.loads(text, object_hook=limit))
