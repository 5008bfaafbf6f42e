"""The pipeline's boto3 clients, from its environment, and AWS's names for being busy."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from rem.core.errors import BusyError

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


@functools.cache
def s3_client() -> S3Client:
    # The version is named for presigned URLs, which boto3 may sign by an older one than requests.
    return boto3.client("s3", config=CLIENT.merge(Config(signature_version="s3v4")))


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


def raise_if_busy(error: ClientError, doing: str) -> None:
    """Raise BusyError in the place of a throttle; another error is left to the caller.

    Args:
        doing: What the caller was at, e.g. "reading notes/a.json".
    """
    if error.response["Error"]["Code"] in THROTTLES:
        raise BusyError(f"{doing}: {error}") from error
