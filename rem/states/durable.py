"""A layer in front of moto's S3 and DynamoDB: a write is in the data folder before it is answered.

S3's events go out after that, so that nobody works on what a crash could still take away. moto reads contents
from the folder, so that they leave memory. Uploads in parts stay in memory until they are complete.
"""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

from moto.s3 import notifications
from moto.s3.models import s3_backends
from werkzeug.test import Client

from rem.adapters.folder import DataFolder, StoredBody, StoredObject
from rem.lambdas.function import ACCOUNT, REGION

Environ = dict[str, Any]
SINGLE_WRITES = ("PutItem", "UpdateItem", "DeleteItem")
BATCH_WRITES = ("BatchWriteItem", "TransactWriteItems", "ExecuteStatement", "ExecuteTransaction")
# A request on an object with one of these in its query does not write the object itself.
ELSEWHERE = {"partNumber", "tagging", "acl", "retention", "legal-hold", "uploads", "select", "restore"}
AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/{{}}/aws4_request, SignedHeaders=host, Signature=x"
)
log = logging.getLogger(__name__)
_waiting = threading.local()
_send_event = notifications.send_event


def _send_or_wait(*event: Any, **more: Any) -> None:
    """Send one of S3's events, or hold it back while the write that caused it is not on the disk yet."""
    waiting: list[Callable[[], None]] | None = getattr(_waiting, "events", None)
    if waiting is None:
        _send_event(*event, **more)
    else:
        waiting.append(lambda: _send_event(*event, **more))


