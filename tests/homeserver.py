"""`rem up` as a real process, for tests and benchmarks: start, ask, kill, start again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx2

from rem.adapters.models import DEMO_DIR
from rem.definition import ROOT

HZ = 16_000
LIMIT_S = 300.0  # against hanging only: a busy machine may take its time
STARTED = '"event": "started"'  # the last line that `rem up` logs before it serves
CLI = (sys.executable, "-c", "from rem.cli.main import main; main()")
DEMO_MODELS = ("--whisper", "demo", "--diarization", "demo", "--language", "en")


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run_cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@dataclass(frozen=True)
class Clip:
    """A few seconds of the demo recording, unlike every other clip."""

    recording_id: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def to_form(self) -> dict[str, str]:
        return {
            "deviceId": "wearable-1",
            "recordingId": self.recording_id,
            "startedAt": "2026-11-25T08:00:00Z",
            "endedAt": "2026-11-25T08:00:05Z",
            "sha256": self.sha256,
        }


def cut_clips(count: int, seconds: float) -> list[Clip]:
    """Clips that start a quarter of a second apart."""
    with wave.open(str(DEMO_DIR / "standup.wav")) as file:
        pcm = file.readframes(file.getnframes())
    return [_cut(pcm, number, int(seconds * HZ)) for number in range(count)]


def _cut(pcm: bytes, number: int, samples: int) -> Clip:
    buffer, start = io.BytesIO(), number * HZ // 4
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(HZ)
        file.writeframes(pcm[2 * start : 2 * (start + samples)])
    return Clip(f"clip-{number:03}", buffer.getvalue())


class HomeServer:
    """One data folder and whatever process serves it now."""

    def __init__(self, data: Path, *options: str, **environment: str) -> None:
        self.data, self.port = data, find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = ""
        self.process: subprocess.Popen[bytes]
        self._options = options
        self.environment = {"XDG_STATE_HOME": str(data.parent / "state"), **environment}

    def start(self) -> None:
        command = [
            *CLI,
            "up",
            "--data",
            str(self.data),
            "--port",
            str(self.port),
            *DEMO_MODELS,
            *self._options,
        ]
        starts = self.count_starts()
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **self.environment}, stdout=output, stderr=output
            )
        self._wait_started(starts)
        if not self.key:
            made = run_cli("keys", "add", "--data", str(self.data), "--json")
            assert made.returncode == 0, made.stderr
            self.key = json.loads(made.stdout)["key"]

    def _wait_started(self, starts: int) -> None:
        """Wait until the server says that it has started, which is after it has made its first key."""
        deadline_s = time.monotonic() + LIMIT_S
        while self.count_starts() == starts:
            assert self.process.poll() is None, self.read_output()
            assert time.monotonic() < deadline_s, f"not up within {LIMIT_S:.0f} s: {self.read_output()}"
            time.sleep(0.05)
        assert httpx2.get(f"{self.url}/health", timeout=LIMIT_S).status_code == 200

    def count_starts(self) -> int:
        return self.read_output().count(STARTED)

    @property
    def _output(self) -> Path:
        return self.data.parent / f"{self.data.name}.out"

    def read_output(self) -> str:
        return self._output.read_text() if self._output.exists() else ""

    def kill(self) -> None:
        """As a power cut ends a process: nothing is said, nothing is closed."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=LIMIT_S)

    def post(self, clip: Clip, **fields: str) -> httpx2.Response:
        return httpx2.post(
            f"{self.url}/ingest",
            data={**clip.to_form(), **fields},
            files={"audio": ("audio.wav", clip.content, "audio/wav")},
            headers={"x-api-key": self.key},
            timeout=LIMIT_S,
        )

    def get(self, path: str, **parameters: str) -> Any:
        answer = httpx2.get(
            self.url + path, params=parameters, headers={"x-api-key": self.key}, timeout=LIMIT_S
        )
        answer.raise_for_status()
        return answer.json()
