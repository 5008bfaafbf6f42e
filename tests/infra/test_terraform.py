"""Terraform's own checks, without an account: format, types, and what it computes from stages.yaml."""

import subprocess

import pytest

from rem.stages import ROOT

pytestmark = [pytest.mark.infra, pytest.mark.slow]


def test_files_are_formatted(plugins):
    command = ["terraform", "fmt", "-check", "-recursive", "-diff", str(ROOT / "infra")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_configuration_is_valid(offline):
    assert "valid" in offline.run("validate", "-no-color").stdout


def test_what_terraform_computes_is_right(offline):
    """infra/tests/*.tftest.hcl with a mocked provider."""
    assert " 0 failed" in offline.run("test", "-no-color").stdout
