"""From what was counted to what AWS bills: lines of so much of something at a price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.aws_cost.play import Counted, Invoked
from bench.aws_cost.prices import PRICES

WHOLE_PROCESSOR_MB = 1769
"""With so much memory a function has one processor, with less its share (Lambda Developer Guide, "Memory")."""
REQUEST_SECONDS = 0.02
"""Assumed: what one request to another service in the same region takes."""
DOWNLOAD_SECONDS = 0.5
"""Assumed: what it takes to fetch one picture from a provider."""
GB = 2**30
S3_WRITES = frozenset({"PutObject", "ListObjectsV2"})
S3_FREE = frozenset({"DeleteObject"})
BY_LAMBDA = 2
"""For each batch Lambda receives once and deletes once."""


@dataclass(frozen=True)
class Line:
    """So much of what one price is for."""

    what: str
    price: str
    amount: float

    @property
    def usd(self) -> float:
        return PRICES[self.price].of(self.amount)


def seconds_on_aws(invoked: Invoked, requests: float, memory_gb: float, outside: float) -> float:
    """How long a function works for an image: its processor's share, its requests, and whoever it waits for outside."""
    share = max(1.0, WHOLE_PROCESSOR_MB / (memory_gb * 1024))
    return invoked.cpu_seconds * share + requests * REQUEST_SECONDS + outside


def requests_of(counted: Counted, function: str) -> float:
    """A function's requests for one image."""
    return sum(one.times for one in counted.asked if one.function == function)


def lambda_lines(counted: Counted, memory: Mapping[str, float], outside: Mapping[str, float]) -> list[Line]:
    """Invocations and GB-seconds; `outside`: the seconds for which a function waits for others than AWS."""
    lines = [Line("invocations", "lambda requests", sum(one.times for one in counted.invoked.values()))]
    for name, invoked in counted.invoked.items():
        seconds = seconds_on_aws(invoked, requests_of(counted, name), memory[name], outside.get(name, 0.0))
        lines.append(
            Line(f"{name}, {seconds:.2f} s at {memory[name]:.2g} GB", "lambda seconds", seconds * memory[name])
        )
    return lines


def request_lines(counted: Counted) -> list[Line]:
    """What the functions ask of other services, and what they leave in the logs."""

    def of(service: str, *, among: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()) -> float:
        asked = (one for one in counted.asked if one.service == service and one.operation not in without)
        return sum(one.times for one in asked if not among or one.operation in among)

    lines = [
        Line("writes of items and index", "dynamodb writes", counted.write_units),
        Line("reads of items", "dynamodb reads", counted.read_units),
        Line("writes and lists", "s3 writes", of("s3", among=S3_WRITES)),
        Line("reads", "s3 reads", of("s3", without=S3_WRITES | S3_FREE)),
        Line("messages sent and handed back", "sqs", of("sqs")),
        Line("events", "events", of("events")),
        Line("keys", "secret reads", of("secretsmanager")),
        Line("logs", "logs", counted.log_bytes / GB),
    ]
    return [line for line in lines if line.amount]


def image_lines(counted: Counted, memory: Mapping[str, float], uploads: int, latency: float) -> list[Line]:
    """All that one image is billed; `uploads`: the files that its owner wrote, of each of which S3 tells the queue."""
    batches = sum(one.times for one in counted.invoked.values())
    return [
        *lambda_lines(counted, memory, {"render": latency, "deliver": DOWNLOAD_SECONDS}),
        *request_lines(counted),
        Line("its owner's uploads", "s3 writes", uploads),
        Line("S3's notifications", "sqs", uploads),
        Line("what Lambda receives and deletes", "sqs", BY_LAMBDA * batches),
        Line("the photo on its way to the provider", "traffic", counted.photo_bytes / GB),
    ]


def total(lines: Iterable[Line]) -> float:
    """Dollars, by the list."""
    return sum(line.usd for line in lines)
