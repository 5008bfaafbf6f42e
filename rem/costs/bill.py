"""What a recording cost, by the receipts in its transcript and the price list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rem.costs.prices import AwsPrices
from rem.definition import load_definition
from rem.transcripts.receipts import Receipt
from rem.transcripts.transcript import Transcript

Architecture = Literal["arm64", "x86"]
DAYS_PER_MONTH = 30
# Requests per invocation as the code makes them: S3 writes and reads, DynamoDB writes. The upload, its
# message (send, receive, delete) and the starter belong to the recording.
PUTS = {"prepare": 2, "transcribe": 1, "diarize": 1, "cluster": 1, "assemble": 2, "enrich": 1, "publish": 5}
GETS = {"prepare": 2, "transcribe": 9, "diarize": 9, "cluster": 9, "assemble": 8, "enrich": 2, "publish": 4}
CATALOG_WRITES, QUEUE_REQUESTS, UPLOAD_PUTS = 4, 3, 1


@dataclass(frozen=True, slots=True)
class Bill:
    """US dollars of one recording, or the sum of several.

    Attributes:
        duration: Lambda's seconds, by stage.
        requests: Lambda's, S3's, DynamoDB's and SQS' requests.
        llm_usd: None where a model has no price.
    """

    duration: dict[str, float]
    transitions: int
    transitions_usd: float
    requests_usd: float
    llm_usd: float | None

    @property
    def aws_usd(self) -> float:
        return sum(self.duration.values()) + self.transitions_usd + self.requests_usd

    @property
    def total_usd(self) -> float:
        return self.aws_usd + (self.llm_usd or 0.0)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "aws_usd": self.aws_usd, "total_usd": self.total_usd}


def write_bill(receipts: Sequence[Receipt], prices: AwsPrices, architecture: Architecture) -> Bill:
    """Args: receipts are one recording's, one per stage."""
    gb_s_usd = prices.lambda_gb_s_arm64 if architecture == "arm64" else prices.lambda_gb_s_x86
    llm = [receipt.usage.usd for receipt in receipts]
    transitions = count_transitions(receipts)
    return Bill(
        duration={receipt.name: receipt.gb_s * gb_s_usd for receipt in receipts},
        transitions=transitions,
        transitions_usd=transitions * prices.states_transition,
        requests_usd=_cost_requests(receipts, prices),
        llm_usd=None if None in llm else sum(usd for usd in llm if usd is not None),
    )


def count_transitions(receipts: Sequence[Receipt]) -> int:
    """Every invocation is one, retries included, and so is every other state on the way."""
    tasks = sum(receipt.invocations for receipt in receipts)
    if not any(receipt.name == "assemble" for receipt in receipts):
        return tasks + 1  # silent: only the choice lies between Prepare and Publish
    return tasks + sum(_count_controls(load_definition()["States"]))


def _count_controls(states: dict[str, Any]) -> list[int]:
    counted = []
    for state in states.values():
        inner = [branch["States"] for branch in state.get("Branches", ())]
        inner += [state["ItemProcessor"]["States"]] if "ItemProcessor" in state else []
        counted.append((state["Type"] != "Task") + sum(n for part in inner for n in _count_controls(part)))
    return counted


def _cost_requests(receipts: Sequence[Receipt], prices: AwsPrices) -> float:
    invocations = 1 + sum(receipt.invocations for receipt in receipts)  # 1: the starter
    puts = UPLOAD_PUTS + sum(PUTS.get(r.name, 0) * r.invocations for r in receipts)
    gets = sum(GETS.get(r.name, 0) * r.invocations for r in receipts)
    return (
        invocations * prices.lambda_request
        + puts * prices.s3_put
        + gets * prices.s3_get
        + CATALOG_WRITES * prices.dynamodb_write
        + QUEUE_REQUESTS * prices.sqs_request
    )


def project_month(bills: Sequence[Bill], days: float) -> float:
    """Dollars of a month that goes on like these days."""
    return sum(bill.total_usd for bill in bills) / days * DAYS_PER_MONTH


def read_receipts(transcript: Transcript) -> list[Receipt]:
    return [Receipt.from_json(stage) for stage in transcript.stages]
