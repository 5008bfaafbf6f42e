"""What `make deploy` does and in which order, with fakes for Docker, Terraform and AWS."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from infra import deploy
from infra.cloud import Cloud
from infra.deploy import Deployment, describe, parse_arguments
from infra.images import ONLY_ON_LAPTOPS, build_images
from rem.core.errors import SetupError
from rem.definition import ROOT, load_stages
from rem.home.resources import KEYS_TABLE, create_keys_table
from rem.states.local_aws import LocalAws

OUTPUTS = {
    "bucket": "rem-dev-recordings-1-eu-central-1",
    "api_url": "https://api",
    "keys_table": "rem-dev-keys",
}


@dataclass
class FakeShell:
    """Notes every command; Docker can build for arm64 and x86_64 unless told otherwise."""

    installed: set[str] = field(default_factory=lambda: {"terraform", "docker"})
    platforms: str = "Platforms: linux/arm64, linux/amd64"
    broken: str = ""
    commands: list[tuple[str, ...]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    variables: list[dict] = field(default_factory=list)
    contexts: list[set[str]] = field(default_factory=list)

    def find(self, program):
        return program in self.installed

    def run(self, *command, folder=ROOT, environment=None, text=None, quiet=False):
        self.commands.append(command)
        self.inputs.append(text or "")
        if self.broken and command[0] == self.broken:
            raise SetupError(f"{self.broken} failed.")
        for option in command:
            if option.startswith("-var-file=/"):
                self.variables.append(json.loads(Path(option.removeprefix("-var-file=")).read_text()))
        if command[:3] == ("docker", "buildx", "inspect"):
            return self.platforms
        if command[:3] == ("docker", "buildx", "build"):
            context = Path(command[-1])
            self.contexts.append({str(f.relative_to(context)) for f in context.rglob("*") if f.is_file()})
        if command[1] == "output":
            return json.dumps({name: {"value": value} for name, value in OUTPUTS.items()})
        return ""

    def said(self):
        return [
            " ".join(word for word in command[:3] if not word.startswith("/")) for command in self.commands
        ]


@dataclass
class FakeCloud:
    pushed: set[tuple[str, str]] = field(default_factory=set)
    buckets: list[str] = field(default_factory=list)

    def find_account(self):
        return "123456789012"

    def ensure_state_bucket(self, bucket):
        self.buckets.append(bucket)

    def has_image(self, repository, tag):
        return (repository, tag) in self.pushed

    def read_registry_login(self):
        return "AWS", "secret-password", "https://1.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")


@pytest.fixture
def shell():
    return FakeShell()


@pytest.fixture
def deployment(shell):
    return Deployment(shell, FakeCloud(), "dev", "eu-central-1", build_images())


def test_the_first_deployment_makes_repositories_then_images_then_the_rest(deployment, shell):
    assert deployment.deploy() == OUTPUTS
    assert shell.said() == [
        "docker buildx inspect",
        "terraform init -input=false",
        "terraform apply -input=false",
        "docker login --username",
        *["docker buildx build"] * len(deployment.images),
        "terraform apply -input=false",
        "terraform output -json",
    ]
    assert "-target=aws_ecr_repository.image" in shell.commands[2]
    assert deployment.cloud.buckets == ["rem-terraform-123456789012-eu-central-1"]


def test_a_second_deployment_builds_nothing(deployment, shell):
    for image in deployment.images:
        deployment.cloud.pushed.add((f"rem-dev/{image.name}", image.compute_tag()))
    deployment.deploy()
    assert not [command for command in shell.commands if command[:3] == ("docker", "buildx", "build")]
    assert not [command for command in shell.commands if command[1] == "login"]


def test_terraform_is_told_which_images_to_run(deployment, shell):
    deployment.deploy()
    tags = {image.name: image.compute_tag() for image in deployment.images}
    assert shell.variables[-1]["image_tags"] == tags
    assert shell.variables[-1]["architecture"] == "arm64"


def test_an_image_is_built_from_exactly_what_its_tag_stands_for(deployment, shell):
    deployment.deploy()
    context = dict(zip([image.name for image in deployment.images], shell.contexts, strict=True))[
        "transcribe"
    ]
    assert {
        "functions/transcribe/handler.py",
        "functions/transcribe/Dockerfile",
        "rem/adapters/s3.py",
    } <= context
    assert not [file for file in context if file.startswith(("rem/states", "functions/diarize", "tests"))]


def test_no_secret_is_in_a_command(deployment, shell):
    deployment.deploy()
    said = json.dumps(shell.commands)
    assert "hf_secret" not in said
    assert "secret-password" not in said
    assert "secret-password" in shell.inputs


def find_builds(shell):
    return [command for command in shell.commands if command[:3] == ("docker", "buildx", "build")]


@pytest.mark.parametrize("model", ["community-1", "pyannote/speaker-diarization-community-1"])
def test_a_gated_model_without_a_token_is_found_out_before_the_build(shell, monkeypatch, model):
    monkeypatch.delenv("HF_TOKEN")
    stages = load_stages()
    chosen = stages["diarize"].model_copy(update={"settings": {"diarization_model": model}})
    images = build_images(stages | {"diarize": chosen, "cluster": chosen})
    with pytest.raises(SetupError, match="HF_TOKEN"):
        Deployment(shell, FakeCloud(), "dev", "eu-central-1", images).deploy()
    assert not find_builds(shell)


def test_the_default_models_are_built_without_a_token(deployment, shell, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    deployment.deploy()
    assert len(find_builds(shell)) == 7


def test_all_missing_tools_are_named_at_once(deployment, shell):
    shell.installed.clear()
    with pytest.raises(SetupError, match=r"(?s)Terraform.*Docker"):
        deployment.deploy()
    assert shell.commands == []


def test_a_docker_that_does_not_answer_is_found_out_first(deployment, shell):
    shell.broken = "docker"
    with pytest.raises(SetupError, match="start it"):
        deployment.deploy()
    assert deployment.cloud.buckets == []


def test_a_docker_that_cannot_build_for_arm_says_what_to_do(deployment, shell):
    shell.platforms = "Platforms: linux/amd64"
    with pytest.raises(SetupError, match="ARCH=x86_64"):
        deployment.deploy()


@pytest.mark.parametrize("verb", ["plan", "destroy"])
def test_other_verbs_need_no_docker(deployment, shell, verb):
    shell.installed.remove("docker")
    getattr(deployment, verb)()
    assert shell.said()[-1] == f"terraform {verb} -input=false"


def test_what_to_try_next_names_the_stack(deployment):
    text = describe(OUTPUTS, replace(deployment, profile="home"), "rem_key")
    assert "https://api/ingest" in text
    assert text.count("rem_key") == 3
    assert "rem keys add" in describe(OUTPUTS, deployment, None)
    assert "rem executions --region eu-central-1 --stack rem-dev --profile home" in text


def test_a_region_must_be_named(capsys):
    with pytest.raises(SystemExit):
        parse_arguments(["deploy"])
    assert "--region" in capsys.readouterr().err


def test_an_unknown_profile_is_one_sentence(capsys):
    assert deploy.main(["plan", "--region", "eu-central-1", "--profile", "no-such-profile"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("rem: ")
    assert "no-such-profile" in said


@pytest.fixture
def copy(tmp_path):
    """The parts of the project that images are made of, free to change."""
    for room in ("rem", "functions", "models/demo"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def compute_tags(root, **changes):
    return {image.name: replace(image, root=root, **changes).compute_tag() for image in build_images()}


def test_a_change_of_one_stage_is_one_new_image(copy):
    before = compute_tags(copy)
    (copy / "functions" / "publish" / "handler.py").write_text("# changed")
    after = compute_tags(copy)
    assert [name for name in before if before[name] != after[name]] == ["publish"]


def test_a_change_for_laptops_only_is_no_new_image(copy):
    before = compute_tags(copy)
    for room in ONLY_ON_LAPTOPS:
        for file in (copy / room).rglob("*.py"):
            file.write_text("# changed")
    assert compute_tags(copy) == before


def test_another_architecture_and_another_model_are_new_images(copy):
    assert compute_tags(copy) != compute_tags(copy, architecture="x86_64")
    stages = load_stages()
    other = stages["transcribe"].model_copy(update={"settings": {"whisper_model": "small"}})
    [image] = [i for i in build_images(stages | {"transcribe": other}) if i.name == "transcribe"]
    assert image.arguments == {"WHISPER_MODEL": "small"}
    assert image.compute_tag() not in compute_tags(ROOT).values()


@pytest.mark.slow
def test_state_bucket_and_first_key_are_made_once(monkeypatch):
    """On the local AWS; a second deployment finds both."""
    with LocalAws([]) as aws:
        for name, value in (
            ("ENDPOINT_URL", aws.endpoint_url),
            ("ACCESS_KEY_ID", "a"),
            ("SECRET_ACCESS_KEY", "b"),
        ):
            monkeypatch.setenv(f"AWS_{name}", value)
        cloud = Cloud("us-east-1")
        create_keys_table(aws)
        assert cloud.find_account() == "123456789012"
        for _ in range(2):
            cloud.ensure_state_bucket("rem-terraform")
        assert aws.client("s3").get_bucket_versioning(Bucket="rem-terraform")["Status"] == "Enabled"
        assert cloud.make_first_key(KEYS_TABLE).startswith("rem_")
        assert cloud.make_first_key(KEYS_TABLE) is None
        assert not cloud.has_image("rem-dev/publish", "0123456789abcdef")
