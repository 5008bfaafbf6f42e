"""A connection to AWS, or to a local AWS at an address, for programs that may choose: the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from rem.core.errors import SetupError

CONNECT_S = 5  # a server that is there answers sooner
TRIES, LOCAL_TRIES = 6, 2  # a server on this machine that does not answer twice is not there
MISSING = ("StateMachineDoesNotExist", "ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue")


@dataclass(frozen=True, slots=True)
class Account:
    """The account and region that credentials lead to; `partition` is `aws`, but for China and GovCloud."""

    number: str
    region: str
    partition: str


class Connection:
    """Clients of one account in one region, or of a local AWS."""

    def __init__(self, session: boto3.Session, endpoint_url: str | None = None) -> None:
        self._session, self.endpoint_url = session, endpoint_url

    @classmethod
    def to_aws(cls, profile: str, region: str) -> Connection:
        """Take the credentials of a profile; where it is empty, those of the environment.

        Raises:
            SetupError: there is no such profile.
        """
        try:
            return cls(boto3.Session(profile_name=profile or None, region_name=region or None))
        except BotoCoreError as error:
            raise SetupError(f"{str(error).rstrip('.')}. {_NAME_ONE}") from error

    @classmethod
    def to_address(cls, endpoint_url: str, region: str) -> Connection:
        """Talk to a local AWS, which takes any credentials."""
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=region)
        return cls(session, endpoint_url)

    def client(self, service: str, **config: Any) -> Any:
        """Make a client.

        Args:
            config: botocore settings that replace the usual ones, e.g. read_timeout in seconds.
        """
        usual = Config(
            retries={"max_attempts": LOCAL_TRIES if self.endpoint_url else TRIES, "mode": "standard"},
            s3={"addressing_style": "path"},
            connect_timeout=CONNECT_S,
        )
        make: Any = self._session.client
        return make(service, endpoint_url=self.endpoint_url, config=usual.merge(Config(**config)))

    def identify(self) -> Account:
        """Ask AWS whose credentials these are.

        Raises:
            SetupError: there are no credentials or no region, or AWS refuses them.
        """
        try:
            identity = self.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise SetupError(f"{str(error).rstrip('.')}. {_NAME_ONE}") from error
        return Account(identity["Account"], self._session.region_name, identity["Arn"].split(":")[1])


_NAME_ONE = (
    "Name an AWS profile and region (--profile, --region), or the data folder of a running `rem up` (--data)"
)


@contextmanager
def translate_errors(*, unreachable: str, missing: str) -> Iterator[None]:
    """Turn what botocore raises into sentences.

    Args:
        unreachable: The sentence where nothing answers.
        missing: The sentence where the account has no such machine, table or queue.

    Raises:
        SetupError: with one of the sentences, or with AWS's own.
    """
    try:
        yield
    except (NoConnectionError, HTTPClientError) as error:
        raise SetupError(unreachable) from error
    except ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            raise SetupError(missing) from error
        raise SetupError(f"{error.operation_name}: {error.response['Error']['Message']}") from error
    except BotoCoreError as error:
        raise SetupError(str(error)) from error
