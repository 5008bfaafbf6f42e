"""Deployment of REM to AWS; `make deploy`, `make plan` and `make destroy` call it.

A deployment checks tools and credentials, makes the bucket for Terraform's state and the image repositories,
builds and pushes the images whose content is new, and applies the rest. A second deployment changes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from infra.cloud import Cloud
from infra.images import Image, build_images
from rem.core.errors import SetupError
from rem.definition import ROOT
from rem.weights.hub import TOKEN_HELP
from rem.weights.sources import load_sources

INFRA = ROOT / "infra"
PROJECT = "rem"
TOOLS = {
    "terraform": "Terraform 1.9 or newer is not installed: https://developer.hashicorp.com/terraform/install",
    "docker": "Docker is not installed: https://docs.docker.com/engine/install",
}


class Shell(Protocol):
    """The programs that a deployment calls; tests put a fake in its place."""

    def find(self, program: str) -> bool: ...
    def run(
        self,
        *command: str,
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        text: str | None = None,
        quiet: bool = False,
    ) -> str:
        """Run a program and give its standard output, or nothing if the person saw it (not `quiet`).

        Args:
            text: Standard input of the program.

        Raises:
            SetupError: the program failed.
        """


class RealShell:
    def find(self, program: str) -> bool:
        return shutil.which(program) is not None

    def run(
        self,
        *command: str,
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        text: str | None = None,
        quiet: bool = False,
    ) -> str:
        answer = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            input=text,
            capture_output=quiet,
            text=True,
            check=False,
        )
        if answer.returncode:
            raise SetupError(f"{' '.join(command[:3])} failed. {(answer.stderr or '').strip()}")
        return answer.stdout or ""


@dataclass(frozen=True)
class Deployment:
    """One environment in one account and region."""

    shell: Shell
    cloud: Cloud
    environment: str
    region: str
    images: Sequence[Image]
    profile: str = ""

    @property
    def name(self) -> str:
        return f"{PROJECT}-{self.environment}"

    def deploy(self) -> dict[str, Any]:
        """Make or update everything, and give Terraform's outputs."""
        self._check_tools("terraform", "docker")
        self._prepare_terraform()
        self._terraform("apply", "-target=aws_ecr_repository.image", "-auto-approve")
        self._push_images()
        self._terraform("apply", "-auto-approve")
        outputs = json.loads(self._run("terraform", "output", "-json", quiet=True))
        return {name: output["value"] for name, output in outputs.items()}

    def plan(self) -> None:
        self._check_tools("terraform")
        self._prepare_terraform()
        self._terraform("plan")

    def destroy(self, *, ask: bool = True) -> None:
        """Remove everything but the state bucket; prod's bucket and tables refuse while they hold data."""
        self._check_tools("terraform")
        self._prepare_terraform()
        self._terraform("destroy", *([] if ask else ["-auto-approve"]))

    def _check_tools(self, *tools: str) -> None:
        """Check all tools before the work begins.

        Raises:
            SetupError: names everything that is missing.
        """
        missing = [TOOLS[tool] for tool in tools if not self.shell.find(tool)]
        if not missing and "docker" in tools:
            missing += self._check_docker()
        if missing:
            raise SetupError("\n".join(missing))

    def _check_docker(self) -> list[str]:
        try:
            known = self.shell.run("docker", "buildx", "inspect", "--bootstrap", quiet=True)
        except SetupError as error:
            return [f"Docker does not answer; start it. {error}"]
        wanted = self.images[0].platform
        if wanted not in known:
            return [
                f"Docker cannot build for {wanted} here: install its emulation (docker run --privileged --rm "
                "tonistiigi/binfmt --install all), or deploy with ARCH=x86_64"
            ]
        return []

    def _prepare_terraform(self) -> None:
        bucket = f"{PROJECT}-terraform-{self.cloud.find_account()}-{self.region}"
        self.cloud.ensure_state_bucket(bucket)
        backend = {"bucket": bucket, "key": f"{self.name}.tfstate", "region": self.region}
        options = [f"-backend-config={name}={value}" for name, value in backend.items()]
        self._run("terraform", "init", "-input=false", "-reconfigure", *options)

    def _terraform(self, verb: str, *options: str) -> None:
        """Run Terraform with this deployment's variables; infra/ENVIRONMENT.tfvars overrides them."""
        own_file = INFRA / f"{self.environment}.tfvars"
        more = [f"-var-file={own_file.name}"] if own_file.exists() else []
        with tempfile.NamedTemporaryFile("w", suffix=".tfvars.json") as file:
            json.dump(self._build_variables(), file)
            file.flush()
            self._run("terraform", verb, "-input=false", f"-var-file={file.name}", *more, *options)

    def _build_variables(self) -> dict[str, Any]:
        return {
            "project": PROJECT,
            "environment": self.environment,
            "region": self.region,
            "architecture": self.images[0].architecture,
            "image_tags": {image.name: image.compute_tag() for image in self.images},
        }

    def _push_images(self) -> None:
        new = [i for i in self.images if not self.cloud.has_image(self._repository(i), i.compute_tag())]
        if not new:
            return
        _check_token(new)
        user, password, address = self.cloud.read_registry_login()
        self.shell.run(
            "docker", "login", "--username", user, "--password-stdin", address, text=password, quiet=True
        )
        for image in new:
            self._build(image, address.removeprefix("https://"))

    def _build(self, image: Image, registry: str) -> None:
        """Build and push one image; without attestations, because Lambda refuses an image index."""
        target = f"{registry}/{self._repository(image)}:{image.compute_tag()}"
        arguments = [f"--build-arg={name}={value}" for name, value in image.arguments.items()]
        secret = ["--secret=id=hf_token,env=HF_TOKEN"] if os.environ.get("HF_TOKEN") else []
        with tempfile.TemporaryDirectory() as folder:
            image.stage(Path(folder))
            file = str(Path(folder, image.dockerfile.relative_to(image.root)))
            self.shell.run(
                *(
                    "docker",
                    "buildx",
                    "build",
                    "--push",
                    "--provenance=false",
                    f"--platform={image.platform}",
                ),
                *(*arguments, *secret, f"--tag={target}", f"--file={file}", folder),
            )

    def _repository(self, image: Image) -> str:
        return f"{self.name}/{image.name}"

    def _run(self, *command: str, quiet: bool = False) -> str:
        environment = {"AWS_REGION": self.region} | ({"AWS_PROFILE": self.profile} if self.profile else {})
        return self.shell.run(*command, folder=INFRA, environment=environment, quiet=quiet)


