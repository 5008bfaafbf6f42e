import base64
import hashlib
import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from rem.adapters.s3 import S3Uploads
from rem.core.tickets import Ticket, write_ticket
from rem.home.gateway import MOST_BYTES, Gateway, Limits
from rem.home.parts import PartDoor
from rem.lambdas.function import LocalFunction
from rem.states.local_aws import LocalAws
from tests.rem.conftest import HANDLERS, LIMIT_S, TIMEOUT_S

SECRET = "a secret of this test"
BUCKET, KEY = "rem-recordings", "raw/me/badge-1/2026/11/24/talk (1).wav"


@dataclass
class Door:
    """A gateway, and what lies behind it."""

    aws: LocalAws
    port: int

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def ask_slowly(self, head, pieces=(), pause_s=0.0):
        """Send a request by hand, piece by piece; what comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S) as client:
            client.sendall(head)
            for piece in pieces:
                time.sleep(pause_s)
                try:
                    client.sendall(piece)
                except ConnectionError:
                    break
            return client.makefile("rb").read()


@pytest.fixture(scope="module")
def door():
    api = LocalFunction("api", "proxied.handler", HANDLERS, 256, TIMEOUT_S, takes_turns=False)
    with LocalAws([api]) as aws:
        aws.client("s3").create_bucket(Bucket=BUCKET)
        with open_door(aws, Limits(LIMIT_S, LIMIT_S, LIMIT_S)) as door:
            yield door


@pytest.fixture(scope="module")
def hasty_door(door):
    """One whose patience is short."""
    with open_door(door.aws, Limits(1.0, 0.5, 1.0)) as hasty:
        yield hasty


@contextmanager
def open_door(aws, limits):
    parts = PartDoor(S3Uploads(BUCKET, aws.client("s3")), SECRET)
    with Gateway(aws.pool, parts, limits=limits) as gateway:
        yield Door(aws, int(gateway.url.rsplit(":", 1)[1]))


def sentence(content):
    document = json.loads(content)
    assert document["success"] is False
    return document["message"]


def test_function_sees_the_request_as_api_gateway_shows_it(door):
    answer, content = door.ask("GET", "/recordings?limit=2", headers={"x-api-key": "k"})
    event = json.loads(content)
    assert answer.status == 200
    assert (event["httpMethod"], event["path"]) == ("GET", "/recordings")
    assert event["queryStringParameters"] == {"limit": "2"}
    assert {name.lower(): value for name, value in event["headers"].items()}["x-api-key"] == "k"
    assert event["headers"]["X-Forwarded-Proto"] == "http"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_binary_answer_and_repeated_headers_come_through(door):
    answer, content = door.ask("GET", "/binary")
    assert (answer.status, content) == (201, bytes(range(256)))
    assert answer.headers.get_all("X-Two") == ["a", "b"]
    assert answer.headers["Content-Length"] == "256"


def test_head_request_has_no_body(door):
    answer, content = door.ask("HEAD", "/recordings")
    assert (answer.status, content) == (200, b"")


def test_chunked_body_arrives_whole(door):
    body = bytes(range(256)) * 1000
    pieces = (body[i : i + 1000] for i in range(0, len(body), 1000))
    _, content = door.ask("POST", "/digest", pieces, {"Content-Type": "audio/wav"})
    assert json.loads(content) == [len(body), hashlib.sha256(body).hexdigest()]


def test_failing_function_is_a_502_that_tells_nothing_of_the_code(door):
    answer, content = door.ask("GET", "/fail")
    assert answer.status == 502
    assert "this function fails" not in sentence(content)


def test_answer_of_another_shape_is_a_502(door):
    assert door.ask("GET", "/shapeless")[0].status == 502


def test_slow_function_is_a_504_and_the_next_request_is_answered(door, hasty_door):
    answer, content = hasty_door.ask("GET", "/slow")
    assert answer.status == 504
    assert answer.headers["Retry-After"] == "5"
    assert "1 s" in sentence(content)
    assert door.ask("GET", "/recordings")[0].status == 200


def test_body_over_the_limit_is_refused_by_its_length_and_names_the_way_out(door):
    answer, content = door.ask("POST", "/ingest", b"x" * (MOST_BYTES + 1))
    assert answer.status == 413
    assert "POST /uploads" in sentence(content)


def test_body_over_the_limit_is_refused_where_no_length_is_told(door):
    answer, _ = door.ask("POST", "/ingest", (b"x" * 2**20 for _ in range(11)))
    assert answer.status == 413


def test_body_that_stops_is_a_408(hasty_door):
    head = b"POST /ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc"
    assert hasty_door.ask_slowly(head).startswith(b"HTTP/1.1 408 ")


def test_body_that_drips_is_a_408(hasty_door):
    head = b"POST /ingest HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"
    assert hasty_door.ask_slowly(head, [b"x"] * 30, pause_s=0.1).startswith(b"HTTP/1.1 408 ")


def test_broken_chunks_are_a_400(door):
    head = b"POST /ingest HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    assert door.ask_slowly(head).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("length", ["-1", "ten", "1e3"])
def test_length_that_is_no_number_is_a_400(door, length):
    head = f"POST /ingest HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n".encode()
    assert door.ask_slowly(head).startswith(b"HTTP/1.1 400 ")


def test_taken_port_goes_up_to_the_caller(door):
    with pytest.raises(OSError, match="in use"):
        Gateway(door.aws.pool, port=door.port)


def test_many_clients_are_served_at_once(door):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: door.ask("GET", f"/{number}"), range(8)))
    assert [json.loads(content)["path"] for _, content in answers] == [f"/{number}" for number in range(8)]


@pytest.fixture
def upload(door):
    s3 = door.aws.client("s3")
    upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key=KEY)["UploadId"]
    yield upload_id
    s3.abort_multipart_upload(Bucket=BUCKET, Key=KEY, UploadId=upload_id)


def part_path(upload_id, size_bytes, secret=SECRET, lasts_s=3600):
    ticket = Ticket(KEY, upload_id, 1, size_bytes, int(time.time()) + lasts_s)
    return f"/parts/{write_ticket(ticket, secret)}"


def list_parts(door, upload_id):
    return door.aws.client("s3").list_parts(Bucket=BUCKET, Key=KEY, UploadId=upload_id).get("Parts", [])


def test_part_lies_in_s3_and_answers_its_etag(door, upload):
    content = bytes(range(256)) * 40_000  # 10 MB and a bit: parts are not held to the limit of requests
    answer, _ = door.ask("PUT", part_path(upload, len(content)), content)
    [part] = list_parts(door, upload)
    assert answer.status == 200
    assert answer.headers["ETag"] == part["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert part["Size"] == len(content)


@pytest.mark.parametrize(
    "path",
    [
        part_path("u", 3, secret="another"),
        part_path("u", 3, lasts_s=-1),
        "/parts/",
        "/parts/e30.e30",
        "/parts/%00.%ff",
    ],
)
def test_part_without_a_good_ticket_is_refused(door, path):
    answer, content = door.ask("PUT", path, b"abc")
    assert answer.status == 403
    assert "GET /uploads/" in sentence(content)


@pytest.mark.parametrize("content", [b"ab", b"abcd"])
def test_part_of_another_size_is_refused(door, upload, content):
    answer, _ = door.ask("PUT", part_path(upload, 3), content)
    assert answer.status == 400
    assert list_parts(door, upload) == []


def test_damaged_part_is_refused_and_not_stored(door, upload):
    digest = base64.b64encode(hashlib.md5(b"abd").digest()).decode()
    answer, content = door.ask("PUT", part_path(upload, 3), b"abc", {"Content-MD5": digest})
    assert answer.status == 400
    assert "damaged" in sentence(content)
    assert list_parts(door, upload) == []


def test_part_that_breaks_off_is_not_stored(door, hasty_door, upload):
    head = f"PUT {part_path(upload, 100)} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc".encode()
    assert hasty_door.ask_slowly(head).startswith(b"HTTP/1.1 408 ")
    assert list_parts(door, upload) == []


def test_part_of_an_upload_that_has_ended_is_a_404(door):
    answer, content = door.ask("PUT", part_path("gone", 3), b"abc")
    assert answer.status == 404
    assert "POST /uploads" in sentence(content)


def test_part_needs_put_and_a_length(door, upload):
    assert door.ask("POST", part_path(upload, 3), b"abc")[0].status == 405
    assert door.ask("PUT", part_path(upload, 3), iter([b"abc"]))[0].status == 411
