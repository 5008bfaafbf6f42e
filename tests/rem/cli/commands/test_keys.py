"""`rem keys` against a running local AWS."""

import pytest

from rem.adapters.dynamodb import DynamoApiKeys
from rem.home.resources import KEYS_TABLE
from rem.library.keyring import Keyring

pytestmark = pytest.mark.slow


def keyring(installation):
    return Keyring(DynamoApiKeys(KEYS_TABLE, installation.aws.client("dynamodb")))


def test_a_key_is_made_listed_and_revoked(installation):
    made = installation.rem_json("keys", "add", "pocket", "--device", "badge-1", "--ingest-only")
    key = keyring(installation).check(made["key"])
    assert (key.user_id, key.device_id, key.scope) == ("me", "badge-1", "ingest")
    _, listed = installation.rem("keys", "list")
    assert made["keyId"] in listed
    assert "upload, only badge-1" in listed
    assert made["key"].split("_")[2] not in listed
    assert installation.rem("keys", "revoke", made["keyId"]) == (0, f"{made['keyId']} is revoked\n")
    assert keyring(installation).check(made["key"]) is None
    revoked = [k for k in installation.rem_json("keys", "list")["keys"] if k["keyId"] == made["keyId"]]
    assert revoked[0]["revokedAt"]


def test_the_first_line_is_the_key_alone(installation):
    code, text = installation.rem("keys", "add", "--user", "anna")
    assert code == 0
    assert keyring(installation).check(text.splitlines()[0]).user_id == "anna"


def test_wrong_names_get_a_sentence(installation):
    code, text = installation.rem("keys", "add", "--device", "../x")
    assert (code, "cannot be a device id" in text) == (2, True)
    code, text = installation.rem("keys", "revoke", "nobody")
    assert (code, "there is no key nobody" in text) == (2, True)
