"""Requests as API Gateway hands them to the function: the captured event, filled in."""

import base64
import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urllib3.filepost import encode_multipart_formdata

CAPTURED = json.loads((Path(__file__).parents[1] / "events" / "api-request.json").read_text())
WAV = b"RIFF\xff\xff\xff\xffWAVEfmt \x14\x00\x00\x00\x11\x00\x01\x00\x80>\x00\x00" + bytes(100)


def build_event(method, path, *, key="", body=b"", content_type="", query=None):
    event: dict[str, Any] = copy.deepcopy(CAPTURED)
    headers = {"x-api-key": key, **({"Content-Type": content_type} if content_type else {})}
    event |= {"path": path, "httpMethod": method, "queryStringParameters": query}
    event["multiValueQueryStringParameters"] = {
        name: [value] for name, value in (query or {}).items()
    } or None
    event["headers"] |= headers
    event["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    if content_type.startswith("multipart/"):
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    elif body:
        event["body"] = body.decode()
    return event


def build_form(audio=WAV, *, field="audio", **fields):
    """Body and content type of a form; None leaves a field out."""
    parts = {"deviceId": "badge-1", "startedAt": "2026-11-24T09:30:00Z", **fields}
    form = {name: value for name, value in parts.items() if value is not None}
    if audio is not None:
        form[field] = ("upload.bin", audio, "application/octet-stream")
    return encode_multipart_formdata(form)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @classmethod
    def from_event(cls, event):
        headers = {name.lower(): value[0] for name, value in event.get("multiValueHeaders", {}).items()}
        return cls(event["statusCode"], headers, event["body"])

    @property
    def json(self):
        return json.loads(self.text)
