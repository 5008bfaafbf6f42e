"""Entries of running servers: made, ended, stale, and not possible."""

import json
import subprocess
import sys

import pytest

from rem.definition import ROOT
from rem.home.endpoint import ENDPOINT_FILE, Endpoint, announce, list_running, servers_dir

SERVER = """
import sys
from pathlib import Path
from rem.home.endpoint import Endpoint, announce
with announce(Endpoint(Path(sys.argv[1]), "http://127.0.0.1:1", "http://127.0.0.1:2", 1)):
    print("up", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def endpoint(tmp_path):
    (tmp_path / "data").mkdir()
    return Endpoint(tmp_path / "data", "http://127.0.0.1:5000", "http://127.0.0.1:8787", 17)


def test_a_server_is_listed_while_it_runs(endpoint):
    assert list_running() == []
    with announce(endpoint):
        assert list_running() == [endpoint]
        assert Endpoint.parse((endpoint.data / ENDPOINT_FILE).read_text()) == endpoint
    assert list_running() == []
    assert not (endpoint.data / ENDPOINT_FILE).exists()


def test_the_entry_of_a_killed_server_is_removed(endpoint):
    command = [sys.executable, "-c", SERVER, str(endpoint.data)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"up\n"
        assert [each.pid for each in list_running()] == [1]
        server.kill()
        server.wait()
        assert len(list(servers_dir().glob("*.json"))) == 1
        assert list_running() == []
        assert list(servers_dir().iterdir()) == []


def test_an_entry_of_another_version_is_passed_over(endpoint, monkeypatch):
    with announce(endpoint):
        [entry] = servers_dir().glob("*.json")
        entry.write_text(json.dumps({"address": "another"}))
        assert list_running() == []
        assert entry.exists()


def test_a_server_without_a_state_folder_runs_all_the_same(endpoint, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with announce(endpoint):
        assert (endpoint.data / ENDPOINT_FILE).exists()
        assert list_running() == []
    assert "by --data only" in caplog.text