def _check_token(images: Sequence[Image]) -> None:
    """Check that gated models can be fetched.

    Raises:
        SetupError: a gated model goes into an image, and HF_TOKEN is not set.
    """
    chosen = {image.arguments.get("DIARIZATION_MODEL", "") for image in images}
    for name, source in load_sources()["diarization"].items():
        if source.gated and chosen & {name, source.repository} and not os.environ.get("HF_TOKEN"):
            raise SetupError(f"{name} is gated: {TOKEN_HELP.format(name=source.repository)}")


def describe(outputs: Mapping[str, Any], deployment: Deployment, key: str | None) -> str:
    """Write the message after a deployment: addresses, and commands to try.

    Args:
        key: The first key if this deployment made it.
    """
    where = f"--region {deployment.region} --stack {deployment.name}"
    where += f" --profile {deployment.profile}" if deployment.profile else ""
    told = f"{key}   (shown only now; more with `rem keys add`)" if key else "`rem keys add` makes one"
    api, header = outputs["api_url"], f"-H 'x-api-key: {key or 'KEY'}'"
    lines = [
        f"REM runs as {deployment.name} in {deployment.region}.",
        f"API:  {api}",
        f"Key:  {told}",
        "",
        "Try:",
        f"  curl {header} -F audio=@models/demo/standup.wav -F deviceId=laptop \\",
        f"       -F startedAt=2026-11-24T09:30:00Z -F endedAt=2026-11-24T09:31:08Z {api}/ingest",
        f"  rem executions {where}",
        f"  curl {header} {api}/recordings",
    ]
    return "\n".join(lines)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    parser.add_argument("verb", choices=["deploy", "plan", "destroy"])
    parser.add_argument("--env", default="dev", help="second part of every name (dev)")
    parser.add_argument("--region", required=True, help="AWS region, e.g. eu-central-1")
    parser.add_argument("--arch", default="arm64", choices=["arm64", "x86_64"])
    parser.add_argument("--profile", default="", help="profile of ~/.aws/config")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    try:
        if not chosen.region:
            raise SetupError("name a region: make deploy REGION=eu-central-1")
        cloud = Cloud(chosen.region, chosen.profile)
        images = build_images(architecture=chosen.arch)
        deployment = Deployment(RealShell(), cloud, chosen.env, chosen.region, images, chosen.profile)
        if chosen.verb == "deploy":
            outputs = deployment.deploy()
            print(describe(outputs, deployment, cloud.make_first_key(outputs["keys_table"])))
        else:
            getattr(deployment, chosen.verb)()
    except SetupError as error:
        print(f"rem: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
