"""Count the tree's shape and hold it to its limits: `python -m benchmarks.shape [--json]`.

Every file that is not empty is a module, `__init__.py` too; a folder with modules is a package. A function's
length runs from its `def` to its last line. Its parameters leave out `self` and `cls`. Every import counts
for a cycle, those inside functions and those for type checkers too. Exit code 1: a row is over its limit.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = {
    "REM": ("rem", "functions", "statemachine", "infra"),
    "firmware": ("firmware",),
    "models": ("models",),
    "benchmarks": ("benchmarks",),
}
HELD = "REM"  # the column whose rows have limits
LIMITS = {
    "most modules in one package": 16,
    "cycles between packages": 0,
    "cycles between files": 0,
    "functions over 6 parameters": 4,
    "docstrings that open with What, Whether, How, So, As, %": 2.0,
    "function lines, median": 7,
    "function lines, p90": 20,
}
MOST_PARAMETERS, LONG_LINE, LONG_MODULE = 6, 100, 350
OPENER = re.compile(r"(What|Whether|How|So|As)\b")
LAST_WORD = re.compile(r"[A-Z][a-z0-9]*$")
IRREGULAR = set(
    "Bound Broken Built Chosen Done Drawn Fallen Felt Found Given Gone Grown Heard Held Hidden Kept Known "
    "Left Lost Made Meant Met Paid Said Seen Sent Shown Sold Spent Spoken Taken Taught Told Understood Won "
    "Worn Written".split()
)
NOUNS = set(
    "Bed Ceiling Embedding Feed Keyring Led Meeting Need Padding Pricing Recording Ring Seed Setting Sibling "
    "Speed String Thing Timing Warning".split()
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function
Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Module:
    """A source file with its syntax tree."""

    path: str
    text: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.text)))

    @property
    def package(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def dotted(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def functions(self) -> list[Function]:
        return [node for node in self.nodes if isinstance(node, Function)]

    def locate(self, node: ast.AST, text: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)} {text}"


@dataclass(frozen=True)
class Row:
    """One count of a column.

    Attributes:
        members: The places that were counted, where a person may want to go there.
    """

    name: str
    value: float
    members: Sequence[str] = field(default=())

    @property
    def is_over(self) -> bool:
        return self.value > LIMITS.get(self.name, float("inf"))


def read_modules(folders: Iterable[str], root: Path = ROOT) -> list[Module]:
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    read = [Module(path.relative_to(root).as_posix(), path.read_text()) for path in paths]
    return [module for module in read if module.text]


def measure(modules: Sequence[Module]) -> list[Row]:
    """Count one column, in the order of the table."""
    return [
        *measure_packages(modules),
        *measure_cycles(modules),
        *measure_functions(modules),
        *measure_words(modules),
        *measure_lines(modules),
    ]


def measure_packages(modules: Sequence[Module]) -> Iterator[Row]:
    yield Row("modules", len(modules))
    package, most = Counter(module.package for module in modules).most_common(1)[0]
    yield Row("most modules in one package", most, [package])


def measure_cycles(modules: Sequence[Module]) -> Iterator[Row]:
    files = link_files(modules)
    for name, graph in (("packages", link_packages(files)), ("files", files)):
        cycles = [" ".join(sorted(knot)) for knot in find_knots(graph)]
        yield Row(f"cycles between {name}", len(cycles), cycles)


def link_files(modules: Sequence[Module]) -> dict[str, set[str]]:
    """Map each file to the files of the column that it imports."""
    known = {module.dotted: module.path for module in modules}
    known |= {name.removeprefix("firmware."): path for name, path in known.items()}  # as the device says it
    graph = {}
    for module in modules:
        names = {name for node in module.nodes for name in read_imports(node, module)}
        graph[module.path] = {path for name in names if (path := find_path(name, known))} - {module.path}
    return graph


def read_imports(node: ast.AST, module: Module) -> Iterator[str]:
    """Yield dotted names; `from a import b` is a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parts = module.package.split("/")
        home = parts[: len(parts) - node.level + 1] if node.level else []
        source = ".".join([*home, *([node.module] if node.module else [])])
        yield from (f"{source}.{alias.name}" for alias in node.names)


def find_path(name: str, known: Mapping[str, str]) -> str | None:
    """Give the file of an imported name: the module itself, or the module that holds the name."""
    return known.get(name) or known.get(name.rpartition(".")[0])


def link_packages(files: Graph) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for path, targets in files.items():
        package = path.rpartition("/")[0]
        graph.setdefault(package, set()).update({t.rpartition("/")[0] for t in targets} - {package})
    return graph


