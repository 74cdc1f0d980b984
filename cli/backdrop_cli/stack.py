"""The one way in which the command reaches a stack: clients, outputs and parameters in, the steps of people out."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from backdrop.aws.clock import SystemClock
from backdrop.aws.s3 import OutputBucket, S3Photos
from backdrop.aws.settings import ProviderSettings, Settings
from backdrop.bootstrap import Bootstrap
from backdrop.campaigns.items import Items, Prices
from backdrop.model.routing import Market
from backdrop.model.schedule import Day
from backdrop.operate.cancel import Cancelling
from backdrop.operate.redrive import Orders
from backdrop.operate.rerun import Reruns
from backdrop.pipeline.breaker import LaneKeeper
from backdrop.ports import AT_ONCE, Clock, InputBucket, Manifests
from backdrop.reconcile.dead_letters import DeadLetters
from backdrop_cli.buckets import Buckets
from backdrop_cli.campaign.machine import Machine
from backdrop_cli.census import Census
from backdrop_cli.clients import Clients, of_session, on_aws
from backdrop_cli.clock import ServiceClock, ahead
from backdrop_cli.drop.uploads import S3Uploads
from backdrop_cli.errors import RefusedError
from backdrop_cli.options import Place, has_local_cloud
from backdrop_cli.standing import half_made

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LANES = {
    "ideogram": "IdeogramQueueUrl",
    "segmind": "SegmindQueueUrl",
    "1min": "OneMinQueueUrl",
    "runware": "RunwareQueueUrl",
}
# How the template names each provider in its parameters.
PARAMETERS = {"ideogram": "Ideogram", "segmind": "Segmind", "1min": "OneMin", "runware": "Runware"}
# What every stack of this release has.
OUTPUTS = frozenset(
    {
        "InputBucketName",
        "OutputBucketName",
        "IntakeQueueUrl",
        "DeliverQueueUrl",
        "DeadLetterQueueUrl",
        "LedgerTableName",
        "CampaignStateMachineArn",
    }
)
SETTINGS = frozenset({"DailyBudgetUSD", "DefaultProvider", "MaxImageMegapixels"})
# How the local cloud calls a service's client.
SERVICES = {"lambda": "functions", "secretsmanager": "secrets", "signing": "s3"}
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Line(NamedTuple):
    """A lane's messages: those that wait, and those in a worker's hands."""

    waiting: int
    in_hand: int


@dataclass(frozen=True)
class Stack:
    """A deployed stack as its operator acts on it.

    `name` is how it is spoken of; `daily_budget` is what the stack's parameter says, micro-dollars; `line` counts the
    messages of a provider's lane, roughly, `arriving` those for intake. `limits`: calls that each provider may have
    open. `reruns_of` is asked about an input bucket as somebody imagines it. `at_once`: photos that one command looks
    at together; `wait` lets so many seconds pass. `standins`: the providers whose part a stand-in on this machine
    plays, for nothing. `clients`, `outputs` and `parameters` are for those who look at the stack itself.
    """

    name: str
    orders: Orders
    cancelling: Cancelling
    keeper: LaneKeeper
    letters: DeadLetters
    line: Callable[[str], "Line"]
    arriving: Callable[[], int]
    daily_budget: int
    input_bucket: str
    output_bucket: str
    reruns: Reruns
    reruns_of: Callable[[InputBucket], Reruns]
    campaign_items: Callable[[Manifests | None], Items]
    campaign_prices: Prices
    buckets: Buckets
    photos: S3Photos
    output: OutputBucket
    uploads: S3Uploads
    machine: Machine
    census: Census
    limits: Mapping[str, int]
    standins: Collection[str] = ()
    at_once: int = AT_ONCE
    wait: Callable[[float], None] = time.sleep
    clients: Clients | None = None
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])

    def in_lane(self, provider: str) -> int:
        """The messages of a lane, those in a worker's hands included, roughly."""
        found = self.line(provider)
        return found.waiting + found.in_hand

    @property
    def clock(self) -> Clock:
        return self.orders.clock

    @property
    def providers(self) -> list[str]:
        """Those that are on."""
        return list(self.orders.lanes)

    @property
    def market(self) -> Market:
        """Who is on, and what their credits cost."""
        return self.reruns.market

    def day(self, now: datetime) -> tuple[Day, int]:
        """What the day (UTC) of a moment has on its budget, and its cap in micro-dollars."""
        day = self.orders.books.day(now.date().isoformat())
        return day, day.cap_or(self.daily_budget)


def connect(place: Place) -> Stack:
    """The stack of that name on AWS, or the local cloud that runs.

    Raises RefusedError where there is none; AWS's own errors pass.
    """
    return _stack(place.stack, on_aws(place)) if place.stack else _local()


