"""Turns counted usage into AWS's bill: lines with an amount and a price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.aws_cost.image_usage import ImageUsage, InvocationUsage
from bench.aws_cost.prices import PRICES

FULL_CPU_MB = 1769
"""With this much memory, a function has one full vCPU; with less, a share of it (Lambda Developer Guide, "Memory")."""
REQUEST_SECONDS = 0.02
"""Assumed: the duration of one request to another service in the same region."""
DOWNLOAD_SECONDS = 0.5
"""Assumed: the duration of one picture's download from a provider."""
GB = 2**30
S3_WRITES = frozenset({"PutObject", "ListObjectsV2"})
S3_FREE = frozenset({"DeleteObject"})
LAMBDA_REQUESTS_PER_BATCH = 2
"""For each batch, Lambda receives once and deletes once."""


@dataclass(frozen=True)
class BillLine:
    """An amount of something that has a price."""

    what: str
    price: str
    amount: float

    @property
    def usd(self) -> float:
        return PRICES[self.price].list_usd(self.amount)


def estimate_seconds(invoked: InvocationUsage, requests: float, memory_gb: float, waiting_seconds: float) -> float:
    """Returns how long a function runs for an image: its CPU time, its requests, and its waits for other services."""
    share = max(1.0, FULL_CPU_MB / (memory_gb * 1024))
    return invoked.cpu_seconds * share + requests * REQUEST_SECONDS + waiting_seconds


def count_requests(counted: ImageUsage, function: str) -> float:
    """Returns a function's requests for one image."""
    return sum(one.times for one in counted.requests if one.function == function)


def build_lambda_lines(
    counted: ImageUsage, memory: Mapping[str, float], waiting_seconds: Mapping[str, float]
) -> list[BillLine]:
    """Returns invocations and GB-seconds. `waiting_seconds`: how long a function waits for services other than AWS."""
    lines = [BillLine("invocations", "lambda requests", sum(one.times for one in counted.invocations.values()))]
    for name, invoked in counted.invocations.items():
        seconds = estimate_seconds(invoked, count_requests(counted, name), memory[name], waiting_seconds.get(name, 0.0))
        lines.append(
            BillLine(f"{name}, {seconds:.2f} s at {memory[name]:.2g} GB", "lambda seconds", seconds * memory[name])
        )
    return lines


def build_request_lines(counted: ImageUsage) -> list[BillLine]:
    """Returns the functions' requests to other services, and their logs."""

    def count(service: str, *, among: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()) -> float:
        asked = (one for one in counted.requests if one.service == service and one.operation not in without)
        return sum(one.times for one in asked if not among or one.operation in among)

    lines = [
        BillLine("writes of items and index", "dynamodb writes", counted.write_units),
        BillLine("reads of items", "dynamodb reads", counted.read_units),
        BillLine("writes and lists", "s3 writes", count("s3", among=S3_WRITES)),
        BillLine("reads", "s3 reads", count("s3", without=S3_WRITES | S3_FREE)),
        BillLine("messages sent and returned", "sqs", count("sqs")),
        BillLine("events", "events", count("events")),
        BillLine("keys", "secret reads", count("secretsmanager")),
        BillLine("logs", "logs", counted.log_bytes / GB),
    ]
    return [line for line in lines if line.amount]


def build_image_lines(counted: ImageUsage, memory: Mapping[str, float], uploads: int, latency: float) -> list[BillLine]:
    """Returns the bill of one image. `uploads`: the files that its owner uploads; S3 sends an event for each."""
    batches = sum(one.times for one in counted.invocations.values())
    return [
        *build_lambda_lines(counted, memory, {"render": latency, "deliver": DOWNLOAD_SECONDS}),
        *build_request_lines(counted),
        BillLine("its owner's uploads", "s3 writes", uploads),
        BillLine("S3's notifications", "sqs", uploads),
        BillLine("what Lambda receives and deletes", "sqs", LAMBDA_REQUESTS_PER_BATCH * batches),
        BillLine("the photo on its way to the provider", "traffic", counted.photo_bytes / GB),
    ]


def sum_usd(lines: Iterable[BillLine]) -> float:
    """Returns the sum in dollars, by list price."""
    return sum(line.usd for line in lines)
