"""The shape of the project: who may import whom, and what the README says lies where."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.images import ONLY_ON_LAPTOPS

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Room:
    """A folder, or a module that differs from its folder.

    Attributes:
        imports: Rooms of ours that it may import beside itself; one name a word, `*` for any.
        vendors: Of HEAVY, those that it may import.
        in_images: Whether the images of Lambda carry it.
    """

    imports: str = ""
    vendors: str = ""
    in_images: bool = False


MODEL_NEEDS = "rem/weights/identity"
STAGE_NEEDS = "rem/core rem/transcripts rem/executions rem/costs rem/ports rem/library rem/adapters rem/stage"
ROOMS = {  # from the inside out; a module is ruled by the longest name that it starts with
    "rem/core": Room(in_images=True),
    "rem/transcripts": Room("rem/core", in_images=True),
    "rem/transcripts/captions.py": Room("rem/core rem/transcripts", "pysubs2", in_images=True),
    "rem/transcripts/breaks.py": Room("rem/core rem/transcripts", "icu4py", in_images=True),
    "rem/executions": Room("rem/core", in_images=True),
    "rem/definition.py": Room(in_images=True),
    "rem/costs": Room("rem/core rem/transcripts rem/definition", in_images=True),
    "rem/ports.py": Room("rem/core rem/transcripts rem/executions", in_images=True),
    "rem/library": Room("rem/core rem/transcripts rem/executions rem/ports", in_images=True),
    "rem/library/recorded.py": Room("rem/core", "av", in_images=True),
    "rem/adapters": Room(
        "rem/core rem/executions rem/costs rem/definition rem/ports", "boto3 botocore", in_images=True
    ),
    "rem/weights": Room("rem/core rem/definition", in_images=True),
    "rem/weights/hub.py": Room("rem/core rem/definition", "huggingface_hub", in_images=True),
    "rem/weights/open_voices.py": Room("rem/core", "torch", in_images=True),
    "rem/adapters/models.py": Room("rem/core rem/definition rem/weights", "faster_whisper", in_images=True),
    "rem/stage": Room(
        "rem/core rem/transcripts rem/costs rem/definition rem/ports rem/adapters",
        in_images=True,
    ),
    "functions/__init__.py": Room(in_images=True),
    "functions/ingest": Room(STAGE_NEEDS, in_images=True),
    "functions/prepare": Room(STAGE_NEEDS, "faster_whisper", in_images=True),
    "functions/prepare/packets.py": Room(STAGE_NEEDS, "av", in_images=True),
    "functions/prepare/resample.py": Room(STAGE_NEEDS, "av", in_images=True),
    "functions/prepare/track.py": Room(STAGE_NEEDS, "av", in_images=True),
    "functions/prepare/decode.py": Room(STAGE_NEEDS, "av", in_images=True),
    "functions/transcribe": Room(STAGE_NEEDS, in_images=True),
    "functions/transcribe/whisper.py": Room(f"{STAGE_NEEDS} {MODEL_NEEDS}", "faster_whisper", in_images=True),
    "functions/diarize": Room(f"{STAGE_NEEDS} {MODEL_NEEDS}", "pyannote torch torchaudio", in_images=True),
    "functions/assemble": Room(STAGE_NEEDS, in_images=True),
    "functions/enrich": Room(STAGE_NEEDS, in_images=True),
    "functions/enrich/extract": Room("rem/transcripts", "yake segtok", in_images=True),
    "functions/enrich/openai_model.py": Room(STAGE_NEEDS, "openai", in_images=True),
    "functions/enrich/evidence.py": Room(STAGE_NEEDS, "rapidfuzz", in_images=True),
    "functions/publish": Room(STAGE_NEEDS, in_images=True),
    "rem/lambdas": Room(),
    "rem/states": Room("rem/core rem/executions rem/adapters rem/lambdas", "moto boto3 botocore"),
    "rem/home": Room(
        "rem/core rem/executions rem/definition rem/ports rem/library rem/adapters rem/lambdas rem/states"
    ),
    "rem/cli": Room(
        "rem/core rem/transcripts rem/executions rem/costs rem/definition rem/ports rem/library rem/adapters "
        "rem/stage rem/home rem/lambdas rem/weights functions/enrich",  # `rem recipes` estimates tokens
    ),
    "rem/cli/score.py": Room("rem/core rem/transcripts", "jiwer pyannote"),
    "statemachine": Room("rem/core rem/definition"),
    "infra": Room("rem/core rem/definition rem/library rem/adapters rem/weights", "boto3 botocore"),
    "models": Room("functions", "*"),
    "firmware": Room(),
    "benchmarks": Room("*", "*"),
}
HEAVY = set(
    "boto3 botocore moto faster_whisper huggingface_hub pyannote torch torchaudio av yake segtok openai "
    "rapidfuzz jiwer pysubs2 icu4py".split()
)
PURE = ("rem/core", "rem/transcripts", "rem/executions")  # the standard library, and what the table names
OURS = ("rem", "functions", "statemachine", "infra", "models", "benchmarks")
SOURCES = [path for folder in (*OURS, "firmware") for path in (ROOT / folder).rglob("*.py")]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def find_room(path_name: str) -> str:
    """The longest name of the table that a module, or an imported name written as a path, starts with."""
    fits = [room for room in ROOMS if f"{path_name}/".startswith(f"{room.removesuffix('.py')}/")]
    fits += [room for room in ROOMS if room == path_name]
    return max(fits, key=len, default="")


def find_folder(room: str) -> str:
    """The folder whose modules a room may import freely: its own."""
    folder = room.rpartition("/")[0]
    return f"{folder}/" if room.endswith(".py") and folder in ROOMS else f"{room.removesuffix('.py')}/"


def imports(path: Path) -> Iterator[str]:
    """Dotted names; `from a import b` as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allows(words: str, found: str) -> bool:
    return "*" in words.split() or any(f"{found}/".startswith(f"{word}/") for word in words.split())


