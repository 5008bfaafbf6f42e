"""Turn a server's refusal, an HTTP status or an error object, into an error of REM.

No message repeats an answer of the model, and none holds the key: others read state, logs and records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rem.core.errors import AnswerError, BusyError, SetupError

QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
# Names in `code` or `type` of error objects that come without an HTTP status, inside of a 200 or of a stream.
STATUS_OF_NAME = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "overloaded_error": 503,
    "unavailable_error": 503,
    "service_unavailable": 503,
    "server_error": 500,
    "api_error": 500,
    "internal_server_error": 500,
    "timeout": 504,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "exceed_context_size_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
}
PASSING = re.compile(
    r"overload|time[d ]*out|try again|temporar|unavailable|rate.?limit|too many|capacity", re.I
)
CONTEXT = re.compile(
    r"(?:maximum context length (?:is|of)|available context size \(|context length of only|must be <=|"
    r"tokens >) ?(\d+)",
    re.IGNORECASE,
)
ECHOED_INPUT = re.compile(r"['\"]input['\"]\s*:.*", re.DOTALL)  # pydantic's errors repeat what was sent
LONGEST_WORDS = 300  # characters of a server's own message


class ContextError(Exception):
    """A prompt that is longer than the model's context of `tokens`; the message is the server's refusal."""

    def __init__(self, message: str, tokens: int) -> None:
        super().__init__(message)
        self.tokens = tokens


@dataclass(frozen=True, slots=True)
class Refusal:
    """A server's refusal.

    Attributes:
        status: HTTP status, or the number in the error object; None where neither is known.
        words: The server's own words, without the key.
        names: The error object's `code` and `type`.
        retry_after_s: The wait that the server asks for.
        context_tokens: The model's context, where the refusal tells that the prompt is longer.
    """

    status: int | None
    words: str
    names: frozenset[str] = frozenset()
    retry_after_s: float | None = None
    context_tokens: int | None = None

    @classmethod
    def read(cls, status: int | None, body: Any, headers: Mapping[str, str], key: str = "") -> Refusal:
        """Read an answer's body: JSON of any shape, or text."""
        error = body.get("error", body) if isinstance(body, dict) else body
        error = error if isinstance(error, dict) else {}
        names = frozenset(str(error[field]) for field in ("code", "type") if error.get(field))
        words = find_words(body)
        if status is None:
            numbers = [int(name) for name in names if re.fullmatch(r"[45]\d\d", name)]
            numbers += [STATUS_OF_NAME[name] for name in sorted(names) if name in STATUS_OF_NAME]
            status = next(iter(numbers), None)
        found = CONTEXT.search(words)
        stated = error.get("n_ctx") or (found and found[1])
        return cls(
            status,
            _tidy(words, key),
            names,
            _read_retry_after(headers),
            int(stated) if isinstance(stated, str | int) else None,
        )

    def to_error(self, server: str, model: str) -> Exception:
        """Build the error that Step Functions retries, or not, by the kind of this refusal."""
        said = f": {self.words}" if self.words else ""
        answered = f"{server} answered {self.status or 'with an error'} for {model}{said}"
        if self.names & QUOTA or self.status == 402:
            return SetupError(
                f"the account behind the API key has no credit left at {server}: add some, or take another "
                "key; waiting does not help"
            )
        if self.status in (401, 403):  # the words of a 401 often repeat a part of the key
            return SetupError(
                f"{server} does not accept the API key for {model}{said if self.status == 403 else ''}: "
                "check OPENAI_API_KEY, or the secret that REM_OPENAI_SECRET names"
            )
        if self._is_passing:
            wait = "" if self.retry_after_s is None else f"; it asks to wait {self.retry_after_s:g} s"
            what = f"the rate limit of {model} is reached" if self.status == 429 else answered
            return BusyError(f"{what}{wait}", self.retry_after_s)
        if self.context_tokens:
            return ContextError(answered, self.context_tokens)
        if self.status is None:
            return AnswerError(answered)
        advice = "" if said else ": check the model's name and OPENAI_BASE_URL, which usually ends in /v1"
        return SetupError(f"{answered}{advice}")

    @property
    def _is_passing(self) -> bool:
        """Tell whether another try may succeed; a 501 is what a server will never do."""
        if self.status is None:
            return PASSING.search(self.words) is not None
        passing = self.status in (408, 409, 425, 429) or self.status >= 500
        return passing and self.status != 501 and not self.context_tokens


def find_words(body: Any) -> str:
    """Find the sentence for people in an error's body.

    OpenAI writes `error.message`, Ollama `error`, older vLLM `message`, FastAPI `detail` (a text, or a list
    of places and messages), Mistral a `message` that holds such a `detail`, OpenRouter its provider's words
    in `metadata.raw`.
    """
    match body:
        case str():
            return "" if body.lstrip().startswith("<") else body  # a page is for browsers
        case [*items]:
            return "; ".join(filter(None, map(find_words, items)))
        case {"loc": [*places], "msg": str(said)}:
            return f"{'.'.join(map(str, places))}: {said}"
        case {"message": str(said), "metadata": {"raw": str(origin)}}:
            return f"{said}: {origin}"
        case {**fields}:
            found = (find_words(fields.get(name)) for name in ("error", "message", "detail", "msg"))
            return next(filter(None, found), "")
    return ""


def _tidy(words: str, key: str) -> str:
    words = ECHOED_INPUT.sub("…", words)
    if key:
        words = words.replace(key, "***")
    return " ".join(words.split())[:LONGEST_WORDS]


def _read_retry_after(headers: Mapping[str, str]) -> float | None:
    for name, per_second in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return float(headers[name]) / per_second
        except (KeyError, ValueError):  # the header is missing, or holds a date
            continue
    return None
