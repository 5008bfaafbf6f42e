import shutil
from pathlib import Path

import pytest

from tests.infra.terraform import Terraform, find_plugins


@pytest.fixture(scope="session")
def plugins() -> Path:
    """Where Terraform's AWS provider lies, without a registry."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    found = find_plugins()
    if found is None:
        pytest.skip("no AWS provider for Terraform: set REM_TF_PLUGIN_DIR to a plug-in folder that has it")
    return found


@pytest.fixture(scope="session")
def offline(plugins, tmp_path_factory) -> Terraform:
    """A working copy that reaches nothing."""
    return Terraform(tmp_path_factory.mktemp("offline"), plugins)
