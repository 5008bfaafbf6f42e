"""The shape of the project: who may import whom, and what the README says lies where."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = {  # package -> what of ours it may import
    "rem/core": {"rem.core"},
    "rem/ports.py": {"rem.core"},
    "rem/aws.py": {"rem.core", "rem.ports"},
    "rem/config.py": {"rem.core"},
    "rem/documents.py": {"rem.core", "rem.ports"},
    "rem/library.py": {"rem.core", "rem.ports", "rem.documents"},
    "rem/keys.py": {"rem.core", "rem.ports"},
    "rem/observe.py": {"rem.core"},
    "rem/intake.py": {"rem.core", "rem.ports", "rem.library"},
    "rem/stages.py": set(),
    "rem/progress.py": set(),
    "functions": {
        *("rem.core", "rem.ports", "rem.aws", "rem.config", "rem.stage", "rem.audio", "functions"),
        *("rem.recipes", "rem.prices", "rem.documents", "rem.library", "rem.keys", "rem.intake"),
        "rem.observe",
    },
    "rem/media.py": set(),
    "rem/uploader.py": {"rem.core", "rem.intake", "rem.media"},
    "rem/localaws": {"rem.core", "rem.stages", "rem.progress", "rem.media", "rem.localaws"},
}
VENDORS = {  # heavy import -> the only places that may have it
    "boto3": {"rem/aws.py", "rem/localaws/", "rem/commands/target.py"},
    "moto": {"rem/localaws/"},
    "faster_whisper": {
        "functions/transcribe/whisper.py",
        "functions/prepare/",
        "rem/models.py",
        "models/training/",
    },
    "pyannote": {"functions/diarize/", "rem/score.py", "models/training/"},
    "torch": {"functions/diarize/", "models/training/"},
    "av": {"functions/prepare/decode.py"},
    "yake": {"functions/enrich/offline.py"},
    "openai": {"functions/enrich/openai_model.py"},
    "rapidfuzz": {"functions/enrich/evidence.py"},
    "jiwer": {"rem/score.py"},
    "pysubs2": {"rem/core/captions.py"},
}
PURE = {"pysubs2"}  # what rem.core may import beside the standard library
SOURCES = [
    p for folder in ("rem", "functions", "statemachine", "models") for p in (ROOT / folder).rglob("*.py")
]


LAPTOP = (
    "rem/localaws/",
    "rem/cli.py",
    "rem/commands/",
    "rem/run.py",
    "rem/display.py",
    "rem/home.py",
    "rem/receiving.py",
)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_inwards(layer):
    for path in [p for p in SOURCES if name(p).startswith(layer)]:
        ours = {i for i in imports(path) if i.split(".")[0] in ("rem", "functions", "statemachine")}
        outside = {i for i in ours if not any(i == ok or i.startswith(ok + ".") for ok in LAYERS[layer])}
        assert not outside, f"{name(path)} imports {outside}"


def test_core_imports_only_the_standard_library():
    import sys

    for path in [p for p in SOURCES if name(p).startswith("rem/core/")]:
        roots = {i.split(".")[0] for i in imports(path)}
        assert roots <= sys.stdlib_module_names | {"rem"} | PURE, name(path)


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_heavy_vendor_has_one_home(vendor):
    homes = {name(p) for p in SOURCES if any(i.split(".")[0] == vendor for i in imports(p))}
    strays = {home for home in homes if not home.startswith(tuple(VENDORS[vendor]))}
    assert not strays


def test_local_aws_is_known_only_by_the_command_line():
    for path in SOURCES:
        if any(i.startswith("rem.localaws") for i in imports(path)):
            assert name(path).startswith(LAPTOP)


def test_handlers_import_no_model_at_module_level():
    heavy = {"faster_whisper", "pyannote", "torch", "av", "yake", "openai"}
    for path in (ROOT / "functions").rglob("*.py"):
        if path.name in ("handler.py", "windows.py", "cluster.py", "start.py", "model.py"):
            top = ast.parse(path.read_text()).body
            modules = {
                alias.name.split(".")[0]
                for node in top
                if isinstance(node, ast.Import)
                for alias in node.names
            } | {(node.module or "").split(".")[0] for node in top if isinstance(node, ast.ImportFrom)}
            assert not modules & heavy, name(path)


def test_readme_tree_matches_the_disk():
    block = re.search(r"```\n(rem/.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    for line in block[1].splitlines():
        path = line.split()[0] if line.strip() else ""
        if path:
            assert (ROOT / path).exists(), f"README names {path}"


def test_readme_tree_names_every_room():
    text = (ROOT / "README.md").read_text()
    hidden = {"build"}
    rooms = [
        p.name
        for p in ROOT.iterdir()
        if p.is_dir() and not p.name.startswith((".", "_")) and p.name not in hidden
    ]
    missing = [room for room in rooms if f"{room}/" not in text and not room.endswith(".egg-info")]
    assert not missing


def test_every_command_is_in_the_readme_or_docs():
    from rem.cli import app

    pages = (ROOT / "README.md").read_text() + "".join(p.read_text() for p in (ROOT / "docs").rglob("*.md"))
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"rem {command.name or command.callback.__name__}" in pages


def test_a_setting_of_two_stages_has_one_value():
    """Diarize and Cluster work on one grid with one model."""
    from rem.stages import load_stages

    values: dict[str, set[object]] = {}
    for stage in load_stages().values():
        for setting, value in stage.settings.items():
            values.setdefault(setting, set()).add(value)
    assert {setting: found for setting, found in values.items() if len(found) > 1} == {}


def test_every_setting_is_explained_in_the_docs():
    from rem.stages import load_stages

    page = (ROOT / "docs" / "operations.md").read_text()
    settings = {setting for stage in load_stages().values() for setting in stage.settings}
    missing = {setting for setting in settings if f"`{setting}`" not in page}
    assert not missing


def test_demo_models_fit_their_budget():
    total = sum(p.stat().st_size for p in (ROOT / "models" / "demo").rglob("*") if p.is_file())
    assert total <= 16_000_000


def test_changelog_and_decisions_are_kept():
    assert "## " in (ROOT / "CHANGELOG.md").read_text()
    for page in (ROOT / "docs" / "adr").glob("[0-9]*.md"):
        text = page.read_text()
        for heading in ("## Context", "## Decision", "## Consequences", "## Undo"):
            assert heading in text, f"{page.name} has no {heading}"
