"""Terraform's own checks, without an account: format, types, and what it computes from stages.yaml."""

import os
import shutil
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


def test_checkov_finds_nothing_but_what_was_weighed(plugins):
    """infra/.checkov.yaml gives the reason for each check that is left out."""
    checkov = os.environ.get("REM_CHECKOV") or shutil.which("checkov")
    if checkov is None:
        pytest.skip("checkov is not installed: put it on the PATH, or name it in REM_CHECKOV")
    command = [checkov, "--directory", str(ROOT / "infra")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
    assert "Failed checks: 0" in answer.stdout
