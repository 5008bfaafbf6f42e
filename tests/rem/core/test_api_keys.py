import pytest

from rem.core.api_keys import TEXT, ApiKey, Scope, make_key, parse_key
from rem.core.errors import InputError

NOW = "2026-11-24T09:00:00+00:00"


def test_a_key_is_known_again_by_its_text():
    key, text = make_key("me", Scope.ALL, NOW, None, "phone")
    assert parse_key(text) == (key.key_id, text.split("_")[2])
    assert key.matches(text.split("_")[2])
    assert not key.matches("x" * 52)


def test_the_secret_is_not_kept():
    key, text = make_key("me", Scope.INGEST, NOW, "badge-1", "")
    secret = text.split("_")[2]
    assert secret not in str(key.to_item())
    assert "digest" not in key.to_json()
    assert ApiKey.from_item(key.to_item()) == key


def test_two_keys_have_nothing_in_common():
    texts = {make_key("me", Scope.ALL, NOW, None, "")[1] for _ in range(50)}
    assert len({text.split("_")[1] for text in texts}) == len({t.split("_")[2] for t in texts}) == 50
    assert all(TEXT.fullmatch(text) for text in texts)


def test_a_key_for_one_device_touches_no_other():
    key, _ = make_key("me", Scope.INGEST, NOW, "badge-1", "")
    assert key.may_touch("badge-1")
    assert not key.may_touch("badge-2")
    assert make_key("me", Scope.ALL, NOW, None, "")[0].may_touch("badge-2")


@pytest.mark.parametrize(("user", "device"), [("a/b", None), ("", None), ("me", "../x"), ("me", "")])
def test_ids_that_could_be_no_folder_are_refused(user, device):
    with pytest.raises(InputError, match="cannot be a"):
        make_key(user, Scope.ALL, NOW, device, "")


@pytest.mark.parametrize(
    "text", ["", "rem_", "rem_a_b", "rem_aaaaaaaaaa_", "REM_AAAAAAAAAA_" + "A" * 52, "ä" * 68]
)
def test_what_cannot_be_a_key_is_none(text):
    assert parse_key(text) is None