def _local() -> Stack:
    if not has_local_cloud():
        raise RefusedError("no stack is named; name one on AWS with --stack")
    from backdrop_local import cloud
    from backdrop_local.errors import LocalCloudError
    from backdrop_local.home import STACK, Home

    try:
        running = cloud.running(Home.chosen())
    except LocalCloudError as error:
        raise RefusedError(f"{error}, or name a stack on AWS with --stack") from error
    found = _stack(STACK, of_session(lambda service: getattr(running.clients, SERVICES.get(service, service))))
    return replace(found, standins=running.standins)


def _stack(name: str, clients: Clients) -> Stack:
    """The stack, made of what CloudFormation says of it."""
    ours, describe = SystemClock(), clients.cloudformation.describe_stacks
    asked, answer = ours.now(), describe(StackName=name)
    clock, described = ServiceClock(ahead(answer, asked, ours.now())), answer["Stacks"][0]
    outputs = {one.get("OutputKey", ""): one.get("OutputValue", "") for one in described.get("Outputs", [])}
    parameters = {one.get("ParameterKey", ""): one.get("ParameterValue", "") for one in described.get("Parameters", [])}
    status = described["StackStatus"]
    if words := half_made(name, status):
        raise RefusedError(words)
    if OUTPUTS.isdisjoint(outputs) or "DailyBudgetUSD" not in parameters:
        raise RefusedError(
            f"the stack {name} is not one of Backdrop's, or not whole ({status}); see `sam list outputs`"
        )
    missing = sorted((OUTPUTS - outputs.keys()) | (SETTINGS - parameters.keys()))
    if missing:
        raise RefusedError(
            f"the stack {name} ({status}) is of another release than this command: it has no {missing[0]}; deploy it "
            "again from here (`make build && sam deploy`), or use the command of its release"
        )
    return _made(name, clients, clock, outputs, parameters)


def _made(
    name: str, clients: Clients, clock: Clock, outputs: Mapping[str, str], parameters: Mapping[str, str]
) -> Stack:
    settings = _settings(name, outputs, parameters)
    urls = {provider: lane.queue_url for provider, lane in settings.lanes.items()}
    machine = Machine(clients.states, outputs["CampaignStateMachineArn"])
    bootstrap = Bootstrap(settings, clients.of, clock)
    found = operated(name, bootstrap, machine, lambda provider: _line(clients.sqs, urls[provider]))
    return replace(found, clients=clients, outputs=outputs, parameters=parameters)


def operated(name: str, bootstrap: Bootstrap, machine: Machine, line: Callable[[str], Line]) -> Stack:
    """A stack as its operator acts on it, made of the services that its own functions are made of."""
    settings, s3 = bootstrap.settings, bootstrap.client("s3")
    return Stack(
        name=name,
        orders=bootstrap.orders(),
        cancelling=bootstrap.cancelling(),
        keeper=bootstrap.keeper,
        letters=bootstrap.dead_letters(),
        line=line,
        arriving=bootstrap.intake_queue.waiting,
        daily_budget=bootstrap.daily_budget,
        input_bucket=settings.input_bucket,
        output_bucket=settings.output_bucket,
        reruns=bootstrap.reruns(),
        reruns_of=bootstrap.reruns,
        campaign_items=bootstrap.campaign_items,
        campaign_prices=bootstrap.campaign_prices(),
        buckets=Buckets(s3, settings.output_bucket),
        photos=bootstrap.photos,
        output=bootstrap.output,
        uploads=S3Uploads(s3, settings.input_bucket),
        machine=machine,
        census=Census(bootstrap.table),
        limits={provider: lane.max_in_flight for provider, lane in settings.lanes.items()},
    )


def _settings(name: str, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> Settings:
    """The settings that the template gives to the stack's functions, as far as people's orders need them."""
    credit = parameters.get("OneMinUsdPerImage", "")
    return Settings(
        stack_name=name,
        render_function_name=f"{name}-render",
        input_bucket=outputs["InputBucketName"],
        readable_buckets=parameters.get("ReadableBuckets", ""),
        output_bucket=outputs["OutputBucketName"],
        ledger_table=outputs["LedgerTableName"],
        intake_queue_url=outputs["IntakeQueueUrl"],
        deliver_queue_url=outputs["DeliverQueueUrl"],
        dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
        default_provider=parameters["DefaultProvider"],
        daily_budget_usd=Decimal(parameters["DailyBudgetUSD"]),
        ledger_retention_days=int(parameters.get("LedgerRetentionDays", "0")),
        max_image_megapixels=int(parameters["MaxImageMegapixels"]),
        one_min_usd_per_image=Decimal(credit) if credit else None,
        providers={
            provider: ProviderSettings(
                queue_url=outputs[output], max_in_flight=int(parameters.get(f"{PARAMETERS[provider]}MaxInFlight", "0"))
            )
            for provider, output in LANES.items()
            if output in outputs
        },
    )


def _line(sqs: "SQSClient", url: str) -> Line:
    found: Any = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTS))
    visible, in_hand, delayed = (int(found["Attributes"][name]) for name in COUNTS)
    return Line(visible + delayed, in_hand)
