"""PUT /parts/TICKET: parts of large files, which do not fit through a function (docs/adr/0015)."""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from dataclasses import dataclass
from http import HTTPStatus

from rem.core.tickets import Ticket, read_ticket
from rem.home.body import BodyReader, Environ, read_length
from rem.home.proxy import HttpAnswer
from rem.home.refusal import RefusalError
from rem.ports import Uploads

PREFIX = "/parts/"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartDoor:
    """The place where parts of uploads come in.

    Attributes:
        secret: Signs tickets; the API, which writes them, has the same.
    """

    uploads: Uploads
    secret: str

    def take(self, environ: Environ, reader: BodyReader) -> HttpAnswer:
        """Store the part that a request brings; answer its etag.

        Raises:
            RefusalError: the ticket is not good for this part, or the part did not arrive whole.
        """
        if environ["REQUEST_METHOD"] != "PUT":
            raise RefusalError(HTTPStatus.METHOD_NOT_ALLOWED, "Method", "a part is sent by PUT")
        ticket = self._read_ticket(environ)
        _check_length(environ, ticket)
        content = reader.read(environ, ticket.size_bytes)
        _check_digest(environ.get("HTTP_CONTENT_MD5"), content)
        return HttpAnswer(HTTPStatus.OK, [("ETag", f'"{self._store(ticket, content)}"')], b"")

    def _read_ticket(self, environ: Environ) -> Ticket:
        text = environ["REQUEST_URI"].partition("?")[0].removeprefix(PREFIX)
        ticket = read_ticket(text, self.secret, time.time())
        if ticket is None:
            message = (
                "this part's address is wrong or has expired: GET /uploads/{recordingId} gives a new one"
            )
            raise RefusalError(HTTPStatus.FORBIDDEN, "Forbidden", message)
        return ticket

    def _store(self, ticket: Ticket, content: bytes) -> str:
        try:
            etag = self.uploads.put_part(ticket.key, ticket.upload_id, ticket.number, content)
        except Exception as error:
            log.exception("part %d of %s could not be stored", ticket.number, ticket.key)
            message = "the part could not be stored; send it again"
            raise RefusalError(HTTPStatus.BAD_GATEWAY, "Internal", message) from error
        if etag is None:
            message = "this upload has ended: POST /uploads begins a new one"
            raise RefusalError(HTTPStatus.NOT_FOUND, "NotFound", message)
        return etag


def _check_length(environ: Environ, ticket: Ticket) -> None:
    if "CONTENT_LENGTH" not in environ:
        raise RefusalError(HTTPStatus.LENGTH_REQUIRED, "Length", "a part needs a Content-Length")
    if (length := read_length(environ)) != ticket.size_bytes:
        message = f"part {ticket.number} has {ticket.size_bytes} bytes, not {length}"
        raise RefusalError(HTTPStatus.BAD_REQUEST, "Input", message)


def _check_digest(content_md5: str | None, content: bytes) -> None:
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    if content_md5 is not None and content_md5 != base64.b64encode(digest).decode():
        raise RefusalError(HTTPStatus.BAD_REQUEST, "BadDigest", "the part was damaged; send it again")
