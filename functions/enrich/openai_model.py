"""The language model, through OpenAI's own SDK; any server that speaks its chat completions will do.

No message of ours repeats an answer, and the key is in none: state, logs and records are read by others.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from pydantic import ValidationError

from functions.enrich.prompts import Request, estimate_tokens
from functions.enrich.schemas import Answer
from rem.core.errors import AnswerError, BusyError, SetupError
from rem.costs.prices import load_prices
from rem.ports import Floats
from rem.transcripts.receipts import Usage

QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
REASON_CHARACTERS = 200  # of a server's own message
KEYLESS = "none"  # local servers ask for no key, the SDK asks for some

AnAnswer = TypeVar("AnAnswer", bound=Answer)


@dataclass(frozen=True, slots=True)
class Answered(Generic[AnAnswer]):
    answer: AnAnswer
    usage: Usage


class OpenAIModel:
    """One server and one key. Its errors are ours, without their origin: vendors' exceptions hold headers."""

    def __init__(self, key: str, base_url: str | None = None) -> None:
        self._key = key
        self._client = _build_client(key, base_url)
        self.base_url = _hide_password(str(self._client.base_url))

    def ask(
        self, request: Request, schema: type[AnAnswer], model: str, max_tokens: int, timeout_s: float
    ) -> Answered[AnAnswer]:
        """One answer in the schema.

        Raises:
            AnswerError: refused, cut off, or not in the schema.
            BusyError: rate limit, server error, no answer in time.
            SetupError: key, quota, model or address is wrong.
        """
        import openai

        messages: Any = [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ]
        try:
            completion = self._client.chat.completions.parse(
                model=model,
                messages=messages,
                response_format=schema,
                max_completion_tokens=max_tokens,
                store=False,  # recordings are nobody else's training or debugging material
                timeout=timeout_s,
            )
        except openai.LengthFinishReasonError:
            raise AnswerError(
                f"the answer of {model} was cut off at {max_tokens} tokens: "
                "raise the recipe's max_output_tokens"
            ) from None
        except openai.ContentFilterFinishReasonError:
            raise AnswerError(f"the content filter of {model} withheld the answer") from None
        except ValidationError as error:
            first, count = error.errors(include_input=False)[0]["type"], error.error_count()
            raise AnswerError(
                f"the answer of {model} is not a {schema.__name__}: {count} problem(s), the first is {first}"
            ) from None
        except openai.APIError as error:
            self._explain(error, model, timeout_s)
        except (AttributeError, TypeError):  # what the SDK makes of a page that is no completion
            raise self._no_openai_server() from None
        if not completion.choices:
            raise AnswerError(f"{model} gave no answer")
        message = completion.choices[0].message
        if message.refusal:
            raise AnswerError(f"{model} refused to answer")
        if message.parsed is None:
            raise AnswerError(f"the answer of {model} is empty")
        output_tokens = estimate_tokens(message.content or "")
        return Answered(message.parsed, _read_usage(completion.usage, model, request.tokens, output_tokens))

    def embed(
        self, texts: Sequence[str], model: str, dimensions: int | None, timeout_s: float
    ) -> tuple[Floats, Usage]:
        """One vector per text, shape (texts, dimensions), in one request. Raises: as `ask`."""
        import openai

        length = {} if dimensions is None else {"dimensions": dimensions}
        try:
            answer = self._client.embeddings.create(
                model=model, input=list(texts), timeout=timeout_s, **length
            )
        except openai.APIError as error:
            self._explain(error, model, timeout_s)
        except (AttributeError, TypeError, ValueError):
            raise self._no_openai_server() from None
        rows = [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]
        if len(rows) != len(texts) or len({len(row) for row in rows}) != 1:
            raise AnswerError(f"{model} gave {len(rows)} vectors for {len(texts)} segments")
        estimate = sum(estimate_tokens(text) for text in texts)
        return np.asarray(rows, np.float32), _read_usage(answer.usage, model, estimate, 0)

    def _explain(self, error: Any, model: str, timeout_s: float) -> NoReturn:
        """Raise ours for theirs."""
        import openai

        match error:
            case openai.APITimeoutError():
                raise BusyError(f"{self.base_url} did not answer within {timeout_s:.0f} s") from None
            case openai.APIConnectionError():
                raise BusyError(f"{self.base_url} cannot be reached") from None
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                raise SetupError(
                    f"{self.base_url} does not accept the API key for {model}: check OPENAI_API_KEY, or the "
                    "secret that REM_OPENAI_SECRET names"
                ) from None
            case openai.APIStatusError() if error.code in QUOTA or error.type in QUOTA:
                raise SetupError(
                    f"the account behind the API key has no credit left at {self.base_url}: add some, or "
                    "take another key; waiting does not help"
                ) from None
            case openai.RateLimitError():
                raise self._busy(f"the rate limit of {model} is reached", error) from None
            case openai.InternalServerError() | openai.ConflictError():
                raise self._busy(f"{self.base_url} answered {error.status_code}", error) from None
            case openai.APIStatusError():
                raise SetupError(
                    f"{self.base_url} answered {error.status_code} for {model}: {self._reason(error)}"
                ) from None
            case _:
                raise self._no_openai_server() from None

    def _busy(self, what: str, error: Any) -> BusyError:
        wait_s = _read_retry_after(error.response.headers)
        asked = "" if wait_s is None else f"; it asks to wait {wait_s:g} s"
        return BusyError(f"{what}{asked}", wait_s)

    def _reason(self, error: Any) -> str:
        said = str(error.body.get("message", "")) if isinstance(error.body, dict) else ""
        if self._key:
            said = said.replace(self._key, "***")
        said = " ".join(said.split())[:REASON_CHARACTERS]
        return said or "check the model's name and OPENAI_BASE_URL, which usually ends in /v1"

    def _no_openai_server(self) -> SetupError:
        return SetupError(
            f"{self.base_url} does not speak OpenAI's protocol: check OPENAI_BASE_URL, "
            "which usually ends in /v1"
        )


@functools.lru_cache(maxsize=2)  # one HTTP client per process, and its successor when the key is changed
def _build_client(key: str, base_url: str | None) -> Any:
    import openai

    # Step Functions retries, with jitter and in sight; the SDK's own retries would multiply with it.
    return openai.OpenAI(api_key=key or KEYLESS, base_url=base_url, max_retries=0)


def _hide_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def price_usd(model: str, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float | None:
    """None where rem/costs/prices.yaml does not know the model."""
    price = load_prices().llm.get(model)
    return None if price is None else price.cost_usd(input_tokens, output_tokens, cached_tokens)


def _read_usage(usage: Any, model: str, input_tokens: int, output_tokens: int) -> Usage:
    """What the server counted; our estimate where it counts nothing."""
    if usage is None:
        return Usage(1, input_tokens, 0, output_tokens, price_usd(model, input_tokens, output_tokens))
    details = getattr(usage, "prompt_tokens_details", None)
    cached = (details and details.cached_tokens) or 0
    written = getattr(usage, "completion_tokens", 0) or 0
    usd = price_usd(model, usage.prompt_tokens, written, cached)
    return Usage(1, usage.prompt_tokens, cached, written, usd)


def _read_retry_after(headers: Any) -> float | None:
    for name, per_second in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return float(headers[name]) / per_second
        except (KeyError, ValueError):  # not there, or a date
            continue
    return None
