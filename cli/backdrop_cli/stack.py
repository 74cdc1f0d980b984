"""Connects to a stack, and builds the services with which its operator acts on it."""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from backdrop.aws.s3 import OutputBucket, S3InputBucket
from backdrop.aws.settings import Settings
from backdrop.aws.sqs import MESSAGE_COUNT_ATTRIBUTES
from backdrop.bootstrap import Bootstrap
from backdrop.campaigns.items import CampaignPricing, RowReader
from backdrop.model.price_check import PriceDifference, list_differences
from backdrop.model.pricing import BILL_PROVIDER
from backdrop.model.routing import Offers
from backdrop.model.schedule import BudgetDay
from backdrop.operate.cancel import CancelService
from backdrop.operate.mandates import MandateService
from backdrop.operate.redrive import RedriveService
from backdrop.operate.rerun import RerunService
from backdrop.pipeline.breaker import CircuitBreaker
from backdrop.ports import Clock, IdeogramEndpoint, InputBucket, ManifestReader
from backdrop.reconcile.dead_letters import DeadLetterTriage
from backdrop_cli.aws_clients import COMMAND_CONCURRENCY, AwsClients, build_lazy_clients, connect_to_aws
from backdrop_cli.bucket_reader import BucketReader
from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.errors import CommandError
from backdrop_cli.ledger_scan import LedgerScan
from backdrop_cli.operate.approver import Caller, Decisions
from backdrop_cli.options import StackLocation, has_local_cloud
from backdrop_cli.owned_contents import OwnedContents
from backdrop_client.s3_uploader import S3Uploader
from backdrop_client.stack_description import StackError, describe_stack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from backdrop_local.cloud import Cloud

# The clients whose names in the local cloud differ from those in boto3.
LOCAL_CLIENT_NAMES = {"lambda": "functions", "secretsmanager": "secrets", "signing": "s3", "invoking": "functions"}

type ReportingRun = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Runs a function of the stack with an event, and returns its report."""


class QueueDepth(NamedTuple):
    """A lane's messages: those that wait, and those that a worker is processing. Both are approximate."""

    waiting: int
    in_process: int


@dataclass(frozen=True)
class Stack:
    """A deployed stack, with the services to operate it.

    `daily_budget` is the stack's parameter, in micro-dollars. `read_lane_depth` counts the messages of a provider's
    lane, `count_intake_messages` those for intake; both are approximate. `read_caller` returns the ARN of the AWS
    identity that runs the command. `run_bill_comparison` runs the function reconcile-bill, which alone may read the
    admin key; `run_price_check` runs the function price-check. Both raise CommandError if it fails. A photo waits
    `settle_seconds` for its instructions. `max_in_flight` is the number of calls that each provider may have open.
    `build_rerun_service` takes an input bucket, which can be a preview of one. `max_threads` is the number of photos
    that a command processes at a time. A stand-in on this machine simulates the `standin_providers`, free of charge.
    `settings` are those of the stack's functions, as far as the command knows them. `clients` and `parameters` are
    empty in the simulator.
    """

    name: str
    settings: Settings
    redrive_service: RedriveService
    cancel_service: CancelService
    decisions: Decisions
    mandates: MandateService
    read_caller: Callable[[], str]
    circuit_breaker: CircuitBreaker
    dead_letters: DeadLetterTriage
    read_lane_depth: Callable[[str], "QueueDepth"]
    count_intake_messages: Callable[[], int]
    daily_budget: int
    input_bucket: str
    output_bucket: str
    settle_seconds: int
    rerun_service: RerunService
    build_rerun_service: Callable[[InputBucket], RerunService]
    build_row_reader: Callable[[ManifestReader | None], RowReader]
    campaign_pricing: CampaignPricing
    bucket_reader: BucketReader
    photos: S3InputBucket
    output_store: OutputBucket
    uploader: S3Uploader
    state_machine: CampaignStateMachine
    ledger_scan: LedgerScan
    owned_contents: OwnedContents
    run_bill_comparison: ReportingRun
    run_price_check: ReportingRun
    max_in_flight: Mapping[str, int]
    standin_providers: Collection[str] = ()
    max_threads: int = COMMAND_CONCURRENCY
    sleep: Callable[[float], None] = time.sleep
    clients: AwsClients | None = None
    arn: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict[str, str])
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])

    def count_lane_messages(self, provider: str) -> int:
        """Returns the approximate number of a lane's messages, including those that a worker is processing."""
        depth = self.read_lane_depth(provider)
        return depth.waiting + depth.in_process

    @property
    def clock(self) -> Clock:
        return self.redrive_service.clock

    @property
    def providers(self) -> list[str]:
        """The enabled providers."""
        return list(self.redrive_service.lane_queues)

    @property
    def checks_prices(self) -> bool:
        """Whether the stack has the daily check of Ideogram's prices."""
        return BILL_PROVIDER in self.providers and self.parameters.get("IdeogramEndpoint") == IdeogramEndpoint.V2

    def list_price_differences(self) -> Sequence[PriceDifference] | None:
        """Returns how Ideogram's latest quotes differ from the price list; None if the stack does not check them."""
        return list_differences(self.circuit_breaker.ledger.read_price_check()) if self.checks_prices else None

    @property
    def offers(self) -> Offers:
        """The enabled providers and their prices."""
        return self.rerun_service.offers

    def read_budget(self, now: datetime) -> tuple[BudgetDay, int]:
        """Returns the budget of a moment's day (UTC), and its cap in micro-dollars."""
        day = self.redrive_service.ledger_queries.read_budget_day(now.date().isoformat())
        return day, day.resolve_cap(self.daily_budget)


