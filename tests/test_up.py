"""The home server as its devices see it: real processes, real uploads, power cuts."""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.homeserver import LIMIT_S, Clip, HomeServer, cut_clips, run_cli

pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(1800)]
SEED = 20261125
UPLOADS, THREADS, CUTS = 30, 4, 3
CLIP_S = 3.0
DONE_S = PATIENCE_S = 800.0  # against hanging only: a busy machine may take its time


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with HomeServer(tmp_path_factory.mktemp("home") / "data") as started:
        yield started


def send_until_accepted(server: HomeServer, clip: Clip) -> int:
    """What a device does: again and again until there is a 2xx. How many requests that took."""
    deadline_s = time.monotonic() + PATIENCE_S
    for attempt in range(1, 10_000):
        try:
            answer = server.post(clip)
        except httpx2.TransportError:
            time.sleep(0.2)
        else:
            if answer.status_code == 200:
                assert answer.json()["recordingId"] == clip.recording_id
                return attempt
            assert answer.status_code >= 500, answer.text
        assert time.monotonic() < deadline_s, server.read_output()
    raise AssertionError


def wait_until_complete(server: HomeServer, count: int) -> list[dict]:
    deadline_s = time.monotonic() + DONE_S
    while True:
        recordings = server.get("/recordings", limit="100")["recordings"]
        assert not [r for r in recordings if r["status"] == "ERROR"], recordings
        if len(recordings) >= count and all(r["status"] == "COMPLETE" for r in recordings):
            return recordings
        assert time.monotonic() < deadline_s, [(r["recordingId"], r["status"]) for r in recordings]
        time.sleep(0.5)


def test_no_acknowledged_upload_is_lost_to_power_cuts(tmp_path):
    """30 uploads from 4 threads, kill -9 at three random moments: each 2xx ends COMPLETE, exactly once."""
    clips, chance = cut_clips(UPLOADS, CLIP_S), random.Random(SEED)
    with HomeServer(tmp_path / "data") as server:
        with ThreadPoolExecutor(THREADS) as pool:
            sending = [pool.submit(send_until_accepted, server, clip) for clip in clips[: UPLOADS // 2]]
            for cut in range(CUTS):
                time.sleep(chance.uniform(0.1, 6.0))
                server.kill()
                server.start()
                later = clips[UPLOADS // 2 + cut :: CUTS]
                sending += [pool.submit(send_until_accepted, server, clip) for clip in later]
            for future in sending:
                future.result()
        recordings = wait_until_complete(server, UPLOADS)
        assert sorted(r["recordingId"] for r in recordings) == [clip.recording_id for clip in clips]
        executions = json.loads(
            run_cli("executions", "--limit", "100", "--json", "--data", str(server.data)).stdout
        )
        assert [e["status"] for e in executions["executions"]] == ["SUCCEEDED"] * UPLOADS
        transcripts = list(server.data.glob("recordings/*/*/*/*/transcript.json"))
        assert sorted(path.parent.name for path in transcripts) == [clip.recording_id for clip in clips]
        assert server.stop() == 0


def test_a_recording_becomes_a_transcript_and_plain_files(server):
    [clip] = cut_clips(1, 7.0)
    assert server.post(clip).json() == {"success": True, "recordingId": "clip-000", "duplicate": False}
    [recording] = wait_until_complete(server, 1)
    assert recording["recordingId"] == "clip-000"
    document = server.get("/recordings/clip-000/transcript", format="json")
    assert "Good morning everyone" in document["fullText"]
    [folder] = server.data.glob("recordings/2026/11/25/clip-000")
    assert (folder / "audio.wav").read_bytes() == clip.content
    assert "Good morning everyone" in (folder / "transcript.md").read_text()


def test_the_same_upload_from_many_threads_is_one_recording(server):
    [clip] = [Clip("same", cut_clips(9, CLIP_S)[8].content)]
    start = threading.Barrier(8)

    def send() -> dict:
        start.wait()
        return server.post(clip).json()

    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(send) for _ in range(8)]]
    assert all(answer["success"] for answer in answers)
    wait_until_complete(server, 1)
    executions = json.loads(
        run_cli("executions", "--limit", "100", "--json", "--data", str(server.data)).stdout
    )
    assert len([e for e in executions["executions"] if e["execution"].startswith("same")]) == 1


def test_a_second_server_on_the_same_folder_is_refused(server):
    second = run_cli(
        "up", "--data", str(server.data), "--port", "0", "--whisper", "demo", "--diarization", "demo"
    )
    assert second.returncode == 2
    assert str(server.data) in second.stderr
    assert "Traceback" not in second.stderr
    assert server.get("/health")["status"] == "ok"


def test_commands_find_the_server_that_runs_without_being_told(server):
    found = run_cli("list", "--json", **server.environment)
    assert found.returncode == 0, found.stderr
    listed = json.loads(found.stdout)["recordings"]
    assert {r["recordingId"] for r in listed} == {
        r["recordingId"] for r in server.get("/recordings", limit="100")["recordings"]
    }


def test_keys_are_never_optional(server):
    [clip] = cut_clips(1, 1.0)
    for key in ("", "rem_nobody_nothing"):
        answer = httpx2.post(
            f"{server.url}/ingest",
            data=clip.to_form(),
            files={"audio": clip.content},
            headers={"x-api-key": key},
            timeout=LIMIT_S,
        )
        assert answer.status_code in (401, 403)


def test_first_start_prints_a_key_and_only_the_first(tmp_path):
    with HomeServer(tmp_path / "data") as server:
        assert server.read_output().count("rem_") >= 1
        first = server.read_output()
        server.stop()
        server.start()
        again = server.read_output()[len(first) :]
        assert "rem_" not in again


def test_files_dropped_into_the_watched_folder_become_recordings(tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    with HomeServer(tmp_path / "data", "--watch", str(folder)) as server:
        (folder / "memo.wav").write_bytes(cut_clips(1, 5.0)[0].content)
        [recording] = wait_until_complete(server, 1)
        assert recording["recordingId"].startswith("memo-")
        assert server.stop() == 0
        assert (folder / "memo.wav").exists()
