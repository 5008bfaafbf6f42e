"""The hub's own client against a server on loopback that answers as the hub does."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from tests.rem.weights.conftest import sha256

REVISION = "0123456789012345678901234567890123456789"
FILES = {"config.json": b"{}", "model.bin": b"weights" * 1000}
FETCH = """
import json, sys
from pathlib import Path
from rem.core.errors import SetupError
from rem.weights.fetch import fetch_model
from rem.weights.sources import Source
try:
    folder = fetch_model("tiny", Source(**json.loads(sys.argv[1])), Path(sys.argv[2]))
    print("fetched", (folder / "model.bin").stat().st_size)
except SetupError as error:
    print("refused:", error)
"""


class Hub(BaseHTTPRequestHandler):
    refusal: tuple[int, str] | None = None
    seen: ClassVar[list[str]] = []

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, *, with_body: bool):
        self.seen.append(self.path)
        content = FILES.get(self.path.rsplit("/", 1)[-1], b"")
        status, code = self.refusal if self.refusal and "/resolve/" in self.path else (200, "")
        self.send_response(status)
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub():
    class Fresh(Hub):
        seen: ClassVar[list[str]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(hub, tmp_path, **changes):
    files = {name: [sha256(content), len(content)] for name, content in FILES.items()}
    source = {"repository": "someone/tiny", "revision": REVISION, "licence": "MIT", "files": files}
    token = changes.pop("token", "")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("HF_")},
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HOME": str(tmp_path / "hf"),
        **({"HF_TOKEN": token} if token else {}),
    }
    command = [sys.executable, "-c", FETCH, json.dumps({**source, **changes}), str(tmp_path / "tiny")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return done.stdout.strip()


def test_files_come_from_the_pinned_revision(hub, tmp_path):
    assert fetch(hub, tmp_path) == f"fetched {len(FILES['model.bin'])}"
    resolved = [path for path in hub.RequestHandlerClass.seen if "/resolve/" in path]
    assert resolved
    assert all(f"/someone/tiny/resolve/{REVISION}/" in path for path in resolved)


def test_a_file_that_is_not_the_pinned_one_is_refused(hub, tmp_path):
    files = {"config.json": [sha256(b"{}"), 2], "model.bin": [sha256(b"what it should be"), 7000]}
    answer = fetch(hub, tmp_path, files=files)
    assert answer.startswith("refused: model.bin is not the file that models/sources.yaml names")
    assert not (tmp_path / "tiny").exists()


def test_a_gated_model_without_a_token_says_how_to_get_one(hub, tmp_path):
    answer = fetch(hub, tmp_path, gated=True)
    assert "is gated and there is no token: accept the conditions on https://hf.co/someone/tiny" in answer
    assert hub.RequestHandlerClass.seen == []


def test_conditions_that_were_not_accepted_are_named(hub, tmp_path):
    hub.RequestHandlerClass.refusal = (403, "GatedRepo")
    answer = fetch(hub, tmp_path, gated=True, token="hf_fine")
    assert (
        "gives 'tiny' to nobody who has not accepted its conditions: open https://hf.co/someone/tiny"
        in answer
    )


def test_a_token_that_the_hub_does_not_know_is_named(hub, tmp_path):
    hub.RequestHandlerClass.refusal = (401, "RepoNotFound")
    answer = fetch(hub, tmp_path, gated=True, token="hf_wrong")
    assert answer.startswith("refused: HF_TOKEN is none that the hub knows, or there is no repository")


def test_a_hub_that_does_not_answer_is_said_at_once(hub, tmp_path):
    hub.shutdown()
    hub.server_close()
    answer = fetch(hub, tmp_path)
    assert "does not answer" in answer
    assert f"copy the model's folder from another machine to {tmp_path / 'tiny'} or pass its path" in answer
