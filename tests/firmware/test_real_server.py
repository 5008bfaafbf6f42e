"""The firmware in MicroPython against the API itself, as Lambda runs it, and against `rem up`."""

import base64
import json
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from rem.adapters.dynamodb import DynamoApiKeys
from rem.adapters.models import DEMO_DIR
from rem.cli.simulator import Host
from rem.core.api_keys import Scope
from rem.definition import load_stages
from rem.home.gateway import Gateway
from rem.home.resources import BUCKET, KEYS_TABLE, build_functions, create_stack
from rem.lambdas.pool import PoolOptions
from rem.library.keyring import Keyring
from rem.states.local_aws import LocalAws
from tests.firmware.both import run_in_micropython
from tests.homeserver import HZ, HomeServer, run_cli

pytestmark = pytest.mark.slow
DEADLINE_S = 280.0


def cut_standup(path, seconds):
    with wave.open(str(DEMO_DIR / "standup.wav")) as file:
        pcm = file.readframes(int(seconds * HZ))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, HZ, 0, "NONE", ""))
        file.writeframes(pcm)
    return path


@dataclass
class Installation:
    aws: LocalAws
    url: str
    keyring: Keyring

    def get(self, path, key):
        answer = httpx2.get(self.url + path, headers={"x-api-key": key}, timeout=DEADLINE_S)
        answer.raise_for_status()
        return answer.json()

    def list_sound(self, device):
        listed = self.aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"raw/me/{device}/")
        return [item["Key"] for item in listed.get("Contents", [])]


@pytest.fixture(scope="module")
def installation():
    with LocalAws(build_functions({"api": load_stages()["api"]}), PoolOptions(max_sandboxes=2)) as aws:
        create_stack(aws, load_stages(), poll=False)
        with Gateway(aws.pool) as gateway:
            yield Installation(aws, gateway.url, Keyring(DynamoApiKeys(KEYS_TABLE, aws.client("dynamodb"))))


class LosesFirstAnswer(Host):
    """The line breaks when the first upload has been accepted and the answer is on its way."""

    def __init__(self):
        super().__init__()
        self.lost = 0
        self.is_duplicate = []  # of the answers that came through
        self._is_upload = False

    def do_write(self, number, content):
        self._is_upload = self._is_upload or b"POST /ingest" in base64.b64decode(content)
        return super().do_write(number, content)

    def do_readline(self, number):
        line = super().do_readline(number)
        if self._is_upload and not self.lost and b" 200 " in base64.b64decode(line):
            self.lost += 1
            raise ConnectionResetError("the answer got lost")
        return line

    def do_read(self, number, count):
        content = super().do_read(number, count)
        body = base64.b64decode(content)
        if b'"duplicate"' in body:
            self.is_duplicate.append(json.loads(body)["duplicate"])
        return content


@dataclass
class Recorder:
    """A flash, and what is heard. `live` as often as the power comes back."""

    flash: Path
    plain: Path
    settings: dict

    def live(self, scenario="plain_talk", host=None):
        """The device's last report."""
        machine = host or Host()
        run_in_micropython(scenario, self.flash, self.plain, machine)
        (report,) = [event["report"] for event in machine.said if "end" in event]
        return report

    def hear(self, seconds):
        cut_standup(self.flash / "sound.wav", seconds)

    def waiting(self):
        return [path.name for path in (self.flash / "rec").iterdir() if path.suffix == ".wav"]


@pytest.fixture
def recorder(tmp_path, plain, installation, request):
    """A device with a key for itself, that hears four seconds of the demo."""
    device = request.node.name.replace("_", "-")[-30:]
    key, text = installation.keyring.add("me", scope=Scope.INGEST, device_id=device)
    settings = {"server": installation.url, "device": device, "key": text, "keyId": key.key_id}
    recorder = Recorder(tmp_path, plain, settings)
    recorder.hear(4.0)
    config = {name: settings[name] for name in ("server", "device", "key")}
    (tmp_path / "config.json").write_text(json.dumps({**config, "networks": [["home", "correct horse"]]}))
    (tmp_path / "ca.pem").write_text("")
    return recorder


def test_a_talk_is_taken_once_and_leaves_the_flash(installation, recorder):
    report = recorder.live()
    device = recorder.settings["device"]
    _, reader = installation.keyring.add("me")
    (shown,) = installation.get(f"/recordings?deviceId={device}", reader)["recordings"]
    ledger = installation.get(f"/devices/{device}/ledger", recorder.settings["key"])
    assert (report["sent"], report["refused"], recorder.waiting()) == (1, 0, [])
    assert (shown["clock"], shown["seq"], shown["lost"]) == ("ntp", 0, 0)
    assert (ledger["sessions"][0]["received"], ledger["resend"]) == ([[0, 0]], [])


def test_a_repeat_after_a_lost_answer_is_one_recording(installation, recorder):
    host = LosesFirstAnswer()
    report = recorder.live(host=host)
    assert (host.lost, host.is_duplicate) == (1, [True])
    assert (report["sent"], report["waiting"]) == (1, 0)
    assert len(installation.list_sound(recorder.settings["device"])) == 1


def test_a_revoked_key_stops_the_queue_and_loses_nothing(installation, recorder):
    installation.keyring.revoke(recorder.settings["keyId"])
    report = recorder.live("give_up")
    assert (report["state"], report["waiting"], report["sent"]) == ("key refused", 1, 0)
    assert len(recorder.waiting()) == 1
    assert installation.list_sound(recorder.settings["device"]) == []


@pytest.mark.models
def test_what_a_device_heard_comes_back_as_words(tmp_path):
    """Ten seconds through the kernels, the voice detection, ADPCM, the upload and all stages of `rem up`."""
    talk = cut_standup(tmp_path / "talk.wav", 10.0)
    with HomeServer(tmp_path / "data") as server:
        made = run_cli("device", "add", "coat", "--url", server.url, "--data", str(server.data), "--json")
        key = json.loads(made.stdout)["key"]
        options = ["--wav", str(talk), "--server", server.url, "--key", key, "--device", "coat", "--json"]
        sent = run_cli("device", "simulate", *options)
        assert json.loads(sent.stdout)["sent"] == 1, sent.stderr
        recording = wait_until_done(server)
        assert recording["status"] == "COMPLETE", recording
        path = f"/recordings/{recording['recordingId']}/transcript"
        document = server.get(path, format="json")
    heard = " ".join(segment["text"] for segment in document["segments"])
    assert "good morning everyone" in heard.lower()


def wait_until_done(server):
    """The one recording, as it ended."""
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        (recording,) = server.get("/recordings")["recordings"]
        if recording["status"] in ("COMPLETE", "ERROR"):
            return recording
        time.sleep(0.5)
    raise AssertionError(f"not done within {DEADLINE_S:.0f} s: {server.read_output()}")
