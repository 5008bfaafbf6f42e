"""The language model, through OpenAI's own SDK; any server that speaks its chat completions will do.

The SDK's exceptions hold request headers, so errors of REM are raised without their cause.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import time
from collections.abc import Coroutine, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from functions.enrich.completions import Completion, find_error, join_stream, read_completion, read_usage
from functions.enrich.dialect import Dialect
from functions.enrich.prompts import Request, estimate_tokens
from functions.enrich.refusals import Refusal
from functions.enrich.schemas import Answer
from rem.core import Json
from rem.core.errors import AnswerError, BusyError, SetupError
from rem.ports import Floats
from rem.transcripts.receipts import Usage

KEYLESS = "none"  # local servers need no key, but the SDK does

Result = TypeVar("Result")


class OpenAIModel:
    """One server, one key, and the dialect that the server turned out to speak."""

    def __init__(self, key: str, base_url: str | None = None) -> None:
        self._key, self._address = key, base_url or os.environ.get("OPENAI_BASE_URL")
        self._dialect = Dialect()
        self.base_url = _hide_password(str(self._connection.client.base_url))

    @property
    def _connection(self) -> _Connection:
        return _Connection.open(self._key, self._address)

    def ask(
        self, request: Request, schema: type[Answer], model: str, max_tokens: int, timeout_s: float
    ) -> Completion:
        """Ask once. A server that refuses a feature of the protocol is asked again without that feature.

        Raises:
            AnswerError: the model refused, or its answer is empty.
            BusyError: rate limit, server error, or no whole answer within timeout_s.
            ContextError: the server refused a prompt that is longer than the model's context.
            SetupError: the key, quota, model or address is wrong.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            parameters = self._dialect.build_parameters(request, schema, max_tokens)
            left_s = min(timeout_s, deadline_s - time.monotonic())
            body = self._run(self._create(model=model, timeout=timeout_s, **parameters), left_s)
            if not isinstance(body, Refusal):
                return read_completion(body, request, model)
            dialect = None if body.context_tokens else self._dialect.drop_refused(body.words)
            if dialect is None:
                raise body.to_error(self.base_url, model) from None
            self._dialect = dialect

    def embed(
        self, texts: Sequence[str], model: str, dimensions: int | None, timeout_s: float
    ) -> tuple[Floats, Usage]:
        """Make one vector per text, shape (texts, dimensions), in one request.

        Raises:
            AnswerError: vectors are missing or of unequal length.
            BusyError, SetupError: as in `ask`.
        """
        length = {} if dimensions is None else {"dimensions": dimensions}
        answer = self._run(
            self._embed(model=model, input=list(texts), timeout=timeout_s, **length), timeout_s
        )
        if isinstance(answer, Refusal):
            raise answer.to_error(self.base_url, model) from None
        rows = [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
        if len(rows) != len(texts) or len({len(row) for row in rows}) != 1:
            raise AnswerError(f"{model} gave {len(rows)} vectors for {len(texts)} segments")
        estimate = sum(estimate_tokens(text) for text in texts)
        counts = answer.usage.to_dict() if answer.usage else {}
        return np.asarray(rows, np.float32), read_usage(counts, model, estimate, 0)

    def _run(self, answer: Coroutine[Any, Any, Result], timeout_s: float) -> Result | Refusal:
        """Await the whole answer until the deadline. The SDK's own timeout starts anew with every byte."""
        import openai

        async def finish() -> Result:
            async with asyncio.timeout(timeout_s):
                return await answer

        try:
            return self._connection.run(finish())
        except (TimeoutError, openai.APITimeoutError):
            raise BusyError(f"{self.base_url} did not answer within {timeout_s:.0f} s") from None
        except openai.APIConnectionError:
            raise BusyError(f"{self.base_url} cannot be reached") from None
        except openai.APIStatusError as error:
            return Refusal.read(error.status_code, error.body, error.response.headers, self._key)
        except openai.APIError as error:  # an error object in a stream
            return Refusal.read(None, error.body, {}, self._key)
        except (AttributeError, TypeError, ValueError):  # raised at a page that is no completion
            raise SetupError(
                f"{self.base_url} does not speak OpenAI's protocol: check OPENAI_BASE_URL, "
                "which usually ends in /v1"
            ) from None

    async def _create(self, **parameters: Any) -> Json | Refusal:
        if parameters.get("stream"):
            return await join_stream(await self._connection.client.chat.completions.create(**parameters))
        raw = await self._connection.client.chat.completions.with_raw_response.create(**parameters)
        if "event-stream" in raw.http_response.headers.get("content-type", ""):
            return Refusal(None, "this server streams its answers")
        body = self._check(raw.http_response.json())
        if isinstance(body, dict) and "choices" not in body:
            raise ValueError("no completion")
        return body

    async def _embed(self, **parameters: Any) -> Any:
        raw = await self._connection.client.embeddings.with_raw_response.create(**parameters)
        body = self._check(raw.http_response.json())
        return body if isinstance(body, Refusal) else raw.parse()

    def _check(self, body: Json) -> Json | Refusal:
        error = find_error(body)
        return Refusal.read(None, error, {}, self._key) if error else body


class _Connection:
    """An HTTP client with the event loop that its open sockets belong to; both outlive an invocation."""

    _current: ClassVar[_Connection | None] = None

    def __init__(self, key: str, base_url: str | None) -> None:
        import openai

        self._identity = (key, base_url)
        # Step Functions retries, with jitter and in sight; the SDK's own retries would multiply with it.
        self.client = openai.AsyncOpenAI(api_key=key or KEYLESS, base_url=base_url, max_retries=0)
        self._runner = asyncio.Runner()
        self.run = self._runner.run

    @classmethod
    def open(cls, key: str, base_url: str | None) -> _Connection:
        """Keep one connection per process; another key or address closes the one before."""
        current = _Connection._current
        if current is None or current._identity != (key, base_url):
            if current is not None:
                atexit.unregister(current.close)
                current.close()
            current = _Connection._current = cls(key, base_url)
            atexit.register(current.close)
        return current

    def close(self) -> None:
        with self._runner:
            self.run(self.client.close())


def _hide_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
