"""API Gateway's part: what the api function is handed, what goes back, and what never reaches it."""

import base64
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from rem.localaws import gateway
from rem.localaws.gateway import Gateway
from tests.rem.localaws.conftest import function, runtime

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served():
    functions = [function("mirror", timeout_s=2.0)]
    with runtime(*functions, max_sandboxes=4) as lambdas, Gateway(lambdas, function="mirror") as started:
        yield started


def mirrored(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_text_arrives_as_text_and_bytes_as_base64(served):
    text = mirrored(httpx2.post(f"{served.url}/a", json={"ä": 1}))
    assert json.loads(text["body"]) == {"ä": 1}
    assert text["isBase64Encoded"] is False
    sound = mirrored(
        httpx2.post(f"{served.url}/a", content=b"\x00\xff", headers={"content-type": "audio/wav"})
    )
    assert base64.b64decode(sound["body"]) == b"\x00\xff"
    assert sound["isBase64Encoded"] is True


def test_path_query_and_headers_arrive_as_they_were_sent(served):
    url = f"{served.url}/recordings/caf%C3%A9?limit=2&tag=a&tag=b&empty="
    event = mirrored(httpx2.get(url, headers={"x-api-key": "k"}))
    assert event["path"] == "/recordings/café"
    assert event["httpMethod"] == "GET"
    assert event["queryStringParameters"]["limit"] == "2"
    assert event["multiValueQueryStringParameters"]["tag"] == ["a", "b"]
    assert event["queryStringParameters"]["empty"] == ""
    assert event["headers"]["X-Api-Key"] == "k"
    assert event["body"] is None
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_status_headers_and_bytes_come_back(served):
    answer = {
        "statusCode": 418,
        "headers": {"X-One": "1"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": base64.b64encode(b"\x01\x02").decode(),
        "isBase64Encoded": True,
    }
    got = httpx2.post(f"{served.url}/say", json=answer)
    assert got.status_code == 418
    assert got.content == b"\x01\x02"
    assert got.headers["x-one"] == "1"
    assert got.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_a_request_beyond_the_quota_is_refused_unread(served, monkeypatch):
    monkeypatch.setattr(gateway, "LARGEST_BYTES", 1000)
    assert mirrored(httpx2.post(f"{served.url}/a", content=b"x" * 1000))
    refused = httpx2.post(f"{served.url}/a", content=b"x" * 1001)
    assert refused.status_code == 413
    assert "POST /uploads" in refused.json()["message"]


def test_a_request_of_unknown_length_is_refused(served):
    assert httpx2.post(f"{served.url}/a", content=iter([b"a", b"b"])).status_code == 411


def test_a_function_that_fails_or_takes_too_long_is_not_the_clients_fault(served):
    assert httpx2.get(f"{served.url}/fail").status_code == 502
    assert httpx2.get(f"{served.url}/sleep", timeout=20).status_code == 504
    assert mirrored(httpx2.get(f"{served.url}/a"))


def test_a_client_that_stops_sending_is_given_up(served, monkeypatch):
    monkeypatch.setattr(gateway._Handler, "timeout", 0.3)
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
        assert b" 408 " in client.recv(1000)


def test_many_clients_are_served_at_once(served):
    start = threading.Barrier(8)

    def ask(number):
        start.wait()
        return mirrored(httpx2.get(f"{served.url}/{number}"))["path"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [f"/{number}" for number in range(8)]


def test_an_address_that_is_taken_is_an_error(served):
    port = int(served.url.rsplit(":", 1)[1])
    with runtime("echo") as lambdas, pytest.raises(OSError, match="in use"):
        Gateway(lambdas, port=port)
