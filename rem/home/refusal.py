"""Answers of the gateway itself to requests that the function does not get to see."""

from __future__ import annotations

import json
from http import HTTPStatus

from rem.home.proxy import HttpAnswer

TRY_LATER = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GATEWAY_TIMEOUT)
RETRY_AFTER_S = 5


class RefusalError(Exception):
    """A request that is refused: the status, a short name, and a sentence for a person."""

    def __init__(self, status: HTTPStatus, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error = status, error

    def to_answer(self) -> HttpAnswer:
        """Build the answer, shaped as the API shapes its own errors."""
        headers = [("Content-Type", "application/json")]
        if self.status in TRY_LATER:
            headers.append(("Retry-After", str(RETRY_AFTER_S)))
        body = {"success": False, "error": self.error, "message": str(self)}
        return HttpAnswer(self.status, headers, json.dumps(body).encode())
