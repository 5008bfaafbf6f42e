"""The bill of a recording, from the receipts in its transcript and the price list."""

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
QUEUE_REQUESTS = 3  # the upload's message is sent, received and deleted


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of one invocation, or of several together.

    Attributes:
        puts: S3 writes.
        gets: S3 reads, and checks whether an object exists, which S3 charges as reads.
        writes: DynamoDB writes of the record.
        reads: DynamoDB reads of the record.
    """

    puts: int = 0
    gets: int = 0
    writes: int = 0
    reads: int = 0

    def times(self, count: int) -> Requests:
        return Requests(self.puts * count, self.gets * count, self.writes * count, self.reads * count)

    def __add__(self, other: Requests) -> Requests:
        return Requests(
            self.puts + other.puts,
            self.gets + other.gets,
            self.writes + other.writes,
            self.reads + other.reads,
        )


# tests/rem/costs/test_requests.py holds these to the calls that a real run makes.
REQUESTS = {
    "prepare": Requests(puts=2, gets=4, writes=1),
    "transcribe": Requests(puts=1, gets=4),
    "diarize": Requests(puts=1, gets=4),
    "cluster": Requests(puts=1, gets=1),
    "assemble": Requests(puts=2, gets=3, writes=1),
    "enrich": Requests(puts=1, gets=2),
    "publish": Requests(puts=5, gets=2, writes=1, reads=1),
}
COLLECTED = {"cluster": "diarize", "assemble": "transcribe", "publish": "enrich"}  # one read of each result
VECTORS = Requests(puts=1)  # the embeddings recipe stores its vectors beside its note
UPLOAD = Requests(puts=1, writes=1)  # the object and its record


@dataclass(frozen=True, slots=True)
class Bill:
    """US dollars of one recording, or the sum of several.

    Attributes:
        duration: Dollars for Lambda's seconds, by stage.
        requests_usd: Dollars for requests to Lambda, S3, DynamoDB and SQS.
        llm_usd: None if a model has no price.
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
    """Price the receipts of one recording, one per stage."""
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
    """Count one transition per invocation (retries too) and one per state that is not a Task."""
    tasks = sum(receipt.invocations for receipt in receipts)
    if not any(receipt.name == "assemble" for receipt in receipts):
        return tasks + 1  # the recording is silent: only HasSpeech lies between Prepare and Publish
    return tasks + sum(_count_controls(load_definition()["States"]))


def _count_controls(states: dict[str, Any]) -> list[int]:
    counted = []
    for state in states.values():
        inner = [branch["States"] for branch in state.get("Branches", ())]
        inner += [state["ItemProcessor"]["States"]] if "ItemProcessor" in state else []
        counted.append((state["Type"] != "Task") + sum(n for part in inner for n in _count_controls(part)))
    return counted


def _cost_requests(receipts: Sequence[Receipt], prices: AwsPrices) -> float:
    invocations = 1 + sum(receipt.invocations for receipt in receipts)  # the starter is invoked once
    made = sum(count_requests(receipts).values(), UPLOAD)
    return (
        invocations * prices.lambda_request
        + made.puts * prices.s3_put
        + made.gets * prices.s3_get
        + made.writes * prices.dynamodb_write
        + made.reads * prices.dynamodb_read
        + QUEUE_REQUESTS * prices.sqs_request
    )


def count_requests(receipts: Sequence[Receipt]) -> dict[str, Requests]:
    """Give the requests of each stage of one recording, all its invocations together."""
    invocations = {receipt.name: receipt.invocations for receipt in receipts}
    counted = {}
    for name, count in invocations.items():
        collected = invocations.get(COLLECTED.get(name, ""), 0)
        extra = Requests(gets=collected) + (VECTORS if name == "enrich" else Requests())
        counted[name] = REQUESTS.get(name, Requests()).times(count) + extra
    return counted


def project_month(bills: Sequence[Bill], days: float) -> float:
    """Project the dollars of these days to a month."""
    return sum(bill.total_usd for bill in bills) / days * DAYS_PER_MONTH


def read_receipts(transcript: Transcript) -> list[Receipt]:
    return [Receipt.from_json(stage) for stage in transcript.stages]
