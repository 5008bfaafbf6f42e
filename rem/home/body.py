"""Bodies of requests, read with limits on their size and their time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from rem.home.refusal import RefusalError

PIECE_BYTES = 64 * 1024
Environ = dict[str, Any]  # of one request, as WSGI has it


@dataclass(frozen=True, slots=True)
class BodyReader:
    """A reader of bodies that neither a large nor a slow one can hold up.

    Attributes:
        body_s: Longest time for one body.
        silence_s: Longest time without a byte; the server's socket has it as its timeout.
    """

    body_s: float
    silence_s: float

    def read(self, environ: Environ, most_bytes: int) -> bytes:
        """Read a body whole.

        Raises:
            RefusalError: it is too large, too slow, or breaks off.
        """
        is_chunked = bool(environ.get("wsgi.input_terminated"))
        length = most_bytes + 1 if is_chunked else read_length(environ)
        if not is_chunked and length > most_bytes:
            raise _too_large(most_bytes)
        stream = environ["wsgi.input"]
        read = stream.read if is_chunked else stream.read1
        body, deadline_s = bytearray(), time.monotonic() + self.body_s
        while len(body) < length:
            piece = self._read_piece(read, min(length - len(body), PIECE_BYTES))
            if not piece and is_chunked:
                return bytes(body)
            if not piece:
                raise RefusalError(HTTPStatus.BAD_REQUEST, "Input", "the body broke off; send it again")
            body += piece
            if time.monotonic() > deadline_s:
                environ["werkzeug.socket"].shutdown(socket.SHUT_RD)  # else the server would read on
                raise _too_slow(self.body_s)
        if len(body) > most_bytes:
            raise _too_large(most_bytes)
        return bytes(body)

    def _read_piece(self, read: Callable[[int], bytes], most_bytes: int) -> bytes:
        try:
            return read(most_bytes)
        except TimeoutError as error:
            raise _too_slow(self.silence_s) from error
        except OSError as error:
            raise RefusalError(HTTPStatus.BAD_REQUEST, "Input", f"the body is broken: {error}") from error


def read_length(environ: Environ) -> int:
    """Read the Content-Length; 0 without one.

    Raises:
        RefusalError: it is not a number.
    """
    text = environ.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdigit()):
        raise RefusalError(HTTPStatus.BAD_REQUEST, "Input", "the Content-Length is not a number")
    return int(text)


def _too_large(most_bytes: int) -> RefusalError:
    message = f"a request has at most {most_bytes} bytes: send large files by POST /uploads"
    return RefusalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TooLarge", message)


def _too_slow(waited_s: float) -> RefusalError:
    message = f"the body did not arrive within {waited_s:g} s; send it again"
    return RefusalError(HTTPStatus.REQUEST_TIMEOUT, "Timeout", message)
