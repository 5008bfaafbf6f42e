"""Tickets, each of which admits one part of one upload for a while, without a key.

On AWS, S3 presigns a part's URL. The laptop's S3 checks no signature and only the laptop reaches it, so its
gateway takes the parts in, each with a ticket that nobody but the server can write.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Ticket:
    """The permission to send one part of one upload.

    Attributes:
        size_bytes: Exact size that the part must have.
        expires_at: Seconds since 1970.
    """

    key: str
    upload_id: str
    number: int
    size_bytes: int
    expires_at: int


def write_ticket(ticket: Ticket, secret: str) -> str:
    """Sign a ticket, and write it as text that fits into a path."""
    content = json.dumps(asdict(ticket), separators=(",", ":")).encode()
    return f"{_encode(content)}.{_encode(_sign(content, secret))}"


def read_ticket(text: str, secret: str, now: float) -> Ticket | None:
    """Read a ticket; None for one that was made up or changed, or has expired."""
    content_text, _, signature_text = text.partition(".")
    try:
        content, signature = _decode(content_text), _decode(signature_text)
    except ValueError:
        return None
    if not hmac.compare_digest(_sign(content, secret), signature):
        return None
    ticket = Ticket(**json.loads(content))
    return ticket if now < ticket.expires_at else None


def _sign(content: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), content, hashlib.sha256)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
