"""Sends what waits, oldest first, until the server has it.

A chunk leaves the flash only when the server named it in its answer. Its id comes from boot and sequence, so
a repeat after a lost answer is recognised there. What fails is tried again, later and later.
"""

import binascii
import hashlib
import json
import os

from app import wav
from app.clock import ESTIMATED, to_iso

FIRST_WAIT_MS = 5_000
LONGEST_WAIT_MS = 900_000
LONGEST_RETRY_AFTER_S = 3_600
LOOK_MS = 2_000  # how often an empty queue is looked at
REFUSED_KEY_WAIT_MS = 3_600_000
LEDGER_EVERY_MS = 3_600_000

ACCEPTED = "accepted"
RETRY = "retry"
KEY = "key"
REFUSED = "refused"


def judge(response, recording_id):
    """Tell what an answer means for the chunk.

    A 2xx counts only if it names the recording: the login page of a hotel answers 200 as well.
    """
    status = response.status
    if 200 <= status < 300:
        return ACCEPTED if _names(response.body, recording_id) else RETRY
    if status in (401, 403):
        return KEY
    if status in (408, 425, 429) or status >= 500 or status < 400:
        return RETRY
    return REFUSED


def _names(body, recording_id):
    try:
        return json.loads(body)["recordingId"] == recording_id
    except (ValueError, KeyError, TypeError):
        return False


def backoff_ms(failures, dice):
    """5 s, 10 s, 20 s … 15 min, each shortened by up to a half.

    Args:
        dice: 0 to 255; devices that lost the server together must not come back together.
    """
    full_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(failures, 10))
    return full_ms - full_ms * dice // 512


