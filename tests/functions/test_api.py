"""The API as a function: every route and every status, on API Gateway's own event."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.ingest.answers import MOST_ANSWERED_BYTES
from functions.ingest.api import respond
from functions.ingest.app import Services
from functions.ingest.openapi import FILE, build_openapi
from rem.core.api_keys import Scope
from rem.core.places import execution_name
from rem.core.recordings import Recording
from rem.core.records import Record, Status
from rem.core.tickets import read_ticket
from rem.library.documents import write_documents
from rem.library.intake import SMALL_BYTES, Intake
from rem.library.keyring import Keyring
from rem.library.library import Library
from rem.library.upload_parts import PART_BYTES
from rem.transcripts.transcript import Segment, Speaker, Transcript, Word
from tests.fakes import FakeApiKeys, FakeCatalog, FakeExecutions, FakeStore, FakeUploads
from tests.functions.requests import WAV, Answer, build_event, build_form

DAY = datetime.fromtimestamp(FakeCatalog.FIRST_S, UTC)
DIGEST = hashlib.sha256(WAV).hexdigest()


class Api:
    """The function on in-memory services, with one key of each kind."""

    def __init__(self, parts_secret=None):
        self.store, self.catalog, self.executions = FakeStore(), FakeCatalog(), FakeExecutions()
        self.uploads = FakeUploads(self.store)
        self.now = DAY
        self.keyring = Keyring(FakeApiKeys())
        intake = Intake(self.store, self.catalog, self.uploads, "bucket", lambda: self.now)
        self.services = Services(
            Library(self.store, self.catalog),
            intake,
            self.keyring,
            self.executions,
            self.uploads,
            parts_secret,
        )
        _, self.key = self.keyring.add("me")
        _, self.device_key = self.keyring.add("me", scope=Scope.INGEST, device_id="badge-1")

    def call(self, method, path, *, key=None, json_body=None, **request):
        if json_body is not None:
            request |= {"body": json.dumps(json_body).encode(), "content_type": "application/json"}
        event = build_event(method, path, key=self.key if key is None else key, **request)
        return Answer.from_event(respond(event, None, self.services))

    def ingest(self, audio=WAV, *, key=None, **fields):
        body, content_type = build_form(audio, **fields)
        return self.call("POST", "/ingest", key=key, body=body, content_type=content_type)

    def transcribe(self, recording_id="walk", text=" hello", **fields):
        """Put a recording there as the pipeline leaves it."""
        recording = Recording(
            recording_id,
            "me",
            "badge-1",
            "2026-11-24T09:30:00+00:00",
            "bucket",
            f"raw/me/badge-1/2026/11/24/{recording_id}.wav",
        )
        words = (Word(0, 0.5, text, 0.9),)
        speakers = (Speaker("SPEAKER_00", 0.5),)
        transcript = Transcript(
            recording, 1.0, 0.5, "en", "m", "t", (Segment(words, "SPEAKER_00"),), (), speakers
        )
        self.store.create(recording.key, WAV, "audio/wav", {})
        write_documents(self.store, transcript)
        self.catalog.advance(recording, Status.COMPLETE, {"title": "Hello", **fields})


@pytest.fixture
def served():
    return Api()


def test_a_recording_is_taken_in(served):
    answer = served.ingest(recordingId="walk", endedAt="2026-11-24T09:35:00Z", sha256=DIGEST)
    assert (answer.status, answer.json) == (200, {"success": True, "recordingId": "walk", "duplicate": False})
    key = "raw/me/badge-1/2026/11/24/walk.wav"
    assert served.store.objects[key] == WAV
    assert served.store.metadata[key] == {
        "started-at": "2026-11-24T09:30:00.000+00:00",
        "ended-at": "2026-11-24T09:35:00.000+00:00",
        "sha256": DIGEST,
    }


def test_the_record_is_there_before_the_object(served):
    class Watching(FakeStore):
        def create(self, key, *args):
            assert served.catalog.read("me", "walk").status == Status.UPLOADED
            return super().create(key, *args)

    store = Watching()
    intake = Intake(store, served.catalog, served.uploads, "bucket")
    served.services = Services(
        Library(store, served.catalog), intake, served.keyring, served.executions, served.uploads
    )
    assert served.ingest(recordingId="walk").status == 200
    assert len(store.objects) == 1


def test_the_device_may_call_its_field_file(served):
    assert served.ingest(field="file").status == 200


def test_what_the_device_counts_is_in_the_record(served):
    counters = {"sessionId": "talk", "seq": "3", "battery": "81.5", "lost": "2", "clock": "ntp", "fw": "1.2"}
    served.ingest(recordingId="walk", endedAt="2026-11-24T10:35:00+01:00", **counters)
    record = served.catalog.read("me", "walk")
    assert (record.session_id, record.seq, record.battery, record.lost) == ("talk", 3, 81.5, 2)
    assert (record.clock, record.fw) == ("ntp", "1.2")
    assert record.ended_at == "2026-11-24T09:35:00.000+00:00"
    assert record.sha256 == DIGEST


def test_a_repeat_after_a_lost_answer_is_one_recording(served):
    first, second = served.ingest(recordingId="walk"), served.ingest(recordingId="walk")
    assert (first.json["duplicate"], second.json["duplicate"]) == (False, True)
    assert len(served.catalog.records) == len(served.store.objects) == 1


def test_without_an_id_the_content_makes_one(served):
    first, second = served.ingest(), served.ingest()
    assert first.json["recordingId"] == second.json["recordingId"]
    assert (first.json["duplicate"], second.json["duplicate"]) == (False, True)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({}, {"startedAt": "2026-11-24T10:00:00Z"}),
        ({"sessionId": "s", "seq": "0"}, {"sessionId": "s", "seq": "1"}),
        ({"sessionId": "s", "seq": "0"}, {"sessionId": "s", "seq": "0", "deviceId": "badge-2"}),
    ],
)
def test_equal_bytes_from_another_place_in_time_are_another_recording(served, first, then):
    """Silence is the same bytes each time: without this, a muted device's ledger never fills."""
    served.ingest(**first)
    again = served.ingest(**then)
    assert not again.json["duplicate"]
    assert len(served.store.objects) == 2


