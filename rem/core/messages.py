"""The messages on the uploads queue: reading those of S3 and of devices, and writing one like S3's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote_plus

from rem.core.errors import InputError
from rem.core.recordings import Recording


def parse_message(body: Mapping[str, Any]) -> Iterator[tuple[Recording, str]]:
    """Read the recordings that a message announces, each with a mark of its content (S3's ETag, or none).

    Three kinds arrive on the queue: S3's event notification (one or more uploads), S3's test event (nothing),
    and the older job message, which names a recording by itself.

    Raises:
        InputError: any other message, or a key that is no raw key.
    """
    if "Records" in body:
        for record in body["Records"]:
            bucket, stored = record["s3"]["bucket"]["name"], record["s3"]["object"]
            yield Recording.from_raw_key(bucket, unquote_plus(stored["key"])), stored.get("eTag", "")
    elif body.get("Event") == "s3:TestEvent":
        return
    elif "recordingId" in body:
        yield Recording.from_event({k: str(v) for k, v in body.items()}), ""
    else:
        raise InputError(f"the message is neither an S3 event nor a job: it has {', '.join(sorted(body))}")


def build_message(recording: Recording, etag: str) -> dict[str, Any]:
    """Build S3's event, reduced to the fields that the starter reads: they give the execution its name."""
    stored = {"key": quote(recording.key), "eTag": etag}
    return {"Records": [{"s3": {"bucket": {"name": recording.bucket}, "object": stored}}]}
