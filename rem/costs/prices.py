"""The price list of AWS and the language models, read from prices.yaml."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

PRICES_FILE = Path(__file__).with_name("prices.yaml")
TOKENS = 1_000_000  # a language model's price is for so many


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AwsPrices(Frozen):
    """AWS's prices in US dollars per unit; each name says its unit."""

    lambda_gb_s_x86: float
    lambda_gb_s_arm64: float
    lambda_request: float
    lambda_storage_gb_s: float
    states_transition: float
    express_request: float
    express_gb_s: float
    s3_put: float
    s3_get: float
    s3_gb_month: float
    dynamodb_write: float
    dynamodb_read: float
    sqs_request: float
    rest_api_request: float
    logs_gb: float


class ModelPrice(Frozen):
    """A language model's prices in US dollars per million tokens."""

    input: float
    cached_input: float
    output: float

    def cost_usd(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """Price the tokens of a request.

        Args:
            cached_tokens: Those of input_tokens that the provider had in its cache.
        """
        fresh = input_tokens - cached_tokens
        spent = fresh * self.input + cached_tokens * self.cached_input + output_tokens * self.output
        return spent / TOKENS


class Prices(Frozen):
    date: str
    region: str
    aws: AwsPrices
    llm: dict[str, ModelPrice]


@functools.cache
def load_prices() -> Prices:
    return Prices(**yaml.safe_load(PRICES_FILE.read_text()))