def test_the_ledger_of_a_muted_device_is_complete(served):
    for seq in range(5):
        served.ingest(sessionId="s", seq=str(seq), startedAt=f"2026-11-24T09:0{seq}:00Z")
    ledger = served.call("GET", "/devices/badge-1/ledger").json
    assert (ledger["sessions"][0]["received"], ledger["sessions"][0]["missing"]) == ([[0, 4]], [])


def test_the_same_number_of_a_session_under_another_id_is_a_duplicate(served):
    served.ingest(recordingId="walk", sessionId="s", seq="3")
    again = served.ingest(recordingId="walk-again", sessionId="s", seq="3")
    assert again.json == {"success": True, "recordingId": "walk", "duplicate": True}
    assert len(served.store.objects) == 1


def test_the_same_bytes_through_another_door_are_there_already(served):
    served.ingest(recordingId="memo-1", deviceId="watch")
    again = served.ingest(recordingId="memo-copy", deviceId="cli", startedAt="2026-11-24T11:00:00Z")
    assert again.json == {"success": True, "recordingId": "memo-1", "duplicate": True}
    large = served.call("POST", "/uploads", json_body=announce(sha256=DIGEST, recordingId="memo-large"))
    assert (large.json["recordingId"], large.json["duplicate"], large.json["parts"]) == ("memo-1", True, [])


def test_a_deleted_recording_does_not_stand_for_its_bytes(served):
    served.ingest(recordingId="memo-1")
    served.call("DELETE", "/recordings/memo-1")
    assert not served.ingest(recordingId="memo-2").json["duplicate"]


@pytest.mark.parametrize("claimed", ["1970-01-01T00:00:07Z", "2099-01-01T00:00:00Z", "0002-01-01T00:00:00Z"])
def test_a_clock_that_is_wrong_is_taken_and_marked(served, claimed):
    first = served.ingest(startedAt=claimed)
    assert served.ingest(startedAt=claimed).json == {**first.json, "duplicate": True}
    record = served.catalog.records[first.json["recordingId"]]
    assert record["clock"] == "wrong"
    assert datetime.fromisoformat(record["claimedStartedAt"]) == datetime.fromisoformat(claimed)
    assert datetime.fromisoformat(record["startedAt"]) == served.now


