"""Terraform's own checks, without an account: format, types, and what it computes from stages.yaml."""

import subprocess

import pytest
from uv import find_uv_bin

from rem.definition import ROOT
from tests.infra.environments import NO_INDEX

pytestmark = [pytest.mark.infra, pytest.mark.slow]
CHECKOV = "checkov==3.3.30"


def test_files_are_formatted(plugins):
    command = ["terraform", "fmt", "-check", "-recursive", "-diff", str(ROOT / "infra")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_configuration_is_valid(offline):
    assert "valid" in offline.run("validate", "-no-color").stdout


def test_what_terraform_computes_is_right(offline):
    """infra/tests/*.tftest.hcl with a mocked provider."""
    assert " 0 failed" in offline.run("test", "-no-color").stdout


def test_checkov_finds_nothing_but_what_was_weighed():
    """infra/.checkov.yaml gives the reason for each check that is left out."""
    # In an environment of its own: it pins an old boto3.
    command = [find_uv_bin(), "tool", "run", "--from", CHECKOV, "checkov", "--directory", str(ROOT / "infra")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if any(words in answer.stderr for words in NO_INDEX):
        pytest.skip(f"no package index answers, so checkov cannot be installed: {answer.stderr[-300:]}")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Failed checks: 0" in answer.stdout
