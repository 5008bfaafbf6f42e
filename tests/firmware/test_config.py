import json

import pytest

from app import config, pages
from app.config import Config, parse_clock, quiet_left_min
from tests.firmware.flash import Flash, PowerCut

GOOD = {"server": "https://rem.example/v1", "device": "desk", "key": "k1", "networks": [["home", "12345678"]]}


def test_settings_survive_the_flash():
    flash = Flash()
    pages.save(flash, Config(GOOD))
    assert pages.to_json(config.load(flash)) == {**config.DEFAULTS, **GOOD}
    assert config.load(flash).is_complete


def test_without_a_file_there_are_defaults():
    assert not config.load(Flash()).is_complete


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"gain_db": 17}, "gain_db must be 0, 6, 12"),
        ({"gain_db": "18"}, "gain_db must be a whole number"),
        ({"chunk_s": 900}, "chunk_s must be a whole number from 0 to 300"),
        ({"volume": 3}, "there is no setting volume"),
        ({"server": "rem.local"}, "not an address"),
        ({"device": "a/../b"}, "up to 40 letters"),
        ({"networks": [["home", "short"]]}, "at least 8 characters"),
        ({"quiet": ["22:00"]}, "quiet must be empty or two times"),
        ({"quiet": ["22:00", "25:00"]}, "not a time of day"),
        ({"key": 5}, "key must be a text"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        Config({**GOOD, **change})


def test_settings_that_are_no_object_are_refused():
    with pytest.raises(ValueError, match="JSON object"):
        Config([])


@pytest.mark.parametrize(
    ("at", "left_min"),
    [("21:59", 0), ("22:00", 540), ("23:30", 450), ("06:59", 1), ("07:00", 0), ("12:00", 0)],
)
def test_quiet_hours_go_over_midnight(at, left_min):
    assert quiet_left_min([parse_clock("22:00"), parse_clock("07:00")], parse_clock(at)) == left_min


def test_no_quiet_hours_never_sleep():
    assert quiet_left_min([], 0) == 0
    assert quiet_left_min([60, 60], 60) == 0


def test_a_power_cut_leaves_the_old_settings_or_the_new():
    old, new = Config(GOOD), Config({**GOOD, "gain_db": 24})
    for cut_after in range(10):
        flash = Flash()
        pages.save(flash, old)
        flash.cut_after = flash.changes + cut_after
        try:
            pages.save(flash, new)
        except PowerCut:
            assert config.load(flash).gain_db in (18, 24)
    assert config.load(flash).gain_db == 24


def test_a_new_network_goes_first_and_the_others_stay():
    settings = pages.add_network(
        pages.add_network(Config(GOOD), "office", "abcdefgh"), "home", "new-password"
    )
    assert settings.networks == [["home", "new-password"], ["office", "abcdefgh"]]


def test_the_page_takes_what_device_add_prints():
    text = json.dumps({"server": "http://192.168.1.5:8787", "device": "coat", "key": "k2"})
    merged, network = pages.merge(
        Config(GOOD), {"settings": text, "network": "office", "password": "abcdefgh"}
    )
    assert (merged.server, merged.device, merged.key) == ("http://192.168.1.5:8787", "coat", "k2")
    assert network == ("office", "abcdefgh")
    assert merged.networks == GOOD["networks"]


def test_the_page_refuses_what_is_no_json():
    with pytest.raises(ValueError, match="rem device add"):
        pages.merge(Config(GOOD), {"settings": "hello"})


def test_forms_are_decoded():
    assert pages.parse_form("network=Caf%C3%A9+1&password=a%2Bb%26c&x") == {
        "network": "Café 1",
        "password": "a+b&c",
        "x": "",
    }


def test_a_network_name_cannot_write_into_the_page():
    page = pages.render(seen=['"><script>alert(1)</script>'], settings="</textarea><script>")
    assert "<script>" not in page


def test_every_name_leads_to_the_device():
    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
    answer = pages.dns_answer(query, bytes([192, 168, 4, 1]))
    assert answer[:2] == query[:2]
    assert answer[12 : len(query)] == query[12:]
    assert answer.endswith(bytes([192, 168, 4, 1]))
