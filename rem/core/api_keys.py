"""API keys: their making, their record, and the uses that they allow.

A key reads `rem_ID_SECRET`. The secret is 256 random bits, so that nobody can guess it from its hash: sha256
is enough, and costs microseconds. Slow hashes (bcrypt, argon2) are for passwords, which people choose.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rem.core.errors import InputError
from rem.core.recordings import ID

TEXT = re.compile(r"rem_(?P<id>[a-z2-7]{10})_(?P<secret>[a-z2-7]{52})")
ID_BYTES, SECRET_BYTES = 6, 32
LONGEST_NAME = 80


class Scope(StrEnum):
    """The uses that a key allows. INGEST is for a device that lies in a pocket and may be lost."""

    ALL = "all"
    INGEST = "ingest"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The record of a key, which never holds its secret.

    Attributes:
        digest: sha256 of the secret, in hex.
        device_id: The one device that the key is for; None for all of the user's.
        revoked_at: ISO 8601; None while the key is good.
        last_seen_at: ISO 8601, true to the hour; None before the first use.
    """

    key_id: str
    user_id: str
    digest: str
    scope: Scope
    created_at: str
    device_id: str | None = None
    name: str = ""
    revoked_at: str | None = None
    last_seen_at: str | None = None

    def matches(self, secret: str) -> bool:
        """Compare a secret, in the same time for a wrong one as for the right one."""
        return hmac.compare_digest(hash_secret(secret), self.digest)

    def may_touch(self, device_id: str) -> bool:
        return self.device_id is None or self.device_id == device_id

    def to_item(self) -> dict[str, Any]:
        optional = {"deviceId": self.device_id, "revokedAt": self.revoked_at, "lastSeenAt": self.last_seen_at}
        return {
            "keyId": self.key_id,
            "userId": self.user_id,
            "digest": self.digest,
            "scope": self.scope.value,
            "createdAt": self.created_at,
            "name": self.name,
            **{name: value for name, value in optional.items() if value is not None},
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> ApiKey:
        return cls(
            key_id=item["keyId"],
            user_id=item["userId"],
            digest=item["digest"],
            scope=Scope(item["scope"]),
            created_at=item["createdAt"],
            device_id=item.get("deviceId"),
            name=item.get("name", ""),
            revoked_at=item.get("revokedAt"),
            last_seen_at=item.get("lastSeenAt"),
        )

    def to_json(self) -> dict[str, Any]:
        """Show everything but the hash."""
        return {name: value for name, value in self.to_item().items() if name != "digest"}


def make_key(
    user_id: str, scope: Scope, created_at: str, device_id: str | None, name: str
) -> tuple[ApiKey, str]:
    """Make a key, and its text, which is shown once.

    Raises:
        InputError: a user or device id that could not be one folder of a raw key, or a name too long.
    """
    for what, value in (("user", user_id), ("device", device_id)):
        if value is not None and not ID.fullmatch(value):
            raise InputError(
                f"'{value}' cannot be a {what} id: use letters, digits, dot, dash and underscore"
            )
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"a key's name has at most {LONGEST_NAME} characters, all on one line")
    key_id, secret = _random_text(ID_BYTES), _random_text(SECRET_BYTES)
    key = ApiKey(key_id, user_id, hash_secret(secret), scope, created_at, device_id, name)
    return key, f"rem_{key_id}_{secret}"


def parse_key(text: str) -> tuple[str, str] | None:
    """Split a key into id and secret; None for a text that cannot be a key."""
    match = TEXT.fullmatch(text)
    return (match["id"], match["secret"]) if match else None


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _random_text(count: int) -> str:
    """Make random base32 text without padding, which a double click marks whole."""
    return base64.b32encode(secrets.token_bytes(count)).decode().rstrip("=").lower()