def test_a_wrong_clock_keeps_the_length_that_it_told(served):
    answer = served.ingest(startedAt="1970-01-01T00:00:00Z", endedAt="1970-01-01T00:05:00Z")
    record = served.catalog.records[answer.json["recordingId"]]
    length = datetime.fromisoformat(record["endedAt"]) - datetime.fromisoformat(record["startedAt"])
    assert length == timedelta(minutes=5)


def test_a_repeat_with_another_start_is_still_the_same_object(served):
    served.ingest(recordingId="walk")
    again = served.ingest(recordingId="walk", startedAt="2026-11-25T00:00:00Z")
    assert again.json["duplicate"]
    assert len(served.store.objects) == 1


def test_a_record_whose_sound_never_arrived_gets_it_with_the_repeat(served):
    served.ingest(recordingId="walk")
    served.store.objects.clear()
    assert served.ingest(recordingId="walk").json["duplicate"] is False
    assert len(served.store.objects) == 1


def test_the_same_id_with_other_bytes_is_a_conflict(served):
    served.ingest(recordingId="walk")
    answer = served.ingest(WAV + b"\0", recordingId="walk")
    assert (answer.status, answer.json["error"]) == (409, "Conflict")
    assert DIGEST in answer.json["message"]


def test_the_id_of_another_device_is_a_conflict(served):
    served.ingest(recordingId="walk")
    assert served.ingest(recordingId="walk", deviceId="badge-2").status == 409


def test_bytes_that_never_arrived_hold_an_id_for_two_minutes(served):
    served.ingest(recordingId="walk")
    served.store.objects.clear()
    answer = served.ingest(WAV + b"\0", recordingId="walk")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    served.now = DAY + timedelta(minutes=3)
    assert served.ingest(WAV + b"\0", recordingId="walk").json["duplicate"] is False


@pytest.mark.parametrize("audio", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_is_no_sound_is_refused_by_its_bytes(served, audio):
    answer = served.ingest(audio, recordingId="walk")
    assert (answer.status, answer.json["error"]) == (415, "NotAudio")
    assert served.catalog.records == {}


def test_a_wrong_checksum_stores_nothing(served):
    answer = served.ingest(sha256="0" * 64)
    assert (answer.status, DIGEST in answer.json["message"]) == (422, True)
    assert served.store.objects == served.catalog.records == {}


def test_four_mebibytes_are_taken_and_a_byte_more_is_told_where_to_go(served):
    whole = WAV + bytes(SMALL_BYTES - len(WAV))
    assert served.ingest(whole).status == 200
    answer = served.ingest(whole + b"\0")
    assert (answer.status, answer.json["use"]) == (413, "POST /uploads")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("deviceId", None),
        ("deviceId", "../../etc"),
        ("deviceId", "a/b"),
        ("deviceId", ""),
        ("deviceId", "x" * 129),
        ("recordingId", "a/../b"),
        ("recordingId", "a\nb"),
        ("recordingId", "walk\n"),
        ("recordingId", "ä"),
        ("recordingId", ".hidden"),
        ("sessionId", "a b"),
        ("startedAt", None),
        ("startedAt", "yesterday"),
        ("startedAt", "7"),
        ("startedAt", "0001-01-01T00:00:00Z"),
        ("endedAt", "2026-11-24T09:29:59Z"),
        ("seq", "-1"),
        ("seq", "x"),
        ("battery", "101"),
        ("battery", "nan"),
        ("sha256", "abc"),
        ("clock", "sundial"),
    ],
)
def test_a_malformed_field_is_named(served, field, value):
    answer = served.ingest(**{field: value})
    assert answer.status == 400
    assert field in answer.json["message"]
    assert served.store.objects == served.catalog.records == {}


