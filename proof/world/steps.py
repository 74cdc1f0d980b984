"""The product's services, made by its own composition root on the simulated AWS, and what its handlers do."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import cached_property, partial
from itertools import count
from typing import TYPE_CHECKING, override

from backdrop.aws.events import parse_intake_message
from backdrop.aws.s3 import S3InputBucket
from backdrop.aws.settings import ProviderSettings, Settings
from backdrop.aws.table import Table
from backdrop.bootstrap import Bootstrap
from backdrop.intake.service import Intake
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
from proof.world.doors import Step
from proof.world.sight import BUS, INPUT, OUTPUT, SHELF, TABLE
from proof.world.sqs import Message

if TYPE_CHECKING:
    from proof.world.stack import World

MAX_MEGAPIXELS = 1
LOOKS = partial(parse_intake_message, input_bucket=INPUT, readable_buckets={SHELF})


class WorldBootstrap(Bootstrap):
    """The product's composition root. AWS is simulated below its adapters; what is overridden here is not AWS.

    Providers and their download links are simulated at the product's own ports. Ids and time are the world's, so that
    a seed always plays the same.
    """

    def __init__(self, world: "World") -> None:
        clients = {
            "dynamodb": world.table,
            "events": world.bus,
            "lambda": world.functions,
            "s3": world.s3,
            "sqs": world.sqs,
            "stepfunctions": world.states,
        }
        super().__init__(settings_of(world), clients.__getitem__, world.clock, world.written.append)
        self._world, self._created, self._ids = world, world.clock.time, count(1)

    @cached_property
    @override
    def table(self) -> Table:
        kept_days = self.settings.ledger_retention_days
        return Table(
            self.client("dynamodb"), TABLE, self.clock, lambda: f"{next(self._ids):032x}", retention_days=kept_days
        )

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
    def downloads(self) -> Downloads:
        return self._world.downloads


def settings_of(world: "World") -> Settings:
    """What the template would tell the functions of this world's stack."""
    setup, lines = world.setup, world.lines
    credit = setup.prices.get(CREDIT_PROVIDER)
    return Settings(
        stack_name="shop",
        render_function_name="render",
        input_bucket=INPUT,
        readable_buckets=SHELF,
        output_bucket=OUTPUT,
        ledger_table=TABLE,
        intake_queue_url=lines["intake"].url,
        deliver_queue_url=lines["deliver"].url,
        dead_letter_queue_url=world.dead_letters.url,
        event_bus_name=BUS,
        default_provider=world.provider.name,
        daily_budget_usd=Decimal(setup.budget) / MICRO_PER_USD,
        on_lost_answer=OnLostAnswer(setup.on_lost_answer),
        ledger_retention_days=setup.kept_days,
        settle_seconds=setup.settle_seconds,
        max_image_megapixels=MAX_MEGAPIXELS,
        one_min_usd_per_image=None if credit is None else Decimal(credit) / MICRO_PER_USD,
        providers={
            name: ProviderSettings(queue_url=lines[name].url, max_in_flight=setup.in_flight) for name in world.providers
        },
    )


class Steps:
    """One of each service, all on the same world."""

    def __init__(self, world: "World") -> None:
        self.clock, self._world = world.clock, world
        self.bootstrap = bootstrap = WorldBootstrap(world)
        self.letters = bootstrap.dead_letter_queue
        self.ledger, self.books, self.keeper = bootstrap.ledger, bootstrap.ledger_queries, bootstrap.breaker
        self.intake, self.render = bootstrap.intake(), bootstrap.render()
        self.deliver, self.news = bootstrap.deliver(), bootstrap.provider_notifications()
        self.reconcile = bootstrap.reconcile()
        self.orders, self.cancelling = bootstrap.redrive, bootstrap.cancel

    # -- what the doors do with one message ---------------------------------------------------------------------

    @property
    def doors(self) -> Mapping[str, Callable[[Sequence[Message]], Step]]:
        """What makes the step for a batch of each queue's messages."""
        lanes = {name: partial(self._rendering, name) for name in self._world.providers}
        return {"intake": self._taking_in, "deliver": lambda _: self._deliver, **lanes}

    def _taking_in(self, messages: Sequence[Message]) -> Step:
        """Workers side by side share nothing: what one has read of a folder's defaults the others read themselves."""
        intake = self.bootstrap.intake() if self._world.functions.started else self._world.intake
        intake.start_batch(_coming(messages))
        return partial(self._take_in, intake)

    def slot(self, deadline: datetime, receives: int = 1, provider: str = "", receipt: str = "") -> CallContext:
        """A slot until a moment, as the worker's own clock shows it."""
        ends = self.clock.now() + (deadline - self.clock.time)
        return CallContext(deadline=ends, receive_count=receives, lane_provider=provider, receipt_etag=receipt)

    def _take_in(self, intake: Intake, message: Message, _: datetime) -> None:
        for look in _looks(message):
            intake.handle(look)

    def _rendering(self, provider: str, _: Sequence[Message]) -> Step:
        return partial(self._render, provider)

    def _render(self, provider: str, message: Message, deadline: datetime) -> None:
        slot = self.slot(deadline, message.receives, provider, message.attributes.get(RECEIPT_ETAG, ""))
        self._world.render.render(parse_message(message.body, JobMessage), slot)

    def _deliver(self, message: Message, _: datetime) -> None:
        found = parse_message(message.body, DeliverMessage, LaneMessage)
        if isinstance(found, LaneMessage):
            self.news.publish(found.provider)
        else:
            self._world.deliver.deliver(
                found, receive_count=message.receives, receipt_etag=message.attributes.get(RECEIPT_ETAG, "")
            )

    def set_right(self, deadline: datetime) -> bool:
        """One run of reconcile; False where it failed and Lambda is to invoke it again."""
        try:
            self.reconcile.run(self.slot(deadline))
        except RetryLaterError:
            return False
        return True


def subject_of(body: str) -> str:
    """What one of our own messages names: a job, or a photo and the place in its folder; "" if it is not our own."""
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


def _looks(message: Message) -> list[IntakeEvent]:
    times = message.receives
    return LOOKS(
        message.body, is_repeated=times > 1, message_id=message.id, receive_count=times, sent_at=message.sent_at
    )


def _coming(messages: Sequence[Message]) -> Iterator[IntakeEvent]:
    for message in messages:
        with suppress(MalformedMessageError):
            yield from _looks(message)
