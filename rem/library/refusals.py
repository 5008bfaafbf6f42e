"""The reasons for which the library refuses a request; each is an answer of its own in the API."""

from __future__ import annotations

from rem.core.errors import InputError


class NotFoundError(InputError):
    """A recording, transcript, voice or session that is not there; the message names what was sought."""


class ConflictError(InputError):
    """An id that other bytes, or another device, have already."""


class TooLargeError(InputError):
    """A recording larger than one request, or any upload, may carry."""


class NotAudioError(InputError):
    """Bytes that are surely no recording."""


class ChecksumError(InputError):
    """Bytes that arrived other than they were sent."""
