"""The one way in which the command reaches a stack: clients, outputs and parameters in, the steps of people out."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3

from backdrop.aws.arrivals import looks_of
from backdrop.aws.books import DynamoBooks
from backdrop.aws.buckets import S3Output, S3Photos
from backdrop.aws.clients import QUICK
from backdrop.aws.clock import SystemClock
from backdrop.aws.lanes import MappedLanes
from backdrop.aws.ledger import DynamoLedger
from backdrop.aws.queues import SqsLetters, SqsQueue
from backdrop.aws.table import Table
from backdrop.core.money import SELLS_CREDITS, micro_of
from backdrop.core.watch import Day
from backdrop.ports import Clock
from backdrop.steps.asking import looking
from backdrop.steps.lanes import LaneKeeper
from backdrop.steps.letters import DeadLetters
from backdrop.steps.orders import Orders
from backdrop.steps.rerun import Reruns
from backdrop_cli.errors import RefusedError
from backdrop_cli.options import Place
from backdrop_cli.page.buckets import Buckets

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

LANES = {
    "ideogram": "IdeogramQueueUrl",
    "segmind": "SegmindQueueUrl",
    "1min": "OneMinQueueUrl",
    "runware": "RunwareQueueUrl",
}
AT_ONCE = 8
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True)
class Clients:
    """The AWS services that people's orders go to."""

    cloudformation: "CloudFormationClient"
    dynamodb: "DynamoDBClient"
    functions: "LambdaClient"
    s3: "S3Client"
    sqs: "SQSClient"


@dataclass(frozen=True)
class Stack:
    """A deployed stack as its operator acts on it.

    `name` is how it is spoken of; `daily_budget` is what the stack's parameter says, micro-dollars; `in_lane` counts
    the messages of a provider's lane, those in a worker's hands included, roughly. `at_once`: photos that one command
    looks at together. `standins`: the providers whose part a stand-in on this machine plays, for nothing.
    """

    name: str
    orders: Orders
    keeper: LaneKeeper
    letters: DeadLetters
    in_lane: Callable[[str], int]
    daily_budget: int
    input_bucket: str
    reruns: Reruns
    buckets: Buckets
    standins: Collection[str] = ()
    at_once: int = AT_ONCE

    @property
    def clock(self) -> Clock:
        return self.orders.clock

    @property
    def providers(self) -> list[str]:
        """Those that are on."""
        return list(self.orders.lanes)

    def day(self, now: datetime) -> tuple[Day, int]:
        """What the day (UTC) of a moment has on its budget, and its cap in micro-dollars."""
        day = self.orders.books.day(now.date().isoformat())
        return day, self.daily_budget if day.cap is None else day.cap


def connect(place: Place) -> Stack:
    """The stack of that name on AWS, or the local cloud that runs.

    Raises RefusedError where there is none; AWS's own errors pass.
    """
    return _stack(place.stack, _on_aws(place)) if place.stack else _local()


def _local() -> Stack:
    from backdrop_local import cloud
    from backdrop_local.errors import LocalCloudError
    from backdrop_local.home import STACK, Home

    try:
        running = cloud.running(Home.chosen())
    except LocalCloudError as error:
        raise RefusedError(f"{error}, or name a stack on AWS with --stack") from error
    ours = running.clients
    found = _stack(STACK, Clients(ours.cloudformation, ours.dynamodb, ours.functions, ours.s3, ours.sqs))
    return replace(found, standins=running.standins)


def _on_aws(place: Place) -> Clients:
    """Clients with the person's own credentials."""
    session = boto3.Session(profile_name=place.profile, region_name=place.region)
    return Clients(
        cloudformation=session.client("cloudformation", config=QUICK),
        dynamodb=session.client("dynamodb", config=QUICK),
        functions=session.client("lambda", config=QUICK),
        s3=session.client("s3", config=QUICK),
        sqs=session.client("sqs", config=QUICK),
    )


def _stack(name: str, clients: Clients) -> Stack:
    """The stack, made of what CloudFormation says of it."""
    described = clients.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    outputs = {one.get("OutputKey", ""): one.get("OutputValue", "") for one in described.get("Outputs", [])}
    parameters = {one.get("ParameterKey", ""): one.get("ParameterValue", "") for one in described.get("Parameters", [])}
    missing = [key for key in ("LedgerTableName", "DeadLetterQueueUrl", "DeliverQueueUrl") if key not in outputs]
    if missing or "DailyBudgetUSD" not in parameters:
        status = described["StackStatus"]
        raise RefusedError(
            f"the stack {name} is not one of Backdrop's, or not whole ({status}); see `sam list outputs`"
        )
    return _made(name, clients, outputs, parameters)


def _made(name: str, clients: Clients, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> Stack:
    sqs, clock = clients.sqs, SystemClock()
    queue = partial(SqsQueue, sqs)
    table = Table(clients.dynamodb, outputs["LedgerTableName"], clock)
    ledger, deliver = DynamoLedger(table), queue(outputs["DeliverQueueUrl"])
    urls = {provider: outputs[key] for provider, key in LANES.items() if key in outputs}
    dead_letters, bucket = outputs["DeadLetterQueueUrl"], outputs["InputBucketName"]
    looks = partial(looks_of, bucket=bucket, again=True)
    lanes = {provider: queue(url) for provider, url in urls.items()}
    credit = parameters.get("OneMinUsdPerImage", "")
    prices = {SELLS_CREDITS: micro_of(credit)} if credit else {}
    asking = looking(
        S3Photos(clients.s3), clock, parameters["DefaultProvider"], int(parameters["MaxImageMegapixels"]), prices
    )
    return Stack(
        name=name,
        orders=Orders(
            ledger=ledger,
            books=DynamoBooks(table),
            output=S3Output(clients.s3, outputs["OutputBucketName"]),
            lanes=lanes,
            deliver=deliver,
            intake=queue(outputs["IntakeQueueUrl"]),
            clock=clock,
            prices=prices,
        ),
        keeper=LaneKeeper(ledger, MappedLanes(clients.functions, f"{name}-render", urls), deliver, clock),
        letters=DeadLetters(ledger, SqsLetters(sqs, dead_letters), queue(dead_letters), deliver, clock, looks),
        in_lane=lambda provider: _messages(sqs, urls[provider]),
        daily_budget=micro_of(parameters["DailyBudgetUSD"]),
        input_bucket=bucket,
        reruns=Reruns(asking, ledger, queue(outputs["IntakeQueueUrl"]), bucket, [*lanes]),
        buckets=Buckets(clients.s3, outputs["OutputBucketName"]),
    )


def _messages(sqs: "SQSClient", url: str) -> int:
    found: Any = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))  # pyright: ignore[reportArgumentType]
    return sum(int(found["Attributes"][name]) for name in COUNTS)
