"""The client of the ingest API, which sends a file whole or in parts and continues what broke off."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import tenacity

from rem.core.errors import InputError, SetupError
from rem.core.sniff import HEAD_BYTES, sniff_audio
from rem.library.intake import SMALL_BYTES
from rem.library.media import build_recording_id, explain_skip, hash_file
from rem.library.recorded import find_start

TRIES = 8
LONGEST_WAIT_S = 60.0
LONGEST_ASKED_WAIT_S = 900.0  # a server that asks for more is asked again after this
ROUNDS = 3  # an upload begins anew where addresses expired (an hour) or a restarted server forgot parts
PIECE_BYTES = 64 * 1024
TIMEOUT = httpx2.Timeout(60, connect=10)
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses that the next try may not meet
KEY_REFUSED = frozenset({401, 403})

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file at the server; `is_duplicate` where the very same bytes were there already."""

    recording_id: str
    size_bytes: int
    is_duplicate: bool


class _PassingError(Exception):
    """A failure that is worth another try, after the wait that the server asked for, if it did."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class _EndedError(Exception):
    """The server no longer knows the upload, or the address of a part: begin anew."""


class Uploader:
    """A client of one server with one key.

    The id of a recording comes from the file's name and content, so the server knows a repeat: nothing about
    an unfinished upload is kept on this side.

    Args:
        client: Without authentication of its own.
        sleep: Waits between two tries.
    """

    def __init__(
        self,
        client: httpx2.Client,
        url: str,
        key: str,
        device_id: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._url, self._key, self._device_id = client, url.rstrip("/"), key, device_id
        self._retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((_PassingError, httpx2.TransportError)),
            wait=_choose_wait,
            stop=tenacity.stop_after_attempt(TRIES),
            reraise=True,
            sleep=sleep,
        )

    def upload(
        self,
        path: Path,
        on_progress: Progress = lambda sent_bytes: None,
        started_at: datetime | None = None,
    ) -> Arrival:
        """Send one file.

        Args:
            started_at: When the recording began, with its zone; None for what the file says.
            on_progress: Called with the number of bytes that are at the server; it may go down again.

        Raises:
            InputError: the file cannot be taken; the message says why.
            SetupError: the server does not answer, or refuses the key; a repeat of the command continues.
        """
        fields, size_bytes, kind = self._describe(path, started_at)
        try:
            if size_bytes <= SMALL_BYTES:
                answer = self._send_whole(path, fields)
            else:
                answer = self._send_parts(
                    path, {**fields, "sizeBytes": size_bytes, "format": kind}, on_progress
                )
        except (_PassingError, httpx2.TransportError) as error:
            raise SetupError(
                f"{self._url} does not take {path.name} ({error}); repeat the command to go on there"
            ) from error
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        on_progress(size_bytes)
        return Arrival(answer["recordingId"], size_bytes, answer["duplicate"])

    def _describe(self, path: Path, started_at: datetime | None) -> tuple[dict[str, Any], int, str]:
        """Tell the fields that go with a file, its size in bytes and its format."""
        try:
            status = path.stat()
            digest = hash_file(path)
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from error
        if reason := explain_skip(path):
            raise InputError(f"{path} is no recording: {reason}")
        began = (started_at or find_start(path).moment).isoformat(timespec="milliseconds")
        recording_id = build_recording_id(path, digest)
        fields = {"deviceId": self._device_id, "recordingId": recording_id, "startedAt": began}
        return {**fields, "sha256": digest}, status.st_size, sniff_audio(head)

    def _send_whole(self, path: Path, fields: dict[str, Any]) -> dict[str, Any]:
        files = {"audio": (path.name, path.read_bytes(), "application/octet-stream")}
        return self._call("POST", "/ingest", data=fields, files=files)

    def _send_parts(self, path: Path, request: dict[str, Any], on_progress: Progress) -> dict[str, Any]:
        """Ask which parts are missing, send them, and complete the upload."""
        for _ in range(ROUNDS):
            state = self._call("POST", "/uploads", json=request)
            if state["duplicate"]:
                return state
            try:
                etags = self._put_missing(path, state, on_progress)
                return self._complete(state["recordingId"], etags)
            except _EndedError:
                continue
        raise SetupError(f"{self._url} lost parts of {path.name} {ROUNDS} times; repeat the command later")

    def _put_missing(self, path: Path, state: dict[str, Any], on_progress: Progress) -> dict[int, str]:
        """Send the parts that are not there yet; the ETags of all by part number."""
        etags: dict[int, str] = {}
        sent_bytes = sum(part["sizeBytes"] for part in state["parts"] if part.get("etag"))
        for part in state["parts"]:
            number, size_bytes = part["number"], part["sizeBytes"]
            if part.get("etag"):
                etags[number] = part["etag"]
                continue
            piece = _Part(path, (number - 1) * state["partBytes"], size_bytes)
            etags[number] = self._retry(self._put, part["url"], piece, sent_bytes, on_progress)
            sent_bytes += size_bytes
        return etags

    def _put(self, url: str, part: _Part, sent_bytes: int, on_progress: Progress) -> str:
        """Send one part, without the key: on AWS its address is a signed URL of S3."""
        headers = {"Content-Length": str(part.size_bytes), "Content-MD5": part.compute_md5()}
        content = part.read(lambda read_bytes: on_progress(sent_bytes + read_bytes))
        answer = self._client.put(url, content=content, headers=headers, timeout=TIMEOUT)
        if answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise _EndedError
        if answer.is_success:
            return str(answer.headers["etag"]).strip('"')
        if answer.status_code == HTTPStatus.BAD_REQUEST:  # the part was damaged or cut off on the way
            raise _PassingError(_read_sentence(answer))
        raise _to_error(answer)

    def _complete(self, recording_id: str, etags: dict[int, str]) -> dict[str, Any]:
        parts = [{"number": number, "etag": etag} for number, etag in etags.items()]
        try:
            return self._call("POST", f"/uploads/{recording_id}/complete", json={"parts": parts})
        except _DamagedError as error:
            self._call("DELETE", f"/uploads/{recording_id}")
            raise _EndedError from error

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._retry(self._call_once, method, path, **request)
        return answer

    def _call_once(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        headers = {"x-api-key": self._key}
        answer = self._client.request(method, self._url + path, headers=headers, timeout=TIMEOUT, **request)
        is_upload = path.startswith("/uploads/")
        if is_upload and answer.status_code == HTTPStatus.NOT_FOUND:
            raise _EndedError
        if is_upload and answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise _DamagedError
        if not answer.is_success:
            raise _to_error(answer)
        try:
            document: dict[str, Any] = answer.json()
        except ValueError as error:
            raise SetupError(f"{self._url} is no REM server: it answers no JSON") from error
        return document


class _DamagedError(Exception):
    """The server says that parts are missing or damaged."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of a file, which is read anew for each try."""

    path: Path
    start_bytes: int
    size_bytes: int

    def compute_md5(self) -> str:
        """Compute the value of the Content-MD5 header, which the server that stores the part checks."""
        digest = hashlib.md5(usedforsecurity=False)
        for piece in self.read(lambda read_bytes: None):
            digest.update(piece)
        return base64.b64encode(digest.digest()).decode()

    def read(self, on_read: Progress) -> Iterator[bytes]:
        """Read the bytes piece by piece.

        Raises:
            InputError: the file became shorter meanwhile.
        """
        left_bytes = self.size_bytes
        with self.path.open("rb") as file:
            file.seek(self.start_bytes)
            while left_bytes and (piece := file.read(min(PIECE_BYTES, left_bytes))):
                left_bytes -= len(piece)
                yield piece
                on_read(self.size_bytes - left_bytes)
        if left_bytes:
            raise InputError(f"{self.path} became shorter while it was sent; send it again")


def _to_error(answer: httpx2.Response) -> Exception:
    sentence = _read_sentence(answer)
    if answer.status_code in PASSING:
        return _PassingError(sentence, _read_retry_after(answer))
    if answer.status_code in KEY_REFUSED:
        return SetupError(sentence)
    return InputError(sentence)


def _read_sentence(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code} {answer.reason_phrase}"


def _read_retry_after(answer: httpx2.Response) -> float | None:
    """Read the seconds that the server asks for; None for a date, after which the usual wait is taken."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


_BACKOFF = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_S)


def _choose_wait(state: tenacity.RetryCallState) -> float:
    """Choose the wait that the server asks for, else a random one below a limit that doubles.

    Random waits keep clients that were refused together from coming back together.
    """
    error = state.outcome.exception() if state.outcome else None
    asked_s = error.retry_after_s if isinstance(error, _PassingError) else None
    return _BACKOFF(state) if asked_s is None else min(asked_s, LONGEST_ASKED_WAIT_S)