class Uploader:
    def __init__(self, store, clock, client, link, firmware):
        """
        Args:
            link: The way to the network: bring_up() is a generator whose result is whether it is there;
                rest() ends it.
            firmware: Version, as the server shows it.
        """
        self.store = store
        self.clock = clock
        self.client = client
        self.link = link
        self.firmware = firmware
        self.battery_pct = None
        self.is_key_refused = False
        self.is_sending = False
        self.failures = 0  # in a row
        self.sent = 0  # since boot
        self.answers = 0  # of the server since boot, of any kind
        self.is_idle = False  # nothing waits
        self.last_error = ""
        self._ledger_due_ms = 0
        self._digest_of = self._digest = None

    def run(self):
        """The upload loop, for ever. Yields how many milliseconds to wait before it goes on."""
        while True:
            entry = self.store.next_waiting()
            is_ledger_due = self.clock.now_ms() >= self._ledger_due_ms
            self.is_idle = entry is None
            if entry is None and not is_ledger_due:
                self.client.close()  # an open connection holds 40 KB
                self.link.rest()
                yield LOOK_MS
            elif not (yield from self.link.bring_up()):
                yield self._fail("no network", {})
            elif entry is None:
                self._ledger_due_ms = self.clock.now_ms() + LEDGER_EVERY_MS
                yield from self._check_ledger()
            else:
                self.is_sending = True
                wait_ms = yield from self._send(entry)
                self.is_sending = False
                yield wait_ms

    def _send(self, entry):
        recording_id = self.store.recording_id(entry)
        try:
            audio = self.store.open_audio(entry)
        except OSError as error:
            return self._refuse(entry, f"{recording_id} cannot be read ({error})")
        try:
            header = wav.make_header(audio.blocks)
            try:
                digest = yield from self._hash(entry, header, audio)
            except OSError as error:
                return self._refuse(entry, f"{recording_id} cannot be read ({error})")
            try:
                yield from self._learn_date()
                response = yield from self._post(entry, digest, header, audio)
            except (OSError, ValueError) as error:
                return self._fail(f"no answer ({error})", {})
        finally:
            audio.close()
        return self._settle(entry, response)

    def _settle(self, entry, response):
        """Do what the answer means; returns how long to wait."""
        recording_id = self.store.recording_id(entry)
        self.answers += 1
        verdict = judge(response, recording_id)
        if verdict == RETRY:
            return self._fail(f"the server answered {response.status}", response.headers)
        self.failures = 0
        self.is_key_refused = verdict == KEY
        if verdict == KEY:
            self.last_error = f"the server refuses this device's key ({response.status})"
            self.client.close()
            return REFUSED_KEY_WAIT_MS
        if verdict == REFUSED:
            return self._refuse(entry, f"the server refuses {recording_id} ({response.status})")
        self.last_error = ""
        self.sent += 1
        self.store.acknowledge(entry)
        return 0

    def _refuse(self, entry, reason):
        self.last_error = reason
        self.store.quarantine(entry)
        return 0

    def _fail(self, reason, headers):
        self.last_error = reason
        self.client.close()
        wait_ms = backoff_ms(self.failures, os.urandom(1)[0])
        self.failures += 1
        asked = headers.get("retry-after", "")
        if asked.isdigit():
            wait_ms = max(wait_ms, min(int(asked), LONGEST_RETRY_AFTER_S) * 1000)
        return wait_ms

    def _learn_date(self):
        """Without NTP the server's own Date header dates the recordings; they are marked as estimated."""
        if self.clock.source is None:
            from app.httpdate import parse_http_date

            response = yield from self.client.request("GET", "/health")
            utc_ms = parse_http_date(response.headers.get("date", ""))
            if utc_ms is None:
                raise OSError("no date from NTP or the server")
            self.clock.set_utc(utc_ms, ESTIMATED)

    def _post(self, entry, digest, header, audio):
        recording_id = self.store.recording_id(entry)
        boundary = "rem" + binascii.hexlify(os.urandom(12)).decode()
        before = b""
        for field, value in self._fields(entry, digest):
            before += _part(boundary, f'name="{field}"') + value.encode() + b"\r\n"
        before += _part(boundary, f'name="audio"; filename="{recording_id}.wav"', "audio/wav") + header
        after = f"\r\n--{boundary}--\r\n".encode()
        headers = (
            ("Content-Type", f"multipart/form-data; boundary={boundary}"),
            ("Idempotency-Key", recording_id),
        )
        audio.seek(0)
        total_bytes = len(before) + audio.blocks * wav.BLOCK_BYTES + len(after)
        return (
            yield from self.client.request("POST", "/ingest", headers, (before, after), audio, total_bytes)
        )

    def _hash(self, entry, header, audio):
        """sha256 of what is sent; remembered over the retries of one chunk."""
        if self._digest_of != entry.key():
            digest = hashlib.sha256(header)
            view = memoryview(self.client.buffer)
            while True:
                count = audio.readinto(self.client.buffer)
                if not count:
                    break
                digest.update(view[:count])
                yield 0
            self._digest_of, self._digest = entry.key(), binascii.hexlify(digest.digest()).decode()
        return self._digest

    def _fields(self, entry, digest):
        start_ms, end_ms, source = self.store.times(entry)
        fields = [
            ("deviceId", self.store.device_id),
            ("recordingId", self.store.recording_id(entry)),
            ("startedAt", to_iso(start_ms)),
            ("endedAt", to_iso(end_ms)),
            ("sha256", digest),
            ("sessionId", self.store.session_id(entry)),
            ("seq", str(entry.seq - entry.first)),
            ("clock", source),
            ("fw", self.firmware),
            ("lost", str(self.store.lost["chunks"])),
        ]
        if self.battery_pct is not None:
            fields.append(("battery", str(self.battery_pct)))
        return fields

    def _check_ledger(self):
        """Once an hour: does the server miss something that is still here?"""
        try:
            response = yield from self.client.request("GET", f"/devices/{self.store.device_id}/ledger")
            self.answers += 1
            if response.status == 200:
                self.store.resend(json.loads(response.body).get("resend", []))
        except (OSError, ValueError) as error:
            self.last_error = f"no ledger ({error})"


def _part(boundary, disposition, content_type=""):
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n".encode()