def test_every_module_is_in_a_room():
    assert not [
        name(path) for path in SOURCES if not find_room(name(path)) and name(path) != "rem/__init__.py"
    ]


def test_the_table_names_no_room_that_is_gone():
    assert not [room for room in ROOMS if not (ROOT / room).exists()]


@pytest.mark.parametrize("room", ROOMS)
def test_imports_follow_the_table(room):
    for path in [path for path in SOURCES if find_room(name(path)) == room]:
        for imported in imports(path):
            target = imported.replace(".", "/")
            root = imported.split(".")[0]
            if root in OURS and not f"{target}/".startswith(find_folder(room)):
                assert allows(ROOMS[room].imports, target), f"{name(path)} imports {imported}"
            if root in HEAVY:
                assert allows(ROOMS[room].vendors, root), f"{name(path)} imports {imported}"


def test_pure_rooms_import_only_the_standard_library():
    for path in [path for path in SOURCES if name(path).startswith(PURE)]:
        roots = {imported.split(".")[0] for imported in imports(path)}
        allowed = sys.stdlib_module_names | {"rem"} | set(ROOMS[find_room(name(path))].vendors.split())
        assert roots <= allowed, name(path)


def test_images_carry_the_rooms_that_the_table_says():
    laptop = {room for room, row in ROOMS.items() if room.startswith("rem/") and not row.in_images}
    assert {room for room in laptop if not room.endswith(".py")} == {r.rstrip("/") for r in ONLY_ON_LAPTOPS}
    for room, row in ROOMS.items():
        if row.in_images:
            targets = [find_room(f"{word}.py") or find_room(word) for word in row.imports.split()]
            assert all(ROOMS[target].in_images for target in targets if target), room