def find_knots(graph: Graph) -> set[frozenset[str]]:
    """Find the groups whose members all reach each other."""
    reached = {node: reach(node, graph) for node in graph}
    knots = (frozenset(other for other in reached[node] if node in reached[other]) for node in graph)
    return {knot for knot in knots if len(knot) > 1}


def reach(start: str, graph: Graph) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        fresh = graph[pending.pop()] - found
        found |= fresh
        pending += fresh
    return found


def measure_functions(modules: Sequence[Module]) -> Iterator[Row]:
    wide = [
        module.locate(function, f"{function.name} has {count}")
        for module in modules
        for function in module.functions
        if (count := count_parameters(function)) > MOST_PARAMETERS
    ]
    yield Row(f"functions over {MOST_PARAMETERS} parameters", len(wide), wide)
    lengths = sorted(length_of(function) for module in modules for function in module.functions) or [0]
    yield Row("function lines, median", statistics.median(lengths))
    yield Row("function lines, p90", lengths[int(0.9 * len(lengths))])
    longest = [
        module.locate(function, function.name)
        for module in modules
        for function in module.functions
        if length_of(function) == lengths[-1]
    ]
    yield Row("function lines, most", lengths[-1], longest)


def count_parameters(function: Function) -> int:
    spec = function.args
    named = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, (spec.vararg, spec.kwarg))]
    return len(named) - (named[:1] != [] and named[0].arg in ("self", "cls"))


def length_of(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def measure_words(modules: Sequence[Module]) -> Iterator[Row]:
    documented = [(m, node, text) for m in modules for node in m.nodes if (text := read_docstring(node))]
    opened = [m.locate(node, text.splitlines()[0]) for m, node, text in documented if OPENER.match(text)]
    share = round(100 * len(opened) / max(1, len(documented)), 1)
    yield Row("docstrings", len(documented))
    yield Row("docstrings that open with What, Whether, How, So, As, %", share, opened)
    classes = [(m, node) for m in modules for node in m.nodes if isinstance(node, ast.ClassDef)]
    verbs = [module.locate(node, node.name) for module, node in classes if is_participle(node.name)]
    yield Row("classes named by a participle", len(verbs), verbs)


def read_docstring(node: ast.AST) -> str | None:
    return ast.get_docstring(node) if isinstance(node, Documented) else None


def is_participle(name: str) -> bool:
    """Guess by the end of the last word: `ed`, `ing` or an irregular verb, but not a noun that ends so."""
    match = LAST_WORD.search(name)
    word = match[0] if match else ""
    return word in IRREGULAR or (word.endswith(("ed", "ing")) and word not in NOUNS)


def measure_lines(modules: Sequence[Module]) -> Iterator[Row]:
    lines = {module.path: module.text.splitlines() for module in modules}
    yield Row(f"lines over {LONG_LINE}", sum(len(x) > LONG_LINE for text in lines.values() for x in text))
    long = [f"{path} {len(text)}" for path, text in lines.items() if len(text) > LONG_MODULE]
    yield Row(f"modules over {LONG_MODULE} lines", len(long), long)
    yield Row("imports inside functions", sum(len(find_late_imports(module)) for module in modules))


def find_late_imports(module: Module) -> set[int]:
    """Give the lines of imports that run when a function is called."""
    inner = (node for function in module.functions for node in ast.walk(function))
    return {node.lineno for node in inner if isinstance(node, ast.Import | ast.ImportFrom)}


def print_table(columns: Mapping[str, Sequence[Row]]) -> None:
    print(f"{'':58}{'limit':>7}" + "".join(f"{name:>12}" for name in columns))
    for line in zip(*columns.values(), strict=True):
        limit = LIMITS.get(line[0].name, "")
        print(f"{line[0].name:58}{limit:>7}" + "".join(f"{row.value:>12g}" for row in line))
    for column, rows in columns.items():
        for row in rows:
            if row.members:
                print(f"\n{column}: {row.name}", *row.members, sep="\n  ")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shape", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the table and its members as JSON")
    chosen = parser.parse_args(arguments)
    columns = {name: measure(read_modules(folders)) for name, folders in COLUMNS.items()}
    if chosen.json:
        print(json.dumps({name: [asdict(row) for row in rows] for name, rows in columns.items()}, indent=2))
    else:
        print_table(columns)
    over = [row for row in columns[HELD] if row.is_over]
    for row in over:
        print(f"{row.name}: {row.value:g}, the limit is {LIMITS[row.name]}", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