def test_a_form_without_audio_says_how_it_is_called(served):
    answer = served.ingest(None)
    assert (answer.status, "'audio'" in answer.json["message"]) == (400, True)


def test_a_form_that_was_cut_off_is_refused(served):
    body, content_type = build_form(recordingId="walk")
    for end in (len(body) - 5, len(body) - 40, len(body) // 2, 3, 0):
        answer = served.call("POST", "/ingest", body=body[:end], content_type=content_type)
        assert answer.status == 400, end
    assert served.store.objects == {}


def test_a_field_that_is_there_twice_is_refused(served):
    body, content_type = build_form(recordingId="walk")
    boundary = content_type.split("boundary=")[1]
    again = f'--{boundary}\r\nContent-Disposition: form-data; name="deviceId"\r\n\r\nbadge-2\r\n'.encode()
    answer = served.call("POST", "/ingest", body=again + body, content_type=content_type)
    assert (answer.status, "'deviceId' twice" in answer.json["message"]) == (400, True)


def write_form(*parts):
    """A form by hand, for what encoders do not write: (what follows "form-data; ", content)."""
    written = b"".join(
        b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    )
    return {"body": written + b"--b--\r\n", "content_type": "multipart/form-data; boundary=b"}


STARTED = (b'name="startedAt"', b"2026-11-24T09:30:00Z")


def test_a_file_name_cannot_pose_as_a_field(served):
    sneaky = (b'name="audio"; filename="; name=deviceId; name=x"', WAV)
    form = write_form((b'name="deviceId"', b"badge-1"), STARTED, sneaky)
    assert served.call("POST", "/ingest", **form).status == 200


def test_sound_that_holds_the_boundary_is_stored_whole(served):
    audio = WAV + b"--b--\r\n" + WAV + b"-\r\n--a"
    form = write_form((b'name="deviceId"', b"badge-1"), STARTED, (b'name="audio"; filename="a"', audio))
    assert served.call("POST", "/ingest", **form).status == 200
    assert [*served.store.objects.values()] == [audio]


@pytest.mark.parametrize("content_type", ["text/plain", "audio/wav", "application/xml"])
def test_another_content_type_is_415(served, content_type):
    answer = served.call("POST", "/ingest", body=b"hello", content_type=content_type)
    assert answer.status == 415


# Keys


@pytest.mark.parametrize("key", ["", "hello", "rem_aaaaaaaaaa_" + "a" * 52])
def test_a_wrong_key_is_401_before_anything_is_read(served, key):
    answer = served.call("POST", "/ingest", key=key, body=b"nonsense", content_type="multipart/form-data")
    assert (answer.status, answer.json["error"]) == (401, "Unauthorized")


def test_a_revoked_key_is_401(served):
    key, text = served.keyring.add("me")
    assert served.call("GET", "/recordings", key=text).status == 200
    served.keyring.revoke(key.key_id)
    assert served.call("GET", "/recordings", key=text).status == 401


def test_another_devices_id_is_403(served):
    answer = served.ingest(key=served.device_key, deviceId="badge-2")
    assert (answer.status, "badge-1 only" in answer.json["message"]) == (403, True)
    assert served.ingest(key=served.device_key).status == 200


def test_a_key_that_may_only_upload_reads_nothing_but_its_ledger(served):
    served.transcribe()
    forbidden = [
        ("GET", "/recordings"),
        ("GET", "/recordings/walk"),
        ("GET", "/recordings/walk/transcript"),
        ("DELETE", "/recordings/walk"),
        ("GET", "/devices"),
        ("GET", "/sessions/s/transcript"),
        ("GET", "/devices/badge-2/ledger"),
    ]
    for method, path in forbidden:
        assert served.call(method, path, key=served.device_key).status == 403, path
    assert served.call("GET", "/devices/badge-1/ledger", key=served.device_key).status == 200
    assert served.catalog.read("me", "walk")


def test_a_key_for_one_device_sees_only_its_recordings(served):
    served.transcribe()
    served.ingest(recordingId="other", deviceId="badge-2")
    _, key = served.keyring.add("me", device_id="badge-2")
    listed = served.call("GET", "/recordings", key=key).json["recordings"]
    assert [r["recordingId"] for r in listed] == ["other"]
    assert served.call("GET", "/recordings/walk", key=key).status == 403
    assert served.call("GET", "/recordings", key=key, query={"deviceId": "badge-1"}).status == 403


def test_another_users_recordings_are_not_there(served):
    served.transcribe()
    _, key = served.keyring.add("you")
    assert served.call("GET", "/recordings", key=key).json["recordings"] == []
    for method in ("GET", "DELETE"):
        assert served.call(method, "/recordings/walk", key=key).status == 404


def test_health_needs_no_key(served):
    assert served.call("GET", "/health", key="").json == {"status": "ok"}


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("PUT", "/ingest"), ("GET", "/recordings/a/b/c")])
def test_what_is_no_route_is_404(served, method, path):
    answer = served.call(method, path)
    assert (answer.status, answer.json["error"]) == (404, "NotFound")


