from datetime import UTC, datetime, timedelta

import pytest

from rem.core.api_keys import Scope
from rem.core.errors import InputError
from rem.library.keyring import Keyring
from tests.fakes import FakeApiKeys


class Clock:
    def __init__(self):
        self.now = datetime(2026, 11, 24, 9, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keys():
    return FakeApiKeys()


@pytest.fixture
def keyring(keys, clock):
    return Keyring(keys, clock)


def test_a_key_opens_what_it_was_made_for(keyring):
    _, text = keyring.add("me", scope=Scope.INGEST, device_id="badge", name="pocket")
    key = keyring.check(text)
    assert (key.user_id, key.device_id, key.scope, key.name) == ("me", "badge", Scope.INGEST, "pocket")


def test_a_revoked_key_opens_nothing(keyring):
    key, text = keyring.add("me")
    keyring.revoke(key.key_id)
    keyring.revoke(key.key_id)
    assert keyring.check(text) is None
    assert [k.revoked_at for k in keyring.list()] == ["2026-11-24T09:00:00+00:00"]


def test_a_wrong_secret_and_an_unknown_id_open_nothing(keyring):
    _, text = keyring.add("me")
    other = Keyring(FakeApiKeys()).add("me")[1]
    assert keyring.check(text[:-1] + ("a" if text[-1] != "a" else "b")) is None
    assert keyring.check(other) is None
    assert keyring.check("hello") is None


def test_use_is_noted_once_an_hour(keyring, keys, clock):
    _, text = keyring.add("me")
    for minutes in (0, 10, 50, 61, 70):
        clock.now = datetime(2026, 11, 24, 10, tzinfo=UTC) + timedelta(minutes=minutes)
        keyring.check(text)
    assert keys.times == ["2026-11-24T10:00:00+00:00", "2026-11-24T11:01:00+00:00"]


def test_what_is_not_there_cannot_be_revoked(keyring):
    with pytest.raises(InputError, match="rem keys list"):
        keyring.revoke("nobody")


def test_keys_are_listed_newest_first(keyring, clock):
    keyring.add("me", name="first")
    clock.now += timedelta(days=1)
    keyring.add("me", name="second")
    assert [key.name for key in keyring.list()] == ["second", "first"]
