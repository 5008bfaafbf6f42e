"""The pipeline's only contact with AWS: S3 store, DynamoDB catalog, Step Functions starter."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rem.core.errors import BusyError, InputError, SetupError
from rem.core.jobs import Status
from rem.core.keyring import Key
from rem.core.recordings import Recording
from rem.ports import Head, Json, Page, StoredPart

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

CLIENT = Config(retries={"max_attempts": 4, "mode": "standard"}, s3={"addressing_style": "path"})
THROTTLES = {
    "SlowDown",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
}
FINISHED = (Status.COMPLETE, Status.ERROR)
USER_INDEX, DEVICE_INDEX, SESSION_INDEX = "UserTimeIndex", "DeviceTimeIndex", "SessionIndex"
DELETE_BATCH = 1000  # S3's most
FIRST_MOMENT = "0"  # DynamoDB compares with no empty key
OPEN_INDEX = "OpenIndex"  # sparse: only records that carry `open` are in it, see docs/adr/0017
HISTORY_PAGE = 200


@functools.cache
def s3_client() -> S3Client:
    return boto3.client("s3", config=CLIENT.merge(Config(signature_version="s3v4")))  # presigned as well


@functools.cache
def dynamodb_client() -> DynamoDBClient:
    return boto3.client("dynamodb", config=CLIENT)


@functools.cache
def sfn_client() -> SFNClient:
    return boto3.client("stepfunctions", config=CLIENT)


@functools.cache
def sqs_client() -> SQSClient:
    return boto3.client("sqs", config=CLIENT)


@functools.cache
def sns_client() -> Any:
    return boto3.client("sns", config=CLIENT)


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
            _raise_if_busy(error, f"writing {key}")
            raise
        return True

    def list_keys(self, prefix: str) -> list[str]:
        return list(dict.fromkeys(key for key, _ in self._list_versions(prefix)))

    def delete(self, keys: Sequence[str]) -> None:
        """With all versions and delete markers: on a versioned bucket a plain delete keeps the content."""
        for key in keys:
            versions = [(found, version) for found, version in self._list_versions(key) if found == key]
            for first in range(0, len(versions), DELETE_BATCH):
                batch: Any = [{"Key": k, "VersionId": v} for k, v in versions[first : first + DELETE_BATCH]]
                delete: Any = {"Objects": batch, "Quiet": True}
                answer = self._client.delete_objects(Bucket=self.bucket, Delete=delete)
                if kept := answer.get("Errors"):
                    raise PermissionError(f"S3 keeps {kept[0].get('Key')}: {kept[0].get('Message')}")

    def _list_versions(self, prefix: str) -> Iterator[tuple[str, str]]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield version["Key"], version["VersionId"]


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

    def list_parts(self, key: str, upload_id: str) -> Sequence[StoredPart] | None:
        pages = self._client.get_paginator("list_parts").paginate(
            Bucket=self.bucket, Key=key, UploadId=upload_id
        )
        try:
            found = [part for page in pages for part in page.get("Parts", [])]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchUpload":
                return None
            _raise_if_busy(error, f"listing the parts of {key}")
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
                _raise_if_busy(error, f"aborting {key}")
                raise


def read_texts(url: str, client: S3Client | None = None) -> dict[str, str]:
    """The texts that lie directly under an S3 prefix, by file name.

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
            _raise_if_busy(error, f"reading {url}")
        raise SetupError(f"{url} cannot be read: {error}") from error