# Large files

LARGE = WAV + bytes(2 * PART_BYTES)
LARGE_DIGEST = hashlib.sha256(LARGE).hexdigest()


def announce(**changes):
    request = {
        "deviceId": "cli",
        "startedAt": "2026-11-24T09:30:00Z",
        "recordingId": "concert",
        "sha256": LARGE_DIGEST,
        "sizeBytes": len(LARGE),
        "format": "wav",
    }
    return {**request, **changes}


def send_parts(served, state, numbers=(1, 2, 3)):
    """PUT parts to the fake S3; their ETags by number."""
    [upload] = served.uploads.parts.values()
    for number in numbers:
        upload[number] = LARGE[(number - 1) * PART_BYTES : number * PART_BYTES]
    return [
        {"number": n, "etag": hashlib.md5(part, usedforsecurity=False).hexdigest()}
        for n, part in upload.items()
    ]


def test_a_large_file_comes_in_parts(served):
    state = served.call("POST", "/uploads", json_body=announce()).json
    assert [part["sizeBytes"] for part in state["parts"]] == [PART_BYTES, PART_BYTES, len(WAV)]
    assert all("partNumber" in part["url"] for part in state["parts"])
    parts = send_parts(served, state)
    answer = served.call("POST", "/uploads/concert/complete", json_body={"parts": parts})
    assert answer.json == {"success": True, "recordingId": "concert", "duplicate": False}
    key = "raw/me/cli/2026/11/24/concert.wav"
    assert served.store.objects[key] == LARGE
    assert served.store.metadata[key]["sha256"] == LARGE_DIGEST
    assert served.catalog.read("me", "concert").upload_id is None


def test_an_upload_goes_on_where_it_was(served):
    served.call("POST", "/uploads", json_body=announce())
    send_parts(served, {}, [2])
    for state in (
        served.call("GET", "/uploads/concert").json,
        served.call("POST", "/uploads", json_body=announce()).json,
    ):
        assert [part["etag"] is None for part in state["parts"]] == [True, False, True]
        assert [part["url"] is None for part in state["parts"]] == [False, True, False]
    assert len(served.uploads.parts) == 1


def test_missing_and_damaged_parts_are_named(served):
    served.call("POST", "/uploads", json_body=announce())
    parts = send_parts(served, {}, [1, 2])
    parts[1]["etag"] = "0" * 32
    answer = served.call("POST", "/uploads/concert/complete", json_body={"parts": parts})
    assert (answer.status, answer.json["message"][:10]) == (422, "parts 2, 3")
    assert served.store.objects == {}


def test_completing_twice_is_a_duplicate(served):
    served.call("POST", "/uploads", json_body=announce())
    parts = send_parts(served, {})
    served.call("POST", "/uploads/concert/complete", json_body={"parts": parts})
    again = served.call("POST", "/uploads/concert/complete", json_body={"parts": parts})
    assert again.json == {"success": True, "recordingId": "concert", "duplicate": True}


