"""Reads resources back from where they were made, in the words of resources.yaml."""

from __future__ import annotations

import json
from typing import Any

from rem.definition import BucketConfig, IndexConfig, TableConfig


def read_table(client: Any, name: str) -> TableConfig:
    table = client.describe_table(TableName=name)["Table"]
    indexes = {
        index["IndexName"]: IndexConfig(**read_keys(index["KeySchema"]))
        for index in table.get("GlobalSecondaryIndexes", [])
    }
    return TableConfig(**read_keys(table["KeySchema"]), indexes=indexes)


def read_keys(schema: list[dict[str, str]]) -> dict[str, str]:
    words = {"HASH": "partition_key", "RANGE": "sort_key"}
    return {words[key["KeyType"]]: key["AttributeName"] for key in schema}


def read_queue(client: Any, url: str) -> tuple[int, int]:
    """Give the visibility timeout in seconds and the receives before the dead-letter queue."""
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["VisibilityTimeout"]), int(json.loads(found["RedrivePolicy"])["maxReceiveCount"])


def read_bucket(client: Any, name: str) -> BucketConfig:
    notification = client.get_bucket_notification_configuration(Bucket=name)
    [rule] = notification["QueueConfigurations"]
    [prefix] = rule["Filter"]["Key"]["FilterRules"]
    assert rule["Events"] == ["s3:ObjectCreated:*"]
    assert prefix["Name"].lower() == "prefix"
    return BucketConfig(event_prefix=prefix["Value"])