class Durable:
    """A WSGI application that keeps what moto's application writes."""

    def __init__(self, application: Any, folder: DataFolder) -> None:
        self._application, self._folder = application, folder
        self._client, self._table_lock = Client(application), threading.Lock()
        self._key_names: dict[str, list[str]] = {}
        notifications.send_event = _send_or_wait

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        operation = target.rpartition(".")[2]
        if target.startswith("DynamoDB_") and operation in SINGLE_WRITES:
            return self._write_item(environ, start_response, operation)
        if target.startswith("DynamoDB_") and operation in BATCH_WRITES:
            return _refuse(
                start_response, f"{operation} is not kept by the local server: write items one by one"
            )
        if not target and _is_s3(environ) and (keys := list(_find_written(environ))):
            return self._write_objects(environ, start_response, keys)
        answer: Iterable[bytes] = self._application(environ, start_response)
        return answer

    def restore(self) -> tuple[int, int]:
        """Put what the folder has into moto's empty bucket and tables; return how many objects and items."""
        objects = 0
        for stored in self._folder.objects.read_all():
            key = _backend().put_object(stored.bucket, stored.key, b"", disable_notification=True)
            key.set_metadata(dict(stored.metadata), replace=True)
            key.last_modified = datetime.fromisoformat(stored.modified)
            self._lend_body(key, stored)
            objects += 1
        items = self._folder.items.read_all()
        count = 0
        for table, item in items:
            self._call_table("PutItem", {"TableName": table, "Item": item})
            count += 1
        return objects, count

    # Objects

    def _write_objects(
        self, environ: Environ, start_response: Callable[..., Any], keys: list[tuple[str, str]]
    ) -> Iterable[bytes]:
        before = {place: _backend().get_object(*place) for place in keys} if _bucket_exists(keys) else {}
        _waiting.events = []
        try:
            status, headers, body = self._run(environ)
            if status.startswith("2"):
                try:
                    for bucket, key in keys:
                        self._keep(bucket, key)
                except OSError as error:
                    _put_back(before)
                    return _answer(
                        start_response, "507 Insufficient Storage", _s3_error(error), "application/xml"
                    )
                for send in _waiting.events:
                    send()
        finally:
            _waiting.events = None
        start_response(status, headers)
        return [body]

    def _keep(self, bucket: str, name: str) -> None:
        key = _backend().get_object(bucket, name)
        if key is None:
            self._folder.objects.remove(bucket, name)
            return
        modified, metadata = key.last_modified.isoformat(), {k: str(v) for k, v in key.metadata.items()}
        etag = key.etag.strip('"')
        stored = StoredObject(bucket, name, key.contentsize, etag, modified, metadata)
        self._folder.objects.write(stored, key.value)
        self._lend_body(key, stored)

    def _lend_body(self, key: Any, stored: StoredObject) -> None:
        """Let moto's object read its content from the folder."""
        with key.lock:
            key._value_buffer.close()
            key._value_buffer = StoredBody(self._folder.objects.path_of(stored.bucket, stored.key))
            key._etag, key.contentsize, key.multipart = stored.etag, stored.size_bytes, None

    # Tables

    def _write_item(
        self, environ: Environ, start_response: Callable[..., Any], operation: str
    ) -> Iterable[bytes]:
        """Run one write at a time, so that the folder has them in the order in which they were answered."""
        request = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(request)
        asked = json.loads(request)
        with self._table_lock:
            key = asked.get("Key") or self._read_key(asked["TableName"], asked["Item"])
            before = self._read_item(asked["TableName"], key)
            status, headers, body = self._run(environ)
            if status.startswith("200"):
                try:
                    self._folder.items.put(asked["TableName"], key, self._read_item(asked["TableName"], key))
                except sqlite3.Error as error:
                    self._put_item_back(asked["TableName"], key, before)
                    return _answer(start_response, "500 Internal Server Error", _table_error(error))
        start_response(status, headers)
        return [body]

    def _read_key(self, table: str, item: dict[str, Any]) -> dict[str, Any]:
        if table not in self._key_names:
            described = self._call_table("DescribeTable", {"TableName": table}).get("Table", {})
            names = [part["AttributeName"] for part in described.get("KeySchema", [])]
            self._key_names[table] = names
        return {name: item[name] for name in self._key_names[table] if name in item}

    def _read_item(self, table: str, key: dict[str, Any]) -> dict[str, Any] | None:
        asked = {"TableName": table, "Key": key, "ConsistentRead": True}
        item: dict[str, Any] | None = self._call_table("GetItem", asked).get("Item")
        return item

    def _put_item_back(self, table: str, key: dict[str, Any], before: dict[str, Any] | None) -> None:
        if before is None:
            self._call_table("DeleteItem", {"TableName": table, "Key": key})
        else:
            self._call_table("PutItem", {"TableName": table, "Item": before})

    def _call_table(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Ask moto itself, past the folder."""
        answer = self._client.post(
            "/",
            data=json.dumps(asked),
            headers={
                "X-Amz-Target": f"DynamoDB_20120810.{operation}",
                "Content-Type": "application/x-amz-json-1.0",
                "Authorization": AUTHORIZATION.format("dynamodb"),
            },
        )
        document: dict[str, Any] = json.loads(answer.data)
        return document

    def _run(self, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
        said: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            said.update(status=status, headers=headers)

        body = b"".join(self._application(environ, start_response))
        return said["status"], said["headers"], body


def uninstall() -> None:
    """Give moto its own function for S3's events back."""
    notifications.send_event = _send_event


def _backend() -> Any:
    return s3_backends[ACCOUNT]["aws"]


def _bucket_exists(keys: list[tuple[str, str]]) -> bool:
    return keys[0][0] in _backend().buckets


def _put_back(before: dict[tuple[str, str], Any]) -> None:
    """Put back the objects that were there before a write that the disk refused."""
    for (bucket, name), key in before.items():
        keys = _backend().buckets[bucket].keys
        if key is not None:
            keys.setlist(name, [key])
        elif name in keys:
            keys.pop(name)


def _is_s3(environ: Environ) -> bool:
    """Tell an S3 request by the scope of its signature, in the header or in a presigned URL's query."""
    signed = environ.get("HTTP_AUTHORIZATION", "") + environ.get("QUERY_STRING", "").replace("%2F", "/")
    return "/s3/aws4_request" in signed


def _find_written(environ: Environ) -> Iterator[tuple[str, str]]:
    """Find bucket and key of every object that the request writes, completes or deletes."""
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    key = key.encode("latin1").decode()
    method = environ["REQUEST_METHOD"]
    if method == "POST" and "delete" in query and not key:
        request = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(request)
        for element in ElementTree.fromstring(request).iter():
            if element.tag.rpartition("}")[2] == "Key":
                yield bucket, element.text or ""
    elif not key or query.keys() & ELSEWHERE:
        return
    elif method in ({"POST"} if "uploadId" in query else {"PUT", "DELETE"}):
        yield bucket, key


def _answer(
    start_response: Callable[..., Any], status: str, body: bytes, kind: str = "application/x-amz-json-1.0"
) -> list[bytes]:
    log.error("%s: %s", status, body.decode())
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def _refuse(start_response: Callable[..., Any], message: str) -> list[bytes]:
    body = json.dumps({"__type": "ValidationException", "message": message}).encode()
    return _answer(start_response, "400 Bad Request", body)


def _s3_error(error: OSError) -> bytes:
    message = f"The data folder cannot be written: {error.strerror}"
    return f"<Error><Code>InsufficientStorage</Code><Message>{message}</Message></Error>".encode()


def _table_error(error: sqlite3.Error) -> bytes:
    message = f"The data folder cannot be written: {error}"
    return json.dumps({"__type": "InternalServerError", "message": message}).encode()