def test_a_file_that_is_there_needs_no_parts(served):
    served.call("POST", "/uploads", json_body=announce())
    served.call("POST", "/uploads/concert/complete", json_body={"parts": send_parts(served, {})})
    state = served.call("POST", "/uploads", json_body=announce()).json
    assert (state["duplicate"], state["parts"]) == (True, [])
    assert served.call("POST", "/uploads", json_body=announce(sha256="0" * 64)).status == 409


def test_an_upload_that_the_server_forgot_begins_anew(served):
    served.call("POST", "/uploads", json_body=announce())
    served.uploads.parts.clear()
    assert served.call("GET", "/uploads/concert").status == 404
    assert len(served.call("POST", "/uploads", json_body=announce()).json["parts"]) == 3


def test_an_upload_is_ended(served):
    served.call("POST", "/uploads", json_body=announce())
    assert served.call("DELETE", "/uploads/concert").json == {"recordingId": "concert", "aborted": True}
    assert (served.uploads.parts, served.catalog.records) == ({}, {})
    assert served.call("DELETE", "/uploads/concert").status == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"format": "../wav"}, 415),
        ({"sizeBytes": 3 * 2**30 + 1}, 413),
        ({"sizeBytes": 0}, 400),
        ({"sha256": None}, 400),
        ({"deviceId": "a/b"}, 400),
        ({"recordingId": ".."}, 400),
    ],
)
def test_an_upload_that_cannot_be_taken_is_refused_at_once(served, change, status):
    answer = served.call("POST", "/uploads", json_body=announce(**change))
    assert answer.status == status
    assert served.catalog.records == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"{}"])
def test_json_that_is_no_request_is_400(served, body):
    for path in ("/uploads", "/uploads/walk/complete"):
        assert served.call("POST", path, body=body, content_type="application/json").status == 400


def test_other_bytes_do_not_take_over_an_open_upload(served):
    served.call("POST", "/uploads", json_body=announce())
    served.now = DAY + timedelta(hours=1)
    answer = served.call("POST", "/uploads", json_body=announce(sha256="0" * 64))
    assert (answer.status, "DELETE /uploads/concert" in answer.json["message"]) == (409, True)


def test_a_server_that_takes_parts_itself_gives_tickets_under_its_own_name():
    served = Api(parts_secret="secret")
    state = served.call("POST", "/uploads", json_body=announce()).json
    base, _, ticket = state["parts"][2]["url"].rpartition("/")
    assert base == "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/parts"
    read = read_ticket(ticket, "secret", 0)
    assert (read.number, read.size_bytes) == (3, len(WAV))


# Reading


def test_recordings_are_listed_and_shown_without_bookkeeping(served):
    served.transcribe()
    [listed] = served.call("GET", "/recordings").json["recordings"]
    assert (listed["recordingId"], listed["status"], listed["title"]) == ("walk", "COMPLETE", "Hello")
    assert not {"statusRank", "open", "userId", "key"} & listed.keys()
    assert served.call("GET", "/recordings/walk").json == listed
    assert served.call("GET", "/recordings/nobody").status == 404


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"since": "x"}, {"deviceId": "a/b"}])
def test_a_malformed_query_is_400(served, query):
    assert served.call("GET", "/recordings", query=query).status == 400


@pytest.mark.parametrize(
    ("document_format", "content_type"),
    [
        ("json", "application/json"),
        ("srt", "application/x-subrip"),
        ("vtt", "text/vtt"),
        ("txt", "text/plain; charset=utf-8"),
        ("md", "text/markdown; charset=utf-8"),
    ],
)
def test_a_transcript_is_read_in_every_format(served, document_format, content_type):
    served.transcribe()
    answer = served.call("GET", "/recordings/walk/transcript", query={"format": document_format})
    assert (answer.status, answer.headers["content-type"]) == (200, content_type)
    assert "hello" in answer.text


def test_a_transcript_that_is_not_there_yet_is_404_and_says_why(served):
    served.ingest(recordingId="new")
    answer = served.call("GET", "/recordings/new/transcript")
    assert (answer.status, "it is UPLOADED" in answer.json["message"]) == (404, True)
    assert served.call("GET", "/recordings/new/transcript", query={"format": "pdf"}).status == 400


