"""The whole firmware, in real MicroPython and in CPython, against a server that fails as asked."""

import json
import threading
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rem.cli.simulator import Host
from tests.firmware import server
from tests.firmware.both import PYTHONS, run_in_micropython, run_scenario
from tests.firmware.sound import speech, write_wav
from tests.firmware.talks import silence
from tests.rem.conftest import LIMIT_S, wait_until

WORDS = np.concatenate([silence(1.2), speech(1.4, 1.5)])
SETTINGS = {"device": "desk", "key": server.KEY, "networks": [["home", "correct horse"]], "gain_db": 0}


@pytest.fixture
def ingest():
    with server.serve() as running:
        yield running


@pytest.fixture
def device(tmp_path, plain):
    """A flash with settings and something to hear; run it as often as the power comes back."""
    return Bench(tmp_path / "flash", plain)


class Bench:
    def __init__(self, root, plain):
        self.root, self.plain = root, plain
        root.mkdir()
        (root / "ca.pem").write_text("")

    def run(self, python, scenario, url, pcm=WORDS, settings=SETTINGS, **host):
        (self.root / "config.json").write_text(json.dumps({**settings, "server": url} if url else {}))
        write_wav(self.root / "sound.wav", pcm)
        return run_scenario(python, scenario, self.root, self.plain, **host)

    def files(self, extension):
        return sorted(path.name for path in (self.root / "rec").iterdir() if path.suffix == extension)


def states(said):
    return [event["state"] for event in said if "state" in event]


def end(said):
    (last,) = [event for event in said if "end" in event]
    return last["report"]


def outcomes(ingest):
    return [outcome for _, outcome in ingest.log]


def test_both_pythons_hear_say_and_send_the_same(tmp_path, plain):
    """A server error, a lost answer; then byte for byte the same recordings, log and states."""
    seen = {}
    for python in PYTHONS:
        with server.serve() as ingest:
            ingest.faults = [500, server.LOST_ANSWER]
            bench = Bench(tmp_path / python, plain)
            (bench.root / "nvs.json").write_text('{"boot": 6}')
            said = bench.run(python, "plain_talk", ingest.url)
            seen[python] = (said, ingest.log, ingest.audio, ingest.fields)
    assert seen["micropython"] == seen["cpython"]
    said, log, audio, fields = seen["micropython"]
    assert log == [("desk-00000007-00001", outcome) for outcome in ("500", "stored", "duplicate")]
    assert (len(audio), end(said)["sent"], end(said)["lost"]) == (1, 1, 0)
    assert states(said)[:3] == ["listening", "recording", "listening"]
    assert fields["desk-00000007-00001"]["clock"] == "ntp"


@pytest.mark.parametrize("python", PYTHONS)
def test_a_network_that_goes_away_in_the_middle_is_no_loss(python, device, ingest):
    said = device.run(python, "plain_talk", ingest.url, drop_writes={12})
    assert outcomes(ingest)[-1] == "stored"
    assert (len(ingest.audio), end(said)["waiting"], end(said)["lost"]) == (1, 0, 0)


@pytest.mark.parametrize("python", PYTHONS)
def test_a_power_cut_loses_at_most_the_open_half_second(python, device, ingest):
    assert device.run(python, "power_cut", ingest.url) == [
        {"at_ms": 10, "state": "listening"},
        {"at_ms": pytest.approx(1_530, abs=600), "state": "recording"},
    ]
    (open_file,) = device.files(".tmp")
    kept = ((device.root / "rec" / open_file).stat().st_size - 512) // 512
    said = device.run(python, "plain_talk", ingest.url, silence(0.1))
    assert end(said)["sent"] == 1
    (audio,) = ingest.audio.values()
    assert len(audio) == 512 + 512 * kept
    assert kept >= 8


def test_without_ntp_the_servers_date_counts_and_is_marked(device, ingest):
    device.run("micropython", "no_ntp", ingest.url)
    (fields,) = ingest.fields.values()
    assert (fields["clock"], fields["startedAt"][:16]) == ("estimated", "2026-05-28T20:26")


def test_a_talk_before_the_date_is_known_gets_its_own_time(device, ingest):
    """Heard 1.2 s after the start, sent half a minute later."""
    device.run("micropython", "no_wifi_yet", ingest.url)
    (fields,) = ingest.fields.values()
    started = datetime.fromisoformat(fields["startedAt"])
    assert fields["clock"] == "ntp"
    assert started - datetime.fromtimestamp(1_780_000_000, UTC) < timedelta(seconds=2)


def test_a_revoked_key_is_shown_and_nothing_is_lost(device, ingest):
    ingest.keys.clear()
    said = device.run("micropython", "give_up", ingest.url)
    assert states(said)[-1] == "key refused"
    assert (outcomes(ingest), end(said)["waiting"]) == (["401"], 1)
    ingest.keys.add(server.KEY)
    said = device.run("micropython", "plain_talk", ingest.url, silence(0.1))
    assert (end(said)["sent"], len(ingest.audio)) == (1, 1)


