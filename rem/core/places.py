"""Object keys, and the names by which repeated work is recognised."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

FINGERPRINT_HEX = 20  # 80 bits: within one recording they do not collide in practice
EXECUTION_NAME_MAX = 80  # Step Functions' limit
DOCUMENT_FORMATS = ("json", "srt", "vtt", "txt", "md")


def compute_fingerprint(
    stage: str, version: int, inputs: Sequence[str], settings: Mapping[str, object]
) -> str:
    """Name a stage's result by everything that can change it.

    Args:
        version: Raised by hand when the stage's code changes its output.
        inputs: Fingerprints or ETags of the objects that the stage reads, in order.
        settings: Only those that change the result; neither memory nor thread counts do.
    """
    identity = [stage, version, list(inputs), dict(sorted(settings.items()))]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode())
    return digest.hexdigest()[:FINGERPRINT_HEX]


def artifact_key(recording_id: str, stage: str, fingerprint: str, extension: str = "json") -> str:
    return f"artifacts/{recording_id}/{stage}/{fingerprint}.{extension}"


def parse_fingerprint(key: str) -> str:
    """Take the fingerprint out of an artifact's key."""
    return key.rsplit("/", 1)[-1].split(".", 1)[0]


def transcript_key(user_id: str, device_id: str, recording_id: str, extension: str = "json") -> str:
    return f"transcripts/{user_id}/{device_id}/{recording_id}.{extension}"


def execution_name(recording_id: str, key: str, content: str) -> str:
    """Name the one execution that a recording's content may start.

    SQS delivers twice and S3 may report one upload twice; the same name makes Step Functions start it once.
    A recording id too long for the limit is cut: the hash over key and content keeps the name unique.
    """
    short = hashlib.sha256(f"{key}\n{content}".encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9_.-]", "-", recording_id)[: EXECUTION_NAME_MAX - len(short) - 1]
    return f"{readable}-{short}"
