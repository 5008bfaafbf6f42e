"""Runs the terraform binary on a copy of infra/, against the local AWS or against nothing at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from rem.definition import ROOT
from rem.lambdas.function import REGION

PROVIDER = "terraform-provider-aws_v5.*"
LAYOUT = "registry.terraform.io/hashicorp/aws/*/*"  # what a plug-in folder looks like inside
USUAL_FOLDERS = (
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/tf-plugins",
    "/opt/terraform/plugins",
)
LIMIT_S = 400
LOCAL_BACKEND = 'terraform {\n  backend "local" {}\n}\n'


def find_plugins() -> Path | None:
    """The plug-in folder that holds the AWS provider: REM_TF_PLUGIN_DIR, else one of the usual places."""
    named = os.environ.get("REM_TF_PLUGIN_DIR")
    for folder in [Path(named)] if named else [Path(name).expanduser() for name in USUAL_FOLDERS]:
        if any(folder.glob(f"{LAYOUT}/{PROVIDER}")):
            return folder
    return None


class Terraform:
    """One working copy: infra/ and what it reads beside it, with the state in a local file."""

    def __init__(self, folder: Path, plugins: Path, endpoint_url: str | None = None) -> None:
        for room in ("infra", "statemachine"):
            shutil.copytree(
                ROOT / room, folder / room, ignore=shutil.ignore_patterns(".terraform*", "__pycache__")
            )
        (folder / "docs").mkdir()
        for document in (ROOT / "docs").glob("*.json"):
            shutil.copy(document, folder / "docs")
        self.stages_file = folder / "statemachine" / "stages.yaml"
        self.folder = folder / "infra"
        (self.folder / "backend_override.tf").write_text(LOCAL_BACKEND)
        self._endpoint_url = endpoint_url
        self.run("init", "-input=false", f"-plugin-dir={plugins}")

    def run(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """Raises: AssertionError: another exit code, with everything Terraform said."""
        command = ["terraform", arguments[0], *arguments[1:]]
        answer = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        said = f"{' '.join(command)}\n{answer.stdout}\n{answer.stderr}"
        assert answer.returncode in allowed, said
        return answer

    def apply(self, **variables: str) -> str:
        return self.run("apply", "-auto-approve", "-input=false", "-no-color", *_to_options(variables)).stdout

    def find_changes(self, **variables: str) -> list[str]:
        """What a plan would do: `action address` per resource, nothing where all is as it should be."""
        file = str(self.folder / "plan")
        options = _to_options(variables)
        self.run("plan", "-input=false", "-detailed-exitcode", f"-out={file}", *options, allowed=(0, 2))
        plan = json.loads(self.run("show", "-json", file).stdout)
        return [
            f"{'+'.join(change['change']['actions'])} {change['address']}"
            for change in plan.get("resource_changes", [])
            if change["change"]["actions"] not in (["no-op"], ["read"])
        ]

    def outputs(self) -> dict[str, Any]:
        return {name: out["value"] for name, out in json.loads(self.run("output", "-json").stdout).items()}

    def _environment(self) -> dict[str, str]:
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        found = keep | keys | {"AWS_REGION": REGION, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        return found | ({"AWS_ENDPOINT_URL": self._endpoint_url} if self._endpoint_url else {})


def _to_options(variables: dict[str, str]) -> list[str]:
    return [f"-var={name}={value}" for name, value in variables.items()]
