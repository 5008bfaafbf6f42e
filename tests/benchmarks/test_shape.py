"""Every count of benchmarks/shape.py on a small tree in which the fault was planted."""

import json

import pytest

from benchmarks import shape


@pytest.fixture
def count(tmp_path):
    """Count a tree given as path: text; gives the rows by name."""

    def run(**files):
        for name, text in files.items():
            path = tmp_path / "rem" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return {row.name: row for row in shape.measure(shape.read_modules(["rem"], tmp_path))}

    return run


def test_empty_files_are_no_modules(count):
    rows = count(core__a="1", core__b="1", cli__main="1", cli__empty="")
    assert rows["modules"].value == 3
    most = rows["most modules in one package"]
    assert (most.value, most.members) == (2, ["rem/core"])


def test_a_circle_of_files_is_found_through_late_imports(count):
    rows = count(
        a="from rem import b", b="import rem.c", c="def f():\n    from rem.a import x", d="import rem.a"
    )
    assert rows["cycles between files"].members == ["rem/a.py rem/b.py rem/c.py"]
    assert rows["cycles between packages"].value == 0
    assert rows["imports inside functions"].value == 1


def test_packages_can_be_in_a_circle_where_files_are_not(count):
    rows = count(one__a="import rem.two.b", two__b="1", two__c="from ..one import a")
    assert rows["cycles between files"].value == 0
    assert rows["cycles between packages"].members == ["rem/one rem/two"]


def test_self_is_no_parameter_and_keywords_are(count):
    rows = count(
        a="class A:\n"
        "    def fits(self, a, b, c, *d, e, f): ...\n"
        "    def wide(self, a, b, c, *, d, e, f, **g): ..."
    )
    assert rows["functions over 6 parameters"].members == ["rem/a.py:3 wide has 7"]


def test_lengths_run_from_the_name_to_the_last_line(count):
    rows = count(a="@x\ndef one(): ...\ndef three():\n    '''A.'''\n    return 1")
    assert [rows[f"function lines, {name}"].value for name in ("median", "p90", "most")] == [2, 3, 3]


@pytest.mark.parametrize("opener", ["What", "Whether", "How", "So", "As"])
def test_docstrings_that_open_with_a_relative_clause_are_listed(count, opener):
    rows = count(a=f"'''{opener} it does.'''\ndef f():\n    '''Soon does it.'''")
    row = rows["docstrings that open with What, Whether, How, So, As, %"]
    assert (row.value, row.members) == (50, [f"rem/a.py:1 {opener} it does."])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Announced", True),
        ("_Seen", True),
        ("Receiving", True),
        ("Recording", False),
        ("PreparedSound", False),
        ("KeyTold", True),
    ],
)
def test_participles_as_names_of_classes(count, name, found):
    assert count(a=f"class {name}: ...")["classes named by a participle"].value == found


def test_long_lines_and_modules_are_counted(count):
    rows = count(a="#" + 100 * "x", b="1\n" * 351)
    assert rows["lines over 100"].value == 1
    assert rows["modules over 350 lines"].members == ["rem/b.py 351"]


def test_every_limit_names_a_row(count):
    assert set(shape.LIMITS) <= set(count(a="1"))


def test_a_row_over_its_limit_fails():
    assert shape.Row("cycles between files", 1).is_over
    assert not shape.Row("cycles between files", 0).is_over
    assert not shape.Row("modules", 1000).is_over


def test_this_tree_keeps_its_limits(capsys):
    assert shape.main([]) == 0, capsys.readouterr().err


def test_json_holds_the_rows_of_every_column(capsys):
    shape.main(["--json"])
    columns = json.loads(capsys.readouterr().out)
    assert list(columns) == list(shape.COLUMNS)
    assert columns["REM"][0]["value"] > 100
