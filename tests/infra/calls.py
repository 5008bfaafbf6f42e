"""Who called what on the local AWS: every function signs with a key of its own, so each call has a caller."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from moto.core.authorization import ActionAuthenticatorMixin
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends

from rem.lambdas.function import ACCOUNT, REGION

# Where IAM's name of an action is not the API's.
S3_ACTIONS = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
MULTIPART_ACTIONS = {"GET": "ListMultipartUploadParts", "DELETE": "AbortMultipartUpload"}
SERVICES = {"stepfunctions": "states"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call as IAM sees it."""

    caller: str
    action: str
    resource: str


class Recorder:
    """Collects the calls until the patch is undone."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls: set[Call] = set()
        self.requests: Counter[tuple[str, str]] = (
            Counter()
        )  # by caller, and method of S3 or action of DynamoDB
        stock_other = ActionAuthenticatorMixin._authenticate_and_authorize_normal_action
        stock_s3 = ActionAuthenticatorMixin._authenticate_and_authorize_s3_action

        def other(response: Any, resource: str = "*") -> None:
            self._note_other(response)
            self.requests[find_caller(response.headers, {}), response._get_action()] += 1
            stock_other(response, resource)

        def s3(response: Any, bucket_name: str | None = None, key_name: str | None = None) -> None:
            if bucket_name:
                self._note_s3(response, bucket_name, key_name)
                self.requests[find_caller(response.headers, {}), response.method] += 1
            stock_s3(response, bucket_name, key_name)

        patch.setattr(ActionAuthenticatorMixin, "_authenticate_and_authorize_normal_action", other)
        patch.setattr(ActionAuthenticatorMixin, "_authenticate_and_authorize_s3_action", s3)

    def made_by(self, caller: str) -> set[Call]:
        return {call for call in self.calls if call.caller == caller}

    def _note_other(self, response: Any) -> None:
        action = response._get_action()
        if action:
            service = SERVICES.get(response.service_name, response.service_name)
            parameters = {name: response._get_param(name) for name in (*RESOURCES, "SecretId", "IndexName")}
            resource = find_resource({k: v for k, v in parameters.items() if v})
            self.calls.add(Call(find_caller(response.headers, {}), f"{service}:{action}", resource))

    def _note_s3(self, response: Any, bucket: str, key: str | None) -> None:
        query = parse_qs(urlsplit(response.uri).query, keep_blank_values=True)
        caller, arn = find_caller(response.headers, query), f"arn:aws:s3:::{bucket}"
        if key is None:
            self._note_bucket(caller, arn, response, query)
            return
        action = MULTIPART_ACTIONS.get(response.method) if "uploadId" in query else None
        self.calls.add(Call(caller, f"s3:{action or S3_ACTIONS[response.method]}", f"{arn}/{key}"))
        if response.method in ("GET", "HEAD") and key not in s3_backends[ACCOUNT]["aws"].buckets[bucket].keys:
            self.calls.add(Call(caller, "s3:ListBucket", arn))  # else AWS answers 403, not 404

    def _note_bucket(self, caller: str, arn: str, response: Any, query: Mapping[str, Any]) -> None:
        if "delete" in query:
            for key in re.findall(r"<Key>(.+?)</Key>", str(response.body)):
                self.calls.add(Call(caller, "s3:DeleteObjectVersion", f"{arn}/{key}"))
            return
        action = "ListBucketVersions" if "versions" in query else "ListBucket"
        self.calls.add(Call(caller, f"s3:{action}", arn))


RESOURCES = {
    "TableName": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/",
    "QueueUrl": f"arn:aws:sqs:{REGION}:{ACCOUNT}:",
    "TopicArn": "",
    "stateMachineArn": "",
    "executionArn": "",
}


def find_caller(headers: Mapping[str, str], query: Mapping[str, Sequence[str]]) -> str:
    """The access key that signed the call, or the URL that was called; empty for an unsigned call."""
    match = re.search(r"Credential=([^/]+)/", headers.get("Authorization", ""))
    signed = [match[1]] if match else query.get("X-Amz-Credential", query.get("AWSAccessKeyId", [""]))
    return signed[0].split("/")[0]


def find_resource(parameters: Mapping[str, str]) -> str:
    """The ARN that a call is about; `*` for a call that names none of RESOURCES."""
    if secret := parameters.get("SecretId"):  # its ARN ends in six characters that only AWS knows
        known = secretsmanager_backends[ACCOUNT][REGION].secrets.get(secret)
        return secret if known is None else str(known.arn)  # Terraform looks at a secret that is gone
    for name, prefix in RESOURCES.items():
        if value := parameters.get(name):
            resource = value if value.startswith("arn:") else prefix + value.rsplit("/", 1)[-1]
            index = parameters.get("IndexName")
            return f"{resource}/index/{index}" if index else resource
    return "*"
