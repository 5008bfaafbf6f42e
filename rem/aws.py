"""The pipeline's only contact with AWS: S3 store, DynamoDB catalog, Step Functions starter."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from rem.core.errors import BusyError
from rem.core.jobs import Status
from rem.core.recordings import Recording
from rem.ports import Head, Json

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

CLIENT = Config(retries={"max_attempts": 4, "mode": "standard"}, s3={"addressing_style": "path"})
THROTTLES = {
    "SlowDown",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
}


@functools.cache
def s3_client() -> S3Client:
    return boto3.client("s3", config=CLIENT)


@functools.cache
def dynamodb_client() -> DynamoDBClient:
    return boto3.client("dynamodb", config=CLIENT)


@functools.cache
def sfn_client() -> SFNClient:
    return boto3.client("stepfunctions", config=CLIENT)


def _raise_if_busy(error: ClientError, what: str) -> None:
    if error.response["Error"]["Code"] in THROTTLES:
        raise BusyError(f"{what}: {error}") from error


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
            _raise_if_busy(error, f"looking for {key}")
            raise
        return True

    def read_head(self, key: str) -> Head:
        head = self._client.head_object(Bucket=self.bucket, Key=key)
        return Head(head["ETag"].strip('"'), head["Metadata"])

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


class DynamoCatalog:
    """rem.ports.Catalog on one table: PK userId, SK recordingId."""

    def __init__(self, table: str, client: DynamoDBClient | None = None) -> None:
        self.table = table
        self._client = client or dynamodb_client()

    def advance(self, recording: Recording, status: Status, fields: Mapping[str, Any]) -> bool:
        """One conditional update: `statusRank` only grows, so events may arrive late or twice."""
        values = {
            "deviceId": recording.device_id,
            "startedAt": recording.started_at,
            "key": recording.key,
            "status": status.value,
            "statusRank": status.rank,
            **fields,
        }
        names = {f"#{i}": name for i, name in enumerate(values)}
        try:
            self._client.update_item(
                TableName=self.table,
                Key={"userId": {"S": recording.user_id}, "recordingId": {"S": recording.recording_id}},
                UpdateExpression="SET " + ", ".join(f"{short}=:{short[1:]}" for short in names),
                ConditionExpression="attribute_not_exists(statusRank) OR statusRank <= :rank",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={
                    **{f":{i}": _to_attribute(value) for i, value in enumerate(values.values())},
                    ":rank": {"N": str(status.rank)},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            _raise_if_busy(error, f"updating {recording.recording_id}")
            raise
        return True

    def read(self, user_id: str, recording_id: str) -> Json | None:
        key = {"userId": {"S": user_id}, "recordingId": {"S": recording_id}}
        item = self._client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        return None if item is None else {name: _from_attribute(value) for name, value in item.items()}


def _from_attribute(attribute: Any) -> Any:
    """A DynamoDB attribute as a JSON value; the counterpart of `_to_attribute`."""
    [(kind, value)] = attribute.items()
    match kind:
        case "NULL":
            return None
        case "N":
            return float(value) if set(value) & set(".eE") else int(value)
        case "L":
            return [_from_attribute(item) for item in value]
        case "M":
            return {name: _from_attribute(item) for name, item in value.items()}
        case _:
            return value


def _to_attribute(value: Any) -> Any:
    """A JSON value as a DynamoDB attribute; DynamoDB knows no floats, only decimal numbers."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float() | Decimal():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case list() | tuple():
            return {"L": [_to_attribute(item) for item in value]}
        case dict():
            return {"M": {str(k): _to_attribute(v) for k, v in value.items()}}
        case _:
            raise TypeError(f"{type(value).__name__} cannot be stored in DynamoDB")


def start_execution(
    machine_arn: str, name: str, event: Mapping[str, Any], client: SFNClient | None = None
) -> bool:
    """Start an execution under its deterministic name; False where it exists already, which is success."""
    sfn = client or sfn_client()
    try:
        sfn.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(event, sort_keys=True))
    except sfn.exceptions.ExecutionAlreadyExists:
        return False
    except ClientError as error:
        _raise_if_busy(error, f"starting {name}")
        raise
    return True
