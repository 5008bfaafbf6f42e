"""Records and API keys in DynamoDB."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rem.adapters.clients import dynamodb_client, raise_if_busy
from rem.core import Json
from rem.core.api_keys import ApiKey
from rem.core.errors import InputError
from rem.core.recordings import Recording
from rem.core.records import FINISHED, Record, Status, find_changes, to_fields
from rem.ports import Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

USER_INDEX, DEVICE_INDEX, SESSION_INDEX = "UserTimeIndex", "DeviceTimeIndex", "SessionIndex"
FIRST_MOMENT = "0"  # before every date: DynamoDB refuses to compare with an empty text
CONTENT_INDEX = "ContentIndex"
OPEN_INDEX, OPEN = "OpenIndex", "open"  # sparse: it has only records with this field (docs/adr/0017)


class DynamoCatalog:
    """rem.ports.Catalog on one table: PK userId, SK recordingId."""

    def __init__(self, table: str, client: DynamoDBClient | None = None) -> None:
        self.table = table
        self._client = client or dynamodb_client()

    def advance(self, recording: Recording, status: Status, changes: Mapping[str, Any]) -> bool:
        """Move the record by one conditional update: `statusRank` only grows, whatever comes late or twice.

        An unfinished record is in OPEN_INDEX, and work that goes on clears an earlier error.
        """
        cleared = {} if status is Status.ERROR else {"error": None}
        return self._update(
            _build_key(recording.user_id, recording.recording_id),
            {**find_changes(None, Record.begin(recording, status)), **to_fields({**cleared, **changes})},
            "attribute_not_exists(statusRank) OR statusRank <= :rank",
            {":rank": {"N": str(status.rank)}},
        )

    def replace(self, seen: Record | None, new: Record) -> bool:
        """Write the record if `updatedAt`, which every write changes, is as it was seen."""
        key, fields = _build_key(new.user_id, new.recording_id), find_changes(seen, new)
        if seen is None:
            return self._update(key, fields, "attribute_not_exists(updatedAt)")
        return self._update(key, fields, "updatedAt = :seen", {":seen": {"S": seen.updated_at}})

    def read_open(self, before: str, limit: int) -> list[Record]:
        answer = self._client.query(
            TableName=self.table,
            IndexName=OPEN_INDEX,
            KeyConditionExpression="#open = :open AND updatedAt < :before",
            ExpressionAttributeNames={"#open": OPEN},
            ExpressionAttributeValues={":open": {"S": "yes"}, ":before": {"S": before}},
            Limit=limit,
        )
        return [_to_record(item) for item in answer["Items"]]

    def change(self, user_id: str, recording_id: str, changes: Mapping[str, Any]) -> bool:
        key = _build_key(user_id, recording_id)
        return self._update(key, to_fields(changes), "attribute_exists(recordingId)")

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
        """Ask one index once; a filter leaves out another user's devices and sessions of the same name."""
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
        return Page([_to_record(item) for item in answer["Items"]], after)

    def find_content(self, user_id: str, sha256: str, limit: int = 50) -> list[Record]:
        answer = self._client.query(
            TableName=self.table,
            IndexName=CONTENT_INDEX,
            KeyConditionExpression="userId = :user AND sha256 = :sha256",
            ExpressionAttributeValues={":user": {"S": user_id}, ":sha256": {"S": sha256}},
            Limit=limit,
        )
        return [_to_record(item) for item in answer["Items"]]

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
        """Set fields (None removes one) where the condition holds, and `updatedAt` and `open` with them."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        fields = {name: value for name, value in fields.items() if name not in key} | {"updatedAt": now}
        if "status" in fields:
            fields[OPEN] = None if fields["status"] in FINISHED else "yes"
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
            raise_if_busy(error, f"updating {key['recordingId']['S']}")
            raise
        return True

    def read(self, user_id: str, recording_id: str) -> Record | None:
        key = _build_key(user_id, recording_id)
        item = self._client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        return None if item is None else _to_record(item)


class DynamoApiKeys:
    """rem.ports.Keys on one table: PK keyId."""

    def __init__(self, table: str, client: DynamoDBClient | None = None) -> None:
        self.table = table
        self._client = client or dynamodb_client()

    def read(self, key_id: str) -> ApiKey | None:
        """Read consistently, so that a revoked key ends with the next request."""
        answer = self._client.get_item(
            TableName=self.table, Key={"keyId": {"S": key_id}}, ConsistentRead=True
        )
        return ApiKey.from_item(_from_item(answer["Item"])) if "Item" in answer else None

    def read_all(self) -> Sequence[ApiKey]:
        pages = self._client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [ApiKey.from_item(_from_item(item)) for page in pages for item in page["Items"]]

    def write(self, key: ApiKey) -> None:
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
    """Read what build_cursor wrote. It names no user: a cursor that was made up opens nobody's list.

    Raises:
        InputError: no list gave this cursor.
    """
    try:
        started_at, recording_id = json.loads(base64.urlsafe_b64decode(cursor))
    except ValueError as error:
        raise InputError("no list gave you this cursor: leave it out to start anew") from error
    if not (isinstance(started_at, str) and isinstance(recording_id, str) and started_at and recording_id):
        raise InputError("no list gave you this cursor: leave it out to start anew")
    return started_at, recording_id


def _build_key(user_id: str, recording_id: str) -> Json:
    return {"userId": {"S": user_id}, "recordingId": {"S": recording_id}}


def _to_record(item: Mapping[str, Any]) -> Record:
    return Record.from_item({name: value for name, value in _from_item(item).items() if name != OPEN})


def _from_item(item: Mapping[str, Any]) -> Json:
    return {name: _from_attribute(value) for name, value in item.items()}


def _from_attribute(attribute: Any) -> Any:
    """Turn a DynamoDB attribute into the JSON value that `_to_attribute` made it of."""
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
    """Turn a JSON value into a DynamoDB attribute. DynamoDB knows decimal numbers and no floats."""
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
