"""Throughput, latency and memory of the home server: `python -m benchmarks.serve`.

It measures durably accepted uploads per second and their latency by number of clients, the time from a 2xx
to a readable transcript, and the server's memory before and after many recordings. Clips are silent for the
first and the last, so that nothing but the server is measured, and spoken for the second. The models are
the demo's.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from tests.homeserver import HZ, Clip, HomeServer, cut_clips

POLL_S = 0.05
MIB = 2**20


def build_silent_clips(count: int, seconds: float, prefix: str) -> list[Clip]:
    """Build silent clips, each one sample longer than the one before, so that no two are alike."""
    return [_build_silent(f"{prefix}-{i:04}", int(seconds * HZ) + i) for i in range(count)]


def _build_silent(recording_id: str, samples: int) -> Clip:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(HZ)
        file.writeframes(bytes(2 * samples))
    return Clip(recording_id, buffer.getvalue())


def post(server: HomeServer, clip: Clip) -> float:
    started_s = time.monotonic()
    server.post(clip).raise_for_status()
    return time.monotonic() - started_s


def measure_uploads(server: HomeServer, clients: int, count: int) -> None:
    clips = build_silent_clips(count, 10.0, f"up{clients}")
    started_s = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        taken_s = sorted(pool.map(lambda clip: post(server, clip), clips))
    rate = count / (time.monotonic() - started_s)
    p95_s = taken_s[int(0.95 * (count - 1))]
    print(
        f"{clients:>3} clients: {rate:6.1f} uploads/s, p50 {statistics.median(taken_s) * 1000:6.0f} ms, "
        f"p95 {p95_s * 1000:6.0f} ms ({count} clips of {len(clips[0].content) / 1024:.0f} KiB)"
    )


def wait_for(server: HomeServer, recording_id: str, statuses: set[str]) -> None:
    while server.get(f"/recordings/{recording_id}")["status"] not in statuses:
        time.sleep(POLL_S)


def wait_until_idle(server: HomeServer) -> None:
    while any(r["status"] != "COMPLETE" for r in server.get("/recordings", limit="100")["recordings"]):
        time.sleep(1.0)


def measure_transcripts(server: HomeServer, count: int) -> None:
    taken_s = []
    for clip in cut_clips(count + 1, 10.0):
        server.post(clip).raise_for_status()
        started_s = time.monotonic()
        wait_for(server, clip.recording_id, {"TRANSCRIBED", "COMPLETE"})
        taken_s.append(time.monotonic() - started_s)
    warm = taken_s[1:]  # the first may wait for models that still load
    print(
        f"2xx to TRANSCRIBED, 10 s clip: first {taken_s[0]:.1f} s, "
        f"then median {statistics.median(warm):.1f} s, worst {max(warm):.1f} s of {len(warm)}"
    )


def resident_mib(server: HomeServer) -> float:
    """Read the memory of the server process alone; its sandboxes have ceilings of their own."""
    rss: int = psutil.Process(server.process.pid).memory_info().rss
    return rss / MIB


def measure_memory(server: HomeServer, count: int, step: int) -> None:
    print(f"server's memory: {resident_mib(server):.0f} MiB after the uploads above")
    for first in range(0, count, step):
        for clip in build_silent_clips(step, 1.0, f"many{first}"):
            post(server, clip)
        wait_until_idle(server)
        print(f"  {first + step:>4} more recordings: {resident_mib(server):.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--uploads", type=int, default=60, help="per number of clients")
    parser.add_argument("--recordings", type=int, default=500, help="for the memory measurement")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = HomeServer(Path(folder) / "data")
        server.start()
        try:
            measure_transcripts(server, 5)
            for clients in (1, 8, 32):
                measure_uploads(server, clients, arguments.uploads)
                wait_until_idle(server)
            measure_memory(server, arguments.recordings, max(1, arguments.recordings // 5))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
