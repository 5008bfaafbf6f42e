"""The upload client against the API itself, with a network in between that fails as told."""

import base64
import hashlib
import os

import httpx2
import pytest

from functions.ingest.api import respond
from functions.ingest.app import Services
from rem.cli.uploader import TRIES, Uploader
from rem.core.api_keys import Scope
from rem.core.errors import InputError, SetupError
from rem.core.tickets import read_ticket
from rem.library.intake import SMALL_BYTES, Intake
from rem.library.keyring import Keyring
from rem.library.library import Library
from rem.library.upload_parts import PART_BYTES
from tests.fakes import FakeApiKeys, FakeCatalog, FakeExecutions, FakeStore, FakeUploads
from tests.functions.requests import WAV, Answer, build_event

URL, SECRET = "http://rem.test:8787", "secret"


class Server:
    """The API on in-memory services, and parts taken in as the gateway does.

    Attributes:
        troubles: By number of the request, from 0: what happens instead; or, after "lost:", with its answer.
    """

    def __init__(self):
        self.store, self.catalog = FakeStore(), FakeCatalog()
        self.uploads, self.keyring = FakeUploads(self.store), Keyring(FakeApiKeys())
        self.requests, self.puts, self.waits_s = [], [], []
        self.troubles = {}
        _, self.key = self.keyring.add("me")
        self.now_s = 0

    def respond(self, request):
        number = len(self.requests)
        self.requests.append((request.method, request.url.path))
        trouble = self.troubles.get(number)
        if isinstance(trouble, httpx2.Response):
            return trouble
        body = request.read()
        if trouble == "damaged":
            body = body[:-1] + b"?"
        answer = self._put(request, body) if request.method == "PUT" else self._call(request, body)
        if trouble == "lost":
            raise httpx2.ReadError("the connection broke")
        return answer

    def _put(self, request, body):
        assert "x-api-key" not in request.headers
        ticket = read_ticket(request.url.path.removeprefix("/parts/"), SECRET, self.now_s)
        if ticket is None or ticket.upload_id not in self.uploads.parts:
            return httpx2.Response(403 if ticket is None else 404, json={"message": "no"})
        if request.headers["content-md5"] != base64.b64encode(hashlib.md5(body).digest()).decode():
            return httpx2.Response(400, json={"message": "the part was damaged"})
        assert int(request.headers["content-length"]) == len(body) == ticket.size_bytes
        self.puts.append(ticket.number)
        self.uploads.parts[ticket.upload_id][ticket.number] = body
        return httpx2.Response(200, headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def _call(self, request, body):
        intake = Intake(self.store, self.catalog, self.uploads, "bucket")
        library = Library(self.store, self.catalog)
        services = Services(library, intake, self.keyring, FakeExecutions(), self.uploads, SECRET)
        event = build_event(
            request.method,
            request.url.path,
            key=request.headers.get("x-api-key", ""),
            body=body,
            content_type=request.headers.get("content-type", ""),
        )
        event["headers"] |= {"Host": "rem.test:8787", "X-Forwarded-Proto": "http"}
        answer = Answer.from_event(respond(event, None, services))
        return httpx2.Response(answer.status, text=answer.text, headers=answer.headers)


@pytest.fixture
def server():
    return Server()


def send(server, path, key=None, on_progress=lambda sent_bytes: None):
    with httpx2.Client(transport=httpx2.MockTransport(server.respond)) as client:
        uploader = Uploader(client, f"{URL}/", key or server.key, "cli", sleep=server.waits_s.append)
        return uploader.upload(path, on_progress)


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "A talk (1).wav"
    path.write_bytes(WAV)
    return path


@pytest.fixture
def large(tmp_path):
    """Three parts, the last of 100 bytes."""
    path = tmp_path / "lecture.wav"
    path.write_bytes(WAV + os.urandom(2 * PART_BYTES + 100 - len(WAV)))
    return path


def stored(server):
    [content] = server.store.objects.values()
    return content


def test_small_file_goes_in_one_request(server, small):
    sent = send(server, small)
    assert server.requests == [("POST", "/ingest")]
    assert (sent.is_duplicate, sent.size_bytes) == (False, len(WAV))
    assert sent.recording_id == f"A-talk-1-{hashlib.sha256(WAV).hexdigest()[:8]}"
    assert stored(server) == WAV


def test_file_at_the_limit_goes_whole_and_a_byte_more_in_parts(server, tmp_path):
    for size_bytes, path in ((SMALL_BYTES, "/ingest"), (SMALL_BYTES + 1, "/uploads")):
        file = tmp_path / f"{size_bytes}.wav"
        file.write_bytes(WAV + bytes(size_bytes - len(WAV)))
        server.requests.clear()
        send(server, file)
        assert server.requests[0] == ("POST", path)


def test_large_file_arrives_whole(server, large):
    progress = []
    sent = send(server, large, on_progress=progress.append)
    assert stored(server) == large.read_bytes()
    assert server.puts == [1, 2, 3]
    assert progress == sorted(progress)
    assert progress[-1] == sent.size_bytes == large.stat().st_size


@pytest.mark.parametrize("file", ["small", "large"])
def test_second_time_is_a_duplicate(server, request, file):
    path = request.getfixturevalue(file)
    send(server, path)
    server.puts.clear()
    assert send(server, path).is_duplicate
    assert server.puts == []


def test_after_a_restart_only_missing_parts_are_sent(server, large):
    server.troubles = dict.fromkeys(range(2, 2 + TRIES), httpx2.Response(503))
    with pytest.raises(SetupError, match="repeat the command"):
        send(server, large)
    assert server.puts == [1]
    server.troubles.clear()
    send(server, large)
    assert server.puts == [1, 2, 3]
    assert stored(server) == large.read_bytes()


@pytest.mark.parametrize("lost", range(6))
def test_a_lost_answer_at_any_point_ends_in_one_recording(server, large, lost):
    server.troubles[lost] = "lost"
    send(server, large)
    assert stored(server) == large.read_bytes()
    assert len(server.catalog.records) == 1


def test_part_that_is_damaged_on_the_way_is_sent_again(server, large):
    server.troubles[1] = "damaged"
    send(server, large)
    assert stored(server) == large.read_bytes()


def test_upload_that_the_server_forgot_begins_anew(server, large):
    respond = server.respond

    def restart(request):
        if len(server.requests) == 2:
            server.uploads.parts.clear()
        return respond(request)

    server.respond = restart
    send(server, large)
    assert server.puts == [1, 1, 2, 3]
    assert stored(server) == large.read_bytes()


def test_server_that_forgets_every_time_is_given_up(server, large):
    respond = server.respond

    def forget(request):
        if request.method == "PUT":
            server.uploads.parts.clear()
        return respond(request)

    server.respond = forget
    with pytest.raises(SetupError, match="3 times"):
        send(server, large)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server, small, status):
    server.troubles[0] = httpx2.Response(status)
    assert not send(server, small).is_duplicate
    assert len(server.waits_s) == 1


