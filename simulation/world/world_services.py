"""The product's services, built by its own composition root on the simulated AWS, and its handlers."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import cached_property, partial
from itertools import count
from typing import TYPE_CHECKING, Any, override

from backdrop.aws.clients import INVOKING_CLIENT
from backdrop.aws.events import parse_decision, parse_intake_message, parse_records
from backdrop.aws.s3 import S3InputBucket
from backdrop.aws.settings import ProviderSettings, Settings
from backdrop.aws.table import Table
from backdrop.bootstrap import Bootstrap
from backdrop.intake.service import IntakeService
from backdrop.model.errors import MalformedMessageError, RetryLaterError
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.pricing import CREDIT_PROVIDER, MICRO_PER_USD
from backdrop.model.provider_result import OnLostAnswer
from backdrop.model.queue_messages import (
    RECEIPT_ETAG,
    DeliverMessage,
    FolderMessage,
    JobMessage,
    LaneMessage,
    RecheckMessage,
    parse_message,
)
from backdrop.pipeline.call_context import CallContext
from backdrop.ports import Downloads, Provider
from simulation.world.simulated_batch import MessageStep
from simulation.world.simulated_quotes import SimulatedQuotes
from simulation.world.simulated_sqs import SimulatedMessage
from simulation.world.world_inspector import EVENT_BUS, INPUT_BUCKET, LEDGER_TABLE, OUTPUT_BUCKET, READABLE_BUCKET

if TYPE_CHECKING:
    from simulation.world.simulated_stack import World

MAX_MEGAPIXELS = 1
CALLER, CALLER_ID = "arn:aws:iam::123456789012:user/ann", "AIDAEXAMPLEOFANN"
PARSE_EVENTS = partial(parse_intake_message, input_bucket=INPUT_BUCKET, readable_buckets={READABLE_BUCKET})


class SimulatedIdentity:
    """The STS client of a person who runs commands."""

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": CALLER, "UserId": CALLER_ID}


class WorldBootstrap(Bootstrap):
    """The product's composition root. AWS is simulated below its adapters; the overrides are for everything else.

    Providers and downloads are simulated at the product's own ports. IDs and time come from the world, so that a seed
    always runs the same way. `more`: clients of services that the world does not have.
    """

    def __init__(self, world: "World", **more: Any) -> None:
        clients = {
            "dynamodb": world.table,
            "events": world.bus,
            "lambda": world.lambda_service,
            INVOKING_CLIENT: world.lambda_service,
            "s3": world.s3,
            "sqs": world.sqs,
            "stepfunctions": world.step_functions,
            "sts": SimulatedIdentity(),
            **more,
        }
        super().__init__(build_settings(world), clients.__getitem__, world.clock, world.transitions.append)
        self._world, self._created, self._ids = world, world.clock.time, count(1)

    @cached_property
    @override
    def table(self) -> Table:
        retention_days = self.settings.ledger_retention_days
        return Table(
            self.client("dynamodb"),
            LEDGER_TABLE,
            self.clock,
            lambda: f"{next(self._ids):032x}",
            retention_days=retention_days,
        )

    @property
    @override
    def budget_share_count(self) -> int:
        shares = self._world.setup.budget_shares
        return super().budget_share_count if shares is None else shares

    @cached_property
    @override
    def stack_created_at(self) -> datetime:
        return self._created

    @cached_property
    @override
    def input_bucket(self) -> S3InputBucket:
        return S3InputBucket(self.client("s3"), lambda: self._world.clock.time.timestamp())

    @cached_property
    @override
    def providers(self) -> Mapping[str, Provider]:
        return self._world.providers

    @cached_property
    @override
    def ideogram_quotes(self) -> SimulatedQuotes:  # pyrefly: ignore[bad-override]  # it answers as the adapter does
        return SimulatedQuotes(self._world.transport, self._world.clock, self._world.provider)

    @property
    @override
    def place_limits(self) -> Mapping[str, int]:
        return self.settings.place_limits if self._world.setup.counts_images else {}

    @cached_property
    @override
    def downloads(self) -> Downloads:
        return self._world.downloads


def build_settings(world: "World") -> Settings:
    """Returns the settings that the template would give the functions of this stack."""
    setup, queues = world.setup, world.queues
    price_micro_usd = setup.credit_prices.get(CREDIT_PROVIDER)
    return Settings(
        stack_name="shop",
        render_function_name="render",
        input_bucket=INPUT_BUCKET,
        readable_buckets=READABLE_BUCKET,
        output_bucket=OUTPUT_BUCKET,
        ledger_table=LEDGER_TABLE,
        intake_queue_url=queues["intake"].url,
        deliver_queue_url=queues["deliver"].url,
        dead_letter_queue_url=world.dead_letter_queue.url,
        event_bus_name=EVENT_BUS,
        default_provider=world.provider.name,
        daily_budget_usd=Decimal(setup.budget) / MICRO_PER_USD,
        on_lost_answer=OnLostAnswer(setup.on_lost_answer),
        ledger_retention_days=setup.ledger_retention_days,
        settle_seconds=setup.settle_seconds,
        max_image_megapixels=MAX_MEGAPIXELS,
        one_min_usd_per_image=None if price_micro_usd is None else Decimal(price_micro_usd) / MICRO_PER_USD,
        providers={
            name: ProviderSettings(queue_url=queues[name].url, max_in_flight=setup.in_flight)
            for name in world.providers
        },
    )


class WorldServices:
    """One of each service, all on the same world."""

    def __init__(self, world: "World") -> None:
        self.clock, self._world = world.clock, world
        self.bootstrap = bootstrap = WorldBootstrap(world)
        self.dead_letter_queue = bootstrap.dead_letter_queue
        self.ledger, self.ledger_queries, self.breaker = bootstrap.ledger, bootstrap.ledger_queries, bootstrap.breaker
        self.intake, self.render = bootstrap.intake(), bootstrap.render()
        self.deliver, self.provider_notifications = bootstrap.deliver(), bootstrap.provider_notifications()
        self.reconcile = bootstrap.reconcile()
        self.redrive, self.cancel = bootstrap.redrive, bootstrap.cancel
        self.mandates = bootstrap.mandates()

    # -- what the handlers do with one message ------------------------------------------------------------------

    @property
    def handler_builders(self) -> Mapping[str, Callable[[Sequence[SimulatedMessage]], MessageStep]]:
        """Builders of the function that processes each message of a batch, by queue."""
        render_handlers = {name: partial(self._build_render_handler, name) for name in self._world.providers}
        return {"intake": self._build_intake_handler, "deliver": lambda _: self._handle_deliver, **render_handlers}

    def _build_intake_handler(self, messages: Sequence[SimulatedMessage]) -> MessageStep:
        """Builds the handler of a batch. Concurrent workers share nothing: each reads folder defaults itself."""
        intake = self.bootstrap.intake() if self._world.lambda_service.is_started else self._world.intake
        intake.start_batch(_parse_batch(messages))
        return partial(self._handle_intake, intake)

    def build_call_context(
        self, deadline: datetime, receive_count: int = 1, provider: str = "", receipt_etag: str = ""
    ) -> CallContext:
        """Returns a context with this deadline, converted to the worker's own clock."""
        ends_at = self.clock.now() + (deadline - self.clock.time)
        return CallContext(
            deadline=ends_at, receive_count=receive_count, lane_provider=provider, receipt_etag=receipt_etag
        )

    def _handle_intake(self, intake: IntakeService, message: SimulatedMessage, _: datetime) -> None:
        if decision := parse_decision(message.body):
            intake.decide(decision)
            return
        for _result in intake.handle_each(_parse_message(message)):
            pass

    def _build_render_handler(self, provider: str, _: Sequence[SimulatedMessage]) -> MessageStep:
        return partial(self._handle_render, provider)

    def _handle_render(self, provider: str, message: SimulatedMessage, deadline: datetime) -> None:
        context = self.build_call_context(
            deadline, message.receive_count, provider, message.attributes.get(RECEIPT_ETAG, "")
        )
        self._world.render.render(parse_message(message.body, JobMessage), context)

    def _handle_deliver(self, message: SimulatedMessage, deadline: datetime) -> None:
        request = parse_message(message.body, DeliverMessage, LaneMessage)
        if isinstance(request, LaneMessage):
            self.provider_notifications.publish(request.provider)
        else:
            self._world.deliver.deliver(
                request,
                deadline,
                receive_count=message.receive_count,
                receipt_etag=message.attributes.get(RECEIPT_ETAG, ""),
            )

    def run_reconcile(self, deadline: datetime) -> bool:
        """Runs reconcile once. Returns False if it failed, so that Lambda invokes it again."""
        try:
            self.reconcile.run(self.build_call_context(deadline))
        except RetryLaterError:
            return False
        return True


def find_subject(body: str) -> str:
    """Returns the subject of our own messages: a job, or a photo and the place in its folder; empty for others."""
    with suppress(ValueError):
        match json.loads(body):
            case {"job_id": str(job_id)}:
                return job_id
            case {"kind": FolderMessage.kind, "key": str(key), "start_after": str(after)} if after:
                return f"{key} {after}"
            case {"kind": RecheckMessage.kind | FolderMessage.kind, "key": str(key)}:
                return key
            case _:
                pass
    return ""


def _parse_message(message: SimulatedMessage) -> Iterator[IntakeEvent]:
    receive_count = message.receive_count
    parse = partial(
        PARSE_EVENTS,
        is_repeated=receive_count > 1,
        message_id=message.id,
        receive_count=receive_count,
        sent_at=message.sent_at,
    )
    return parse_records(message.body, parse)


def _parse_batch(messages: Sequence[SimulatedMessage]) -> Iterator[IntakeEvent]:
    for message in messages:
        with suppress(MalformedMessageError):
            yield from _parse_message(message)