CONTRACT_WORDS = {  # and the one module that writes each
    "rem/core/recordings.py": {"started-at", "ended-at"},
    "rem/executions/statuses.py": {
        *("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"),
        *("PENDING_REDRIVE", "REDRIVABLE", "NOT_REDRIVABLE"),
    },
    "rem/core/records.py": {"executionStartedAt", "executionOrder", "statusRank", "speakerNames"},
}


@pytest.mark.parametrize("owner", CONTRACT_WORDS)
def test_a_word_of_a_contract_stands_in_one_module(owner):
    for path in [path for path in SOURCES if name(path).startswith(("rem/", "functions/"))]:
        nodes = ast.walk(ast.parse(path.read_text()))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
        expected = CONTRACT_WORDS[owner] if name(path) == owner else set()
        assert texts & CONTRACT_WORDS[owner] == expected, name(path)


def test_handlers_import_no_model_at_module_level():
    heavy = {"faster_whisper", "pyannote", "torch", "av", "yake", "openai"}
    for path in (ROOT / "functions").rglob("*.py"):
        if path.name in ("handler.py", "cluster.py", "start.py", "model.py"):
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
    pages = (ROOT / "README.md").read_text() + "".join(p.read_text() for p in (ROOT / "docs").rglob("*.md"))
    assert [path for path in list_commands() if path not in pages] == []


def list_commands() -> Iterator[str]:
    """Name every command and every group, also those that are loaded late: `rem keys`, `rem keys add`."""
    from rem.cli.lazy_group import COMMANDS, load_command

    for name in COMMANDS:
        yield f"rem {name}"
        yield from (f"rem {name} {inner}" for inner in getattr(load_command(name), "commands", {}))


def test_a_setting_of_two_stages_has_one_value():
    """Diarize and Cluster work on one grid with one model."""
    from rem.definition import load_stages

    values: dict[str, set[object]] = {}
    for stage in load_stages().values():
        for setting, value in stage.settings.items():
            values.setdefault(setting, set()).add(value)
    assert {setting: found for setting, found in values.items() if len(found) > 1} == {}


def test_every_setting_is_explained_in_the_docs():
    from rem.definition import load_stages

    page = (ROOT / "docs" / "settings.md").read_text()
    settings = {setting for stage in load_stages().values() for setting in stage.settings}
    missing = {setting for setting in settings if f"`{setting}`" not in page}
    assert not missing


def test_demo_models_fit_their_budget():
    total = sum(p.stat().st_size for p in (ROOT / "models" / "demo").rglob("*") if p.is_file())
    assert total <= 16_000_000


def test_versions_in_docs_and_messages_are_those_that_are_tested():
    pins = dict(re.findall(r'"([\w.-]+)(?:\[[^]]*\])?==([^"]+)"', (ROOT / "pyproject.toml").read_text()))
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "rem").rglob("*.py")]
    for page in pages:
        for package, version in re.findall(r"\b([a-z][\w-]+)==(\d[\w.]*\w)", page.read_text()):
            assert pins.get(package, version) == version, f"{name(page)}: {package}=={version}"


def test_changelog_and_decisions_are_kept():
    assert "## " in (ROOT / "CHANGELOG.md").read_text()
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    for page in (ROOT / "docs" / "adr").glob("[0-9]*.md"):
        text, number = page.read_text(), int(page.name[:4])
        assert re.match(rf"# {number}\. .+\n\nStatus: .+, \d{{4}}-\d\d\n\n## Context\n\S", text), page.name
        for heading in ("## Decision", "## Consequences", "## Undo"):
            assert heading in text, f"{page.name} has no {heading}"
        title = text.partition(". ")[2].partition("\n")[0]
        assert f"| {number} | [{title}]({page.name}) |" in index


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s:]*)(?:#([^)]*))?\)")


def find_anchors(page: Path) -> set[str]:
    """Anchors of headings, as GitHub builds them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text()):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in find_anchors(linked), f"{target} has no heading #{anchor}"