class DynamoCatalog:
    """rem.ports.Catalog on one table: PK userId, SK recordingId."""

    def __init__(self, table: str, client: DynamoDBClient | None = None) -> None:
        self.table = table
        self._client = client or dynamodb_client()

    def advance(self, recording: Recording, status: Status, fields: Mapping[str, Any]) -> bool:
        """One conditional update: `statusRank` only grows, so events may arrive late or twice.

        An unfinished record is in OPEN_INDEX, and work that goes on clears an earlier error.
        """
        values = {
            **_identify(recording),
            "status": status.value,
            "statusRank": status.rank,
            **fields,
            **({} if status is Status.ERROR else {"error": None}),
        }
        return self._update(
            _build_key(recording.user_id, recording.recording_id),
            values,
            "attribute_not_exists(statusRank) OR statusRank <= :rank",
            {":rank": {"N": str(status.rank)}},
        )

    def replace(self, recording: Recording, seen: Json | None, fields: Mapping[str, Any]) -> bool:
        """Every write changes `updatedAt`, so it tells whether the record is still as it was seen."""
        key = _build_key(recording.user_id, recording.recording_id)
        if seen is None or "updatedAt" not in seen:
            return self._update(key, {**_identify(recording), **fields}, "attribute_not_exists(updatedAt)")
        return self._update(key, fields, "updatedAt = :seen", {":seen": {"S": seen["updatedAt"]}})

    def read_open(self, before: str, limit: int) -> list[Json]:
        answer = self._client.query(
            TableName=self.table,
            IndexName=OPEN_INDEX,
            KeyConditionExpression="#open = :open AND updatedAt < :before",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues={":open": {"S": "yes"}, ":before": {"S": before}},
            Limit=limit,
        )
        return [_from_item(item) for item in answer["Items"]]

    def set_fields(self, user_id: str, recording_id: str, fields: Mapping[str, Any]) -> bool:
        return self._update(_build_key(user_id, recording_id), fields, "attribute_exists(recordingId)")

    def find(
        self,
        user_id: str,
        *,
        device_id: str | None = None,
        session_id: str | None = None,
        since: str = "",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """One query of one index. Two users' devices and sessions may have one name: a filter parts them."""
        if session_id is not None:
            index, partition = SESSION_INDEX, {"sessionId": session_id}
        elif device_id is not None:
            index, partition = DEVICE_INDEX, {"deviceId": device_id}
        else:
            index, partition = USER_INDEX, {"userId": user_id}
        [(name, value)] = partition.items()
        values = {":partition": {"S": value}, ":since": {"S": since or FIRST_MOMENT}}
        more: dict[str, Any] = {}
        if index != USER_INDEX:
            more["FilterExpression"] = "userId = :user"
            values[":user"] = {"S": user_id}
        if cursor is not None:
            started_at, recording_id = parse_cursor(cursor)
            start = {"userId": user_id, "recordingId": recording_id, "startedAt": started_at, **partition}
            more["ExclusiveStartKey"] = {field: {"S": text} for field, text in start.items()}
        answer = self._client.query(
            TableName=self.table,
            IndexName=index,
            KeyConditionExpression=f"{name} = :partition AND startedAt >= :since",
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=limit,
            **more,
        )
        last = answer.get("LastEvaluatedKey")
        after = build_cursor(last["startedAt"]["S"], last["recordingId"]["S"]) if last else None
        return Page([_from_item(item) for item in answer["Items"]], after)

    def delete(self, user_id: str, recording_id: str) -> bool:
        answer = self._client.delete_item(
            TableName=self.table, Key=_build_key(user_id, recording_id), ReturnValues="ALL_OLD"
        )
        return bool(answer.get("Attributes"))

    def _update(
        self,
        key: Mapping[str, Any],
        fields: Mapping[str, Any],
        condition: str,
        condition_values: Mapping[str, Any] | None = None,
    ) -> bool:
        """Set fields (None removes one) where the condition holds; keep `updatedAt` and `open` true."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        fields = {**fields, "updatedAt": now}
        if "status" in fields:
            fields["open"] = None if fields["status"] in FINISHED else "yes"
        names = {f"#{i}": name for i, name in enumerate(fields)}
        kept = {f":{short[1:]}": fields[name] for short, name in names.items() if fields[name] is not None}
        removed = [short for short, name in names.items() if fields[name] is None]
        expression = "SET " + ", ".join(f"#{value[1:]}={value}" for value in kept)
        expression += ", createdAt=if_not_exists(createdAt, :now)"
        if removed:
            expression += " REMOVE " + ", ".join(removed)
        try:
            self._client.update_item(
                TableName=self.table,
                Key=key,
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={
                    **{name: _to_attribute(value) for name, value in kept.items()},
                    ":now": {"S": now},
                    **(condition_values or {}),
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            _raise_if_busy(error, f"updating {key['recordingId']['S']}")
            raise
        return True

    def read(self, user_id: str, recording_id: str) -> Json | None:
        key = _build_key(user_id, recording_id)
        item = self._client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        return None if item is None else _from_item(item)


class DynamoKeys:
    """rem.ports.Keys on one table: PK keyId."""

    def __init__(self, table: str, client: DynamoDBClient | None = None) -> None:
        self.table = table
        self._client = client or dynamodb_client()

    def read(self, key_id: str) -> Key | None:
        """Consistent, so that a revoked key ends with the next request."""
        answer = self._client.get_item(
            TableName=self.table, Key={"keyId": {"S": key_id}}, ConsistentRead=True
        )
        return Key.from_item(_from_item(answer["Item"])) if "Item" in answer else None

    def read_all(self) -> Sequence[Key]:
        pages = self._client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [Key.from_item(_from_item(item)) for page in pages for item in page["Items"]]

    def write(self, key: Key) -> None:
        item = {name: _to_attribute(value) for name, value in key.to_item().items()}
        self._client.put_item(
            TableName=self.table, Item=item, ConditionExpression="attribute_not_exists(keyId)"
        )

    def set_time(self, key_id: str, field: str, moment: str) -> None:
        self._client.update_item(
            TableName=self.table,
            Key={"keyId": {"S": key_id}},
            UpdateExpression="SET #field = :moment",
            ConditionExpression="attribute_exists(keyId)",
            ExpressionAttributeNames={"#field": field},
            ExpressionAttributeValues={":moment": {"S": moment}},
        )


def build_cursor(started_at: str, recording_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([started_at, recording_id]).encode()).decode()


def parse_cursor(cursor: str) -> tuple[str, str]:
    """The counterpart of build_cursor. It names no user: a cursor that was made up opens nobody's list.

    Raises:
        InputError: it is none of ours.
    """
    try:
        started_at, recording_id = json.loads(base64.urlsafe_b64decode(cursor))
    except ValueError as error:
        raise InputError("the cursor is none that a list gave you: leave it out to start anew") from error
    if not (isinstance(started_at, str) and isinstance(recording_id, str) and started_at and recording_id):
        raise InputError("the cursor is none that a list gave you: leave it out to start anew")
    return started_at, recording_id


def _build_key(user_id: str, recording_id: str) -> Json:
    return {"userId": {"S": user_id}, "recordingId": {"S": recording_id}}


def _identify(recording: Recording) -> Json:
    return {"deviceId": recording.device_id, "startedAt": recording.started_at, "key": recording.key}


def _from_item(item: Mapping[str, Any]) -> Json:
    return {name: _from_attribute(value) for name, value in item.items()}


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


class Executions:
    """rem.ports.Executions on one state machine."""

    def __init__(self, machine_arn: str, client: SFNClient | None = None) -> None:
        self._prefix = machine_arn.replace(":stateMachine:", ":execution:")
        self._client = client or sfn_client()

    def build_arn(self, name: str) -> str:
        return f"{self._prefix}:{name}"

    def describe(self, execution_arn: str) -> Json | None:
        try:
            return dict(self._client.describe_execution(executionArn=execution_arn))
        except self._client.exceptions.ExecutionDoesNotExist:
            return None
        except ClientError as error:
            _raise_if_busy(error, f"describing {execution_arn}")
            raise

    def stop(self, execution_arn: str, cause: str) -> None:
        self._client.stop_execution(executionArn=execution_arn, cause=cause)

    def read_newest_events(self, execution_arn: str) -> Iterator[Json]:
        pages = self._client.get_paginator("get_execution_history").paginate(
            executionArn=execution_arn,
            reverseOrder=True,
            includeExecutionData=False,
            PaginationConfig={"PageSize": HISTORY_PAGE},
        )
        for page in pages:
            yield from (dict(event) for event in page["events"])


def send_message(queue_url: str, body: Mapping[str, Any], client: SQSClient | None = None) -> None:
    (client or sqs_client()).send_message(QueueUrl=queue_url, MessageBody=json.dumps(body, sort_keys=True))


def publish_notice(topic_arn: str, subject: str, text: str, client: Any = None) -> None:
    """Tell the subscribers of a topic. SNS takes at most 100 characters of one line as subject."""
    (client or sns_client()).publish(TopicArn=topic_arn, Subject=subject[:100], Message=text)
