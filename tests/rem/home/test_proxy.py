import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from rem.home.proxy import HttpRequest, build_event, parse_answer


def request(**changes):
    known = {"method": "POST", "path": "/ingest", "query": "", "headers": [], "body": b"", "source_ip": "::1"}
    return HttpRequest(**{**known, **changes})


@given(st.binary(min_size=1))
def test_binary_content_arrives_as_it_was_sent(body):
    event = build_event(request(headers=[("Content-Type", "multipart/form-data; boundary=x")], body=body))
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == body


def test_text_is_not_encoded():
    event = build_event(request(headers=[("content-type", "application/json")], body='{"a":"é"}'.encode()))
    assert (event["body"], event["isBase64Encoded"]) == ('{"a":"é"}', False)


def test_an_absent_body_is_null():
    assert build_event(request())["body"] is None


def test_repeated_parameters_and_headers_keep_all_values_and_the_last_one_wins():
    event = build_event(request(query="a=1&a=2&b=", headers=[("X-A", "1"), ("X-A", "2")]))
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [""]}
    assert event["queryStringParameters"] == {"a": "2", "b": ""}
    assert event["multiValueHeaders"] == {"X-A": ["1", "2"]}


def test_path_is_decoded():
    event = build_event(request(path="/recordings/caf%C3%A9%2F.."))
    assert event["path"] == "/recordings/café/.."
    assert event["pathParameters"] == {"proxy": "recordings/café/.."}


@given(st.dictionaries(st.text(), st.text()), st.text(), st.binary())
def test_no_request_breaks_the_event(headers, path, body):
    json.dumps(build_event(request(path=path, query=path, headers=list(headers.items()), body=body)))


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_an_answer_of_another_shape_is_recognised(payload):
    assert parse_answer(payload) is None


def test_several_values_of_a_header_win_over_one():
    answer = parse_answer(b'{"statusCode":200,"headers":{"A":"1"},"multiValueHeaders":{"A":["2","3"]}}')
    assert answer is not None
    assert answer.headers == [("A", "2"), ("A", "3")]