def connect(location: StackLocation) -> Stack:
    """Returns the stack of that name on AWS, or the running local cloud.

    Raises CommandError if there is none. AWS's own errors propagate.
    """
    return (
        _connect(location.stack_name, connect_to_aws(location))
        if location.stack_name
        else connect_to_local_cloud(find_local_cloud())
    )


def find_local_cloud() -> "Cloud":
    """Raises CommandError if no local cloud runs on this machine."""
    if not has_local_cloud():
        raise CommandError("no stack is selected; name one on AWS with --stack")
    from backdrop_local import cloud
    from backdrop_local.errors import LocalCloudError
    from backdrop_local.home import Home

    try:
        return cloud.find_running(Home.from_environment())
    except LocalCloudError as error:
        raise CommandError(f"{str(error).rstrip('.')}, or name a stack on AWS with --stack") from error


def connect_to_local_cloud(running: "Cloud") -> Stack:
    """Returns the stack of a running local cloud."""
    from backdrop_local.home import STACK

    stack = _connect(
        STACK, build_lazy_clients(lambda service: getattr(running.clients, LOCAL_CLIENT_NAMES.get(service, service)))
    )
    return replace(stack, standin_providers=running.standin_providers)


def _connect(name: str, clients: AwsClients) -> Stack:
    """Builds the stack from its description in CloudFormation."""
    try:
        description = describe_stack(name, clients.cloudformation)
    except StackError as error:
        raise CommandError(str(error)) from error
    settings = description.settings
    urls = {provider: lane.queue_url for provider, lane in settings.enabled_providers.items()}
    state_machine = CampaignStateMachine(clients.states, description.outputs["CampaignStateMachineArn"])
    bootstrap = Bootstrap(settings, clients.client, description.clock)
    stack = build_stack(name, bootstrap, state_machine, lambda provider: _read_queue_depth(clients.sqs, urls[provider]))
    return replace(
        stack, clients=clients, outputs=description.outputs, parameters=description.parameters, arn=description.arn
    )


def build_stack(
    name: str, bootstrap: Bootstrap, state_machine: CampaignStateMachine, read_lane_depth: Callable[[str], QueueDepth]
) -> Stack:
    """Builds a stack from the same services that its own functions use."""
    settings, s3 = bootstrap.settings, bootstrap.client("s3")

    @cache
    def read_caller() -> Caller:
        identity = bootstrap.client("sts").get_caller_identity()
        return Caller(identity["Arn"], identity["UserId"])

    return Stack(
        name=name,
        settings=settings,
        redrive_service=bootstrap.redrive(),
        cancel_service=bootstrap.cancel(),
        decisions=Decisions(bootstrap.approvals(), bootstrap.events, read_caller),
        mandates=bootstrap.mandates(),
        read_caller=lambda: read_caller().arn,
        circuit_breaker=bootstrap.breaker,
        dead_letters=bootstrap.dead_letters(),
        read_lane_depth=read_lane_depth,
        count_intake_messages=bootstrap.intake_queue.count_messages,
        daily_budget=bootstrap.daily_budget,
        input_bucket=settings.input_bucket,
        output_bucket=settings.output_bucket,
        settle_seconds=settings.settle_seconds,
        rerun_service=bootstrap.rerun(),
        build_rerun_service=bootstrap.rerun,
        build_row_reader=bootstrap.campaign_row_reader,
        campaign_pricing=bootstrap.campaign_pricing(),
        bucket_reader=BucketReader(s3, settings.output_bucket),
        photos=bootstrap.input_bucket,
        output_store=bootstrap.output_bucket,
        uploader=S3Uploader(s3, settings.input_bucket),
        state_machine=state_machine,
        ledger_scan=LedgerScan(bootstrap.table),
        owned_contents=OwnedContents(bootstrap.table),
        run_bill_comparison=partial(_invoke, bootstrap, f"{name}-reconcile-bill"),
        run_price_check=partial(_invoke, bootstrap, f"{name}-price-check"),
        max_in_flight={provider: lane.max_in_flight for provider, lane in settings.enabled_providers.items()},
    )


def _invoke(bootstrap: Bootstrap, name: str, event: Mapping[str, Any]) -> dict[str, Any]:
    response = bootstrap.client("invoking").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    report = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        cause = report.get("errorMessage", "") if isinstance(report, dict) else ""
        raise CommandError(f"the function {name} failed: {cause}; see its log")
    return report


def _read_queue_depth(sqs: "SQSClient", url: str) -> QueueDepth:
    response: Any = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=MESSAGE_COUNT_ATTRIBUTES)
    visible, in_process, delayed = (int(response["Attributes"][name]) for name in MESSAGE_COUNT_ATTRIBUTES)
    return QueueDepth(visible + delayed, in_process)