def test_wait_is_what_the_server_asks_for(server, small):
    server.troubles[0] = httpx2.Response(503, headers={"Retry-After": "17"})
    server.troubles[1] = httpx2.Response(503, headers={"Retry-After": "Wed, 25 Nov 2026 08:00:00 GMT"})
    send(server, small)
    assert server.waits_s[0] == 17
    assert 0 <= server.waits_s[1] <= 2


@pytest.mark.parametrize("kind", ["wrong", "revoked", "another device's"])
def test_key_that_is_refused_is_not_tried_again(server, small, kind):
    key, text = server.keyring.add("me", scope=Scope.INGEST, device_id="badge-1")
    if kind == "revoked":
        server.keyring.revoke(key.key_id)
    with pytest.raises(SetupError, match="key"):
        send(server, small, key="rem_x" if kind == "wrong" else text)
    assert len(server.requests) == 1


def test_file_that_is_no_recording_is_refused_before_anything_is_sent(server, tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("not sound")
    with pytest.raises(InputError, match=r"notes\.wav is no recording: it is text"):
        send(server, path)
    assert server.requests == []


def test_file_that_is_not_there_is_named(server, tmp_path):
    with pytest.raises(InputError, match=r"gone\.wav"):
        send(server, tmp_path / "gone.wav")


def test_refusal_is_told_in_the_servers_words(server, small):
    server.troubles[0] = httpx2.Response(409, json={"message": "the id exists with other bytes"})
    with pytest.raises(InputError, match="other bytes"):
        send(server, small)


def test_server_that_is_none_of_ours_is_recognised(server, small):
    server.troubles[0] = httpx2.Response(200, text="<html>")
    with pytest.raises(SetupError, match="no REM server"):
        send(server, small)