def test_voices_are_named(served):
    served.transcribe()
    answer = served.call("PATCH", "/recordings/walk/speakers", json_body={"names": {"SPEAKER_00": "Ada"}})
    assert answer.json == {"recordingId": "walk", "speakerNames": {"SPEAKER_00": "Ada"}}
    text = served.call("GET", "/recordings/walk/transcript", query={"format": "txt"}).text
    assert text == "[0:00] Ada: hello\n"
    assert served.call("GET", "/recordings/walk").json["speakerNames"] == {"SPEAKER_00": "Ada"}
    refused = (
        {"SPEAKER_00": "x" * 81},
        {"SPEAKER_00": "SPEAKER_01"},
        {"SPEAKER_00": " "},
        {"SPEAKER_00": None},
        {},
    )
    for names, status in (({"SPEAKER_09": "Ada"}, 404), *((names, 400) for names in refused)):
        assert served.call("PATCH", "/recordings/walk/speakers", json_body={"names": names}).status == status


def test_a_deleted_recording_is_gone_and_its_execution_stopped(served):
    served.ingest(recordingId="walk")
    key = served.catalog.read("me", "walk").key
    name = execution_name("walk", key, served.store.read_head(key).etag)
    arn = served.executions.add(name, "RUNNING")
    removed = served.call("DELETE", "/recordings/walk").json["removed"]
    assert removed == [key, "record me/walk"]
    assert served.executions.executions[arn]["status"] == "ABORTED"
    assert served.store.objects == {}
    assert served.call("GET", "/recordings").json["recordings"] == []
    assert served.ingest(recordingId="walk").status == 503
    assert served.call("DELETE", "/recordings/walk").status == 404


def test_deleting_ends_an_open_upload(served):
    served.call("POST", "/uploads", json_body=announce())
    assert served.call("DELETE", "/recordings/concert").status == 200
    assert served.uploads.parts == {}


def test_devices_tell_what_they_said_last(served):
    served.ingest(recordingId="a", battery="80", startedAt="2026-11-24T09:00:00Z", fw="1")
    served.ingest(WAV + b"1", recordingId="b", battery="70", startedAt="2026-11-24T10:00:00Z")
    served.ingest(WAV + b"2", recordingId="c", deviceId="phone")
    devices = {d["deviceId"]: d for d in served.call("GET", "/devices").json["devices"]}
    badge = {"recordings": 2, "battery": 70, "fw": "1", "lastStartedAt": "2026-11-24T10:00:00.000+00:00"}
    assert {name: devices["badge-1"][name] for name in badge} == badge
    assert devices["phone"]["recordings"] == 1


def test_the_ledger_names_what_is_missing(served):
    for seq in (0, 1, 4):
        served.ingest(WAV + bytes([seq]), recordingId=f"badge-1-{10 + seq:05}", sessionId="s", seq=str(seq))
    ledger = served.call("GET", "/devices/badge-1/ledger", key=served.device_key).json
    assert ledger["resend"] == ["badge-1-00012", "badge-1-00013"]
    assert ledger["sessions"][0]["received"] == [[0, 1], [4, 4]]


def test_the_ledger_is_silent_about_a_session_of_which_it_saw_only_the_end(served):
    served.catalog.find = lambda *args, **query: api_page(served)
    ledger = served.call("GET", "/devices/badge-1/ledger").json
    assert [session["sessionId"] for session in ledger["sessions"]] == ["new"]


def api_page(served):
    from rem.ports import Page

    def record(session, seq):
        recording = Recording(f"r-{seq}", "me", "badge-1", f"2026-11-24T09:0{seq}:00+00:00", "b", "k")
        return replace(Record.begin(recording, Status.COMPLETE), session_id=session, seq=seq)

    return Page([record("new", 9), record("old", 8)], "more")


