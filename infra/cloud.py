"""AWS calls that a deployment makes beside Terraform."""

from __future__ import annotations

import base64
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from rem.adapters.dynamodb import DynamoApiKeys
from rem.core.errors import SetupError
from rem.library.keyring import Keyring


class Cloud:
    """One account in one region."""

    def __init__(self, region: str, profile: str = "") -> None:
        self.region = region
        try:
            self._session = boto3.Session(profile_name=profile or None, region_name=region)
        except BotoCoreError as error:
            raise SetupError(f"{error}: name a profile of ~/.aws/config") from error

    def find_account(self) -> str:
        """Give the account's number.

        Raises:
            SetupError: there are no credentials, or AWS refuses them.
        """
        try:
            return str(self._client("sts").get_caller_identity()["Account"])
        except (BotoCoreError, ClientError) as error:
            raise SetupError(
                f"AWS does not know who you are ({error}): log in (`aws sso login`, `aws configure`), "
                "or name a profile (PROFILE=…)"
            ) from error

    def ensure_state_bucket(self, bucket: str) -> None:
        """Make the versioned, private bucket for Terraform's state; S3 encrypts it by default."""
        s3 = self._client("s3")
        try:
            s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise SetupError(f"the state bucket {bucket} cannot be used: {error}") from error
            where = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
            s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
        closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def has_image(self, repository: str, tag: str) -> bool:
        ecr = self._client("ecr")
        try:
            ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
            return False
        return True

    def read_registry_login(self) -> tuple[str, str, str]:
        """Give user, password and address for `docker login`; they are valid for twelve hours."""
        [login] = self._client("ecr").get_authorization_token()["authorizationData"]
        user, password = base64.b64decode(login["authorizationToken"]).decode().split(":", 1)
        return user, password, login["proxyEndpoint"]

    def make_first_key(self, table: str) -> str | None:
        """Make a key for the API and give its text, which is stored nowhere; None if the table has keys."""
        keyring = Keyring(DynamoApiKeys(table, self._client("dynamodb")))
        if keyring.list():
            return None
        _, text = keyring.add("me", name="first")
        return text

    def _client(self, service: str) -> Any:
        return self._session.client(service)  # type: ignore[call-overload]