def test_a_full_flash_is_shown_counted_and_reported(device, ingest):
    twice = np.concatenate([WORDS, silence(4.5), WORDS, silence(4.5), WORDS])
    said = device.run("micropython", "small_flash", ingest.url, twice)
    assert "storage full" in states(said)
    assert (end(said)["waiting"], end(said)["lost"]) == (1, 2)
    device.run("micropython", "plain_talk", ingest.url, silence(0.1))
    (fields,) = ingest.fields.values()
    assert fields["lost"] == "2"


def test_a_muted_device_records_nothing_not_even_after_a_restart(device, ingest):
    said = device.run("micropython", "mute", ingest.url)
    assert states(said)[-1] == "muted"
    assert states(device.run("micropython", "plain_talk", ingest.url)) == ["muted"]
    assert (ingest.audio, device.files(".wav")) == ({}, [])
    said = device.run("micropython", "mute", ingest.url)
    assert "recording" in states(said)


def make_certificate(folder, name):
    """A certificate that vouches for itself, for 127.0.0.1."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / f"{name}.pem", folder / f"{name}.key"


def test_a_wrong_certificate_gets_nothing_and_the_right_one_everything(device, tmp_path):
    certificate, stranger = make_certificate(tmp_path, "server"), make_certificate(tmp_path, "stranger")
    with server.serve(certificate) as ingest:
        (device.root / "ca.pem").write_bytes(stranger[0].read_bytes())
        said = device.run("micropython", "give_up", ingest.url)
        assert (ingest.log, end(said)["waiting"]) == ([], 1)
        assert "certificate" in end(said)["error"].lower()
        (device.root / "ca.pem").write_bytes(certificate[0].read_bytes())
        device.run("micropython", "plain_talk", ingest.url, silence(0.1))
        assert outcomes(ingest) == ["stored"]


@pytest.mark.slow
@pytest.mark.parametrize(("python", "count"), [("micropython", 200), ("cpython", 1000)])
def test_hundreds_of_waiting_chunks_all_arrive(python, count, device, ingest):
    from app import wav

    (device.root / "rec").mkdir()
    for number in range(count):
        name = (
            f"{1 + number // 400:08x}-{number % 400:05d}-{number % 400:05d}-{1_779_000_000_000 + number}u.wav"
        )
        (device.root / "rec" / name).write_bytes(wav.make_header(None) + bytes([number % 256]) * 512)
    (device.root / "nvs.json").write_text('{"boot": 6}')
    said = device.run(python, "plain_talk", ingest.url, silence(0.1))
    assert (end(said)["sent"], len(ingest.audio), device.files(".wav")) == (count, count, [])


class PatientHost(Host):
    """The device's ten minutes pass in seconds: its page waits for the phone, which lives in real time."""

    def do_accept(self, number: int) -> int:
        self._streams[number].settimeout(LIMIT_S)
        accepted = super().do_accept(number)
        self._streams[accepted].settimeout(LIMIT_S)
        return accepted


def fill_in(host, fields, answers):
    """Whoever stands there with a phone."""
    wait_until(lambda: 80 in host.listening)
    url = f"http://127.0.0.1:{host.listening[80]}/"
    for form in fields:
        body = urllib.parse.urlencode(form).encode() if form else None
        with urllib.request.urlopen(url, body, timeout=LIMIT_S) as answer:
            answers.append(answer.read().decode())


def test_the_settings_page_keeps_a_network_only_once_it_works(device, tmp_path):
    host, answers = PatientHost(), []
    settings = json.dumps({"server": "http://192.168.1.5:8787", "device": "coat", "key": "k"})
    forms = [
        None,
        {"network": "home", "password": "wrong password", "settings": settings},
        {"network": "home", "password": "correct horse", "settings": settings},
    ]
    phone = threading.Thread(target=fill_in, args=(host, forms, answers), daemon=True)
    phone.start()
    (device.root / "config.json").write_text('{"networks": [["old", "still there"]]}')
    write_wav(device.root / "sound.wav", silence(0.1))
    printed = run_in_micropython("settings_page", device.root, device.plain, host)
    phone.join()
    assert '<option value="home">' in answers[0]
    assert "did not let the recorder in" in answers[1]
    assert "Saved" in answers[2]
    saved = json.loads((device.root / "config.json").read_text())
    assert saved["networks"] == [["home", "correct horse"], ["old", "still there"]]
    assert (saved["server"], saved["device"]) == ("http://192.168.1.5:8787", "coat")
    assert "join REM-abcd with the password " + (device.root / "portal.txt").read_text() in printed
    assert states(host.said)[0] == "portal"