def test_a_session_is_one_conversation(served):
    served.transcribe("b", session_id="talk", seq=1)
    served.transcribe("a", session_id="talk", seq=0)
    document = served.call("GET", "/sessions/talk/transcript").json
    assert [r["recordingId"] for r in document["recordings"]] == ["a", "b"]
    assert document["fullText"] == "hello hello"
    text = served.call("GET", "/sessions/talk/transcript", query={"format": "txt"}).text
    assert text == "[0:00] 0/SPEAKER_00: hello\n[0:01] 1/SPEAKER_00: hello\n"
    assert served.call("GET", "/sessions/quiet/transcript").status == 404


def test_a_transcript_that_no_answer_carries_is_413(served):
    served.transcribe()
    key = "transcripts/me/badge-1/walk.json"
    long = {**served.store.read_json(key), "notes": {"long": {"text": "x" * MOST_ANSWERED_BYTES}}}
    served.store.write_json(key, long)
    answer = served.call("GET", "/recordings/walk/transcript")
    assert (answer.status, "format=txt" in answer.json["message"]) == (413, True)


def test_the_committed_description_is_current():
    hint = "python -m functions.ingest.openapi"
    assert json.loads(FILE.read_text()) == build_openapi(), f"run {hint}"


# Whatever arrives, the API answers; it never breaks.

SHARED = Api()
pieces = st.sampled_from(
    [
        b"--b",
        b"--b--",
        b"\r\n",
        b"\n",
        b"--",
        b'Content-Disposition: form-data; name="deviceId"',
        b'Content-Disposition: form-data; name="audio"; filename="a"',
        b"Content-Disposition: form-data",
        b"Content-Type: audio/wav",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
        b"badge-1",
        b"2026-11-24T09:30:00Z",
        b'name="\xff\xfe"',
        WAV,
        b"",
    ]
)
bodies = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(pieces, st.binary(max_size=8)), max_size=24).map(b"".join),
    st.lists(pieces, max_size=12).map(lambda parts: b"--b\r\n" + b"\r\n".join(parts) + b"\r\n--b--\r\n"),
)


@given(
    bodies, st.sampled_from(["; boundary=b", "", "; boundary=", '; boundary="b"', "; boundary=" + "x" * 300])
)
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_no_form_breaks_the_api(body, boundary):
    answer = SHARED.call("POST", "/ingest", body=body, content_type=f"multipart/form-data{boundary}")
    assert answer.status in (200, 400, 409, 413, 415, 422), answer.text


fields = st.dictionaries(
    st.sampled_from(
        ["deviceId", "startedAt", "endedAt", "recordingId", "seq", "battery", "sha256", "sessionId"]
    ),
    st.text(max_size=20),
    max_size=4,
)


@given(fields, st.binary(max_size=50))
@settings(max_examples=200)
def test_no_field_breaks_the_api_or_leaves_its_folder(values, tail):
    answer = SHARED.ingest(WAV + tail, **values)
    assert answer.status in (200, 400, 409, 503), answer.text
    for key in SHARED.store.objects:
        assert Recording.from_raw_key("bucket", key).user_id == "me"


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=10))


def objects(values):
    names = "deviceId startedAt recordingId sha256 sizeBytes format parts number etag names".split()
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=5), values, max_size=5)


documents = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | objects(inner), max_leaves=8)


@given(documents, st.sampled_from(["/uploads", "/uploads/walk/complete", "/recordings/walk/speakers"]))
@settings(max_examples=300)
def test_no_json_breaks_the_api(document, path):
    method = "PATCH" if path.endswith("speakers") else "POST"
    assert SHARED.call(method, path, json_body=document).status in (200, 400, 404, 409, 413, 415)


@given(
    st.dictionaries(st.sampled_from(["limit", "since", "deviceId", "format"]), st.text(max_size=30)),
    st.sampled_from(["/recordings", "/recordings/walk/transcript", "/devices", "/sessions/s/transcript"]),
)
@settings(max_examples=200)
def test_no_query_breaks_the_api(query, path):
    assert SHARED.call("GET", path, query=query).status in (200, 400, 404)


@given(st.text(min_size=1, max_size=20))
def test_no_path_breaks_the_api(name):
    for path in (f"/recordings/{name}", f"/devices/{name}/ledger", f"/uploads/{name}"):
        assert SHARED.call("GET", path).status in (200, 400, 404)
