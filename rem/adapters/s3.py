"""Objects and uploads in parts on S3."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from rem.adapters.clients import raise_if_busy, s3_client
from rem.core import Json
from rem.core.errors import SetupError
from rem.ports import ObjectHead, ObjectVersion, StoredPart

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DELETE_BATCH = 1000  # objects in one request, S3's most


class S3Store:
    """rem.ports.Store on one bucket."""

    def __init__(self, bucket: str, client: S3Client | None = None) -> None:
        self.bucket = bucket
        self._client = client or s3_client()

    def exists(self, key: str) -> bool:
        try:
            self._client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return False
            raise_if_busy(error, f"looking for {key}")
            raise
        return True

    def read_head(self, key: str) -> ObjectHead:
        head = self._client.head_object(Bucket=self.bucket, Key=key)
        return ObjectHead(head["ETag"].strip('"'), head["Metadata"])

    def read_json(self, key: str) -> Json:
        document: Json = json.loads(self.read_bytes(key))
        return document

    def read_bytes(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        if end is not None and end <= start:
            return b""
        span = "" if end is None else str(end - 1)
        return self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes={start}-{span}")[
            "Body"
        ].read()

    def write_json(self, key: str, document: Mapping[str, Any]) -> None:
        self.write_bytes(key, json.dumps(document, ensure_ascii=False).encode(), "application/json")

    def write_bytes(self, key: str, content: bytes, content_type: str) -> None:
        self._client.put_object(Bucket=self.bucket, Key=key, Body=content, ContentType=content_type)

    def download(self, key: str, path: Path) -> None:
        self._client.download_file(self.bucket, key, str(path))

    def upload(self, path: Path, key: str, content_type: str) -> None:
        self._client.upload_file(str(path), self.bucket, key, ExtraArgs={"ContentType": content_type})

    def create(self, key: str, content: bytes, content_type: str, metadata: Mapping[str, str]) -> bool:
        try:
            self._client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=content,
                ContentType=content_type,
                Metadata=metadata,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise_if_busy(error, f"writing {key}")
            raise
        return True

    def find_versions(self, prefix: str) -> list[ObjectVersion]:
        """Find versions and delete markers: on a versioned bucket a plain delete keeps the content."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        return [
            ObjectVersion(found["Key"], found["VersionId"])
            for page in pages
            for found in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]

    def delete(self, versions: Sequence[ObjectVersion]) -> None:
        for first in range(0, len(versions), DELETE_BATCH):
            batch = versions[first : first + DELETE_BATCH]
            delete: Any = {"Objects": [{"Key": v.key, "VersionId": v.version} for v in batch], "Quiet": True}
            answer = self._client.delete_objects(Bucket=self.bucket, Delete=delete)
            if kept := answer.get("Errors"):
                raise PermissionError(f"S3 keeps {kept[0].get('Key')}: {kept[0].get('Message')}")


class S3Uploads:
    """rem.ports.Uploads on one bucket."""

    def __init__(self, bucket: str, client: S3Client | None = None) -> None:
        self.bucket = bucket
        self._client = client or s3_client()

    def start(self, key: str, content_type: str, metadata: Mapping[str, str]) -> str:
        answer = self._client.create_multipart_upload(
            Bucket=self.bucket, Key=key, ContentType=content_type, Metadata=metadata
        )
        return answer["UploadId"]

    def sign_part(self, key: str, upload_id: str, number: int, expires_s: int) -> str:
        return self._client.generate_presigned_url(
            "upload_part",
            Params={"Bucket": self.bucket, "Key": key, "UploadId": upload_id, "PartNumber": number},
            ExpiresIn=expires_s,
        )

    def put_part(self, key: str, upload_id: str, number: int, content: bytes) -> str | None:
        try:
            answer = self._client.upload_part(
                Bucket=self.bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=content
            )
        except (ClientError, BotoCoreError) as error:
            if self.list_parts(key, upload_id) is None:  # moto's answer to the PUT is a 500
                return None
            raise OSError(f"part {number} of {key} cannot be stored: {error}") from error
        return answer["ETag"].strip('"')

    def list_parts(self, key: str, upload_id: str) -> Sequence[StoredPart] | None:
        pages = self._client.get_paginator("list_parts").paginate(
            Bucket=self.bucket, Key=key, UploadId=upload_id
        )
        try:
            found = [part for page in pages for part in page.get("Parts", [])]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchUpload":
                return None
            raise_if_busy(error, f"listing the parts of {key}")
            raise
        return [StoredPart(p["PartNumber"], p["ETag"].strip('"'), p["Size"]) for p in found]

    def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> None:
        chosen: Any = {"Parts": [{"PartNumber": p.number, "ETag": f'"{p.etag}"'} for p in parts]}
        self._client.complete_multipart_upload(
            Bucket=self.bucket, Key=key, UploadId=upload_id, MultipartUpload=chosen
        )

    def abort(self, key: str, upload_id: str) -> None:
        try:
            self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise_if_busy(error, f"aborting {key}")
                raise


def read_texts(url: str, client: S3Client | None = None) -> dict[str, str]:
    """Read the texts that lie directly under an S3 prefix, by file name.

    Args:
        url: s3://BUCKET/PREFIX

    Raises:
        SetupError: the prefix cannot be read.
    """
    s3 = client or s3_client()
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    folder = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder, Delimiter="/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"] != folder]
        return {
            key.removeprefix(folder): s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
            for key in keys
        }
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError):
            raise_if_busy(error, f"reading {url}")
        raise SetupError(f"{url} cannot be read: {error}") from error
