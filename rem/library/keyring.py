"""The API keys of an installation: make, check, revoke."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from rem.core.api_keys import ApiKey, Scope, make_key, parse_key
from rem.core.errors import InputError
from rem.ports import ApiKeys

SEEN_EVERY = timedelta(hours=1)  # a write per request would cost more than the request


class Keyring:
    """The API keys that open an installation.

    Args:
        now: Tells the time; a test may tell another.
    """

    def __init__(self, keys: ApiKeys, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._keys, self._now = keys, now

    def add(
        self, user_id: str, *, scope: Scope = Scope.ALL, device_id: str | None = None, name: str = ""
    ) -> tuple[ApiKey, str]:
        """Make a key, and its text, which is returned here and stored nowhere.

        Raises:
            InputError: an id or a name cannot be used.
        """
        key, text = make_key(user_id, scope, _format(self._now()), device_id, name)
        self._keys.write(key)
        return key, text

    def check(self, text: str) -> ApiKey | None:
        """Find the key with this text; None where it is wrong, unknown or revoked."""
        parsed = parse_key(text)
        key = self._keys.read(parsed[0]) if parsed else None
        if parsed is None or key is None or not key.matches(parsed[1]) or key.revoked_at is not None:
            return None
        self._note_seen(key)
        return key

    def list(self) -> list[ApiKey]:
        """List all keys, the newest first."""
        return sorted(self._keys.read_all(), key=lambda key: key.created_at, reverse=True)

    def revoke(self, key_id: str) -> None:
        """Revoke a key from the next request on. Revoking it again does no harm.

        Raises:
            InputError: there is no such key.
        """
        key = self._keys.read(key_id)
        if key is None:
            raise InputError(f"there is no key {key_id}: `rem keys list` shows the ids")
        if key.revoked_at is None:
            self._keys.set_time(key_id, "revokedAt", _format(self._now()))

    def _note_seen(self, key: ApiKey) -> None:
        now = self._now()
        if key.last_seen_at is None or datetime.fromisoformat(key.last_seen_at) < now - SEEN_EVERY:
            self._keys.set_time(key.key_id, "lastSeenAt", _format(now))


def _format(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
