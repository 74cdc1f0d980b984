"""The product's steps on the product's own adapters, wired to the simulated services as the doors wire them to AWS."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from backdrop.aws.answers import S3Answers
from backdrop.aws.arrivals import looks_of
from backdrop.aws.books import DynamoBooks
from backdrop.aws.buckets import S3Output, S3Photos
from backdrop.aws.bus import EventBus
from backdrop.aws.inputs import S3Inputs
from backdrop.aws.lanes import MappedLanes
from backdrop.aws.ledger import DynamoLedger
from backdrop.aws.queues import SqsLetters, SqsQueue
from backdrop.aws.step_functions import A_RUN, SfnExecutions, SfnTokens
from backdrop.aws.table import Table
from backdrop.core.answer import OnLostAnswer
from backdrop.core.errors import DamagedMessageError, WaitError
from backdrop.core.intake_event import Look
from backdrop.core.queue_messages import (
    RECEIPT,
    DeliverMessage,
    FolderMessage,
    JobMessage,
    LaneMessage,
    RecheckMessage,
    parse,
)
from backdrop.core.slot import Slot
from backdrop.steps.assemble import handing as handing_over
from backdrop.steps.assemble import paying as paying_for
from backdrop.steps.assemble import watching as watching_over
from backdrop.steps.assemble.arriving import Arriving
from backdrop.steps.assemble.handing import Handing
from backdrop.steps.assemble.paying import Paying
from backdrop.steps.assemble.watching import Watching
from backdrop.steps.cancelling import Cancelling
from backdrop.steps.intake import Intake
from backdrop.steps.orders import Orders
from proof.world.doors import Step
from proof.world.sight import BUS, INPUT, OUTPUT, SHELF, TABLE
from proof.world.sqs import Message

if TYPE_CHECKING:
    from proof.world.stack import World

MAX_MEGAPIXELS = 1
LOOKS = partial(looks_of, bucket=INPUT, readable={SHELF})


class Steps:
    """One of each, all on the same world."""

    def __init__(self, world: "World") -> None:
        self.clock, self._world = world.clock, world
        sqs = cast("Any", world.sqs)
        self._queues = {name: SqsQueue(sqs, line.url) for name, line in world.lines.items()}
        self.letters = SqsQueue(sqs, world.dead_letters.url)
        self._lanes = {name: self._queues[name] for name in world.providers}
        self._photos = S3Photos(cast("Any", world.s3), lambda: world.clock.time.timestamp())
        self._output = S3Output(cast("Any", world.s3), OUTPUT)
        marks = count(1)
        table = Table(
            cast("Any", world.table),
            TABLE,
            world.clock,
            lambda: f"{next(marks):032x}",
            kept_days=world.setup.kept_days,
        )
        self.ledger = DynamoLedger(table, world.written.append)
        self.books = DynamoBooks(table)
        self._executions = SfnExecutions(cast("Any", world.states), world.clock)
        paying, handing = self._paying(world), self._handing(world)
        self.keeper = paying.keeper
        self.intake = self._intake(world)
        self.render = paying_for.render(paying, self._photos, self._executions)
        self.deliver, self.news = handing_over.deliver(handing), handing_over.lane_news(handing)
        self.reconcile = watching_over.reconcile(paying, self._watching(world))

    def _intake(self, world: "World") -> Intake:
        arriving = Arriving(
            photos=self._photos,
            output=self._output,
            input_bucket=INPUT,
            inputs=S3Inputs(self._output),
            ledger=self.ledger,
            books=self.books,
            lanes=self._lanes,
            deliver=self._queues["deliver"],
            intake=self._queues["intake"],
            clock=self.clock,
            default_provider=world.provider.name,
            settle_seconds=world.setup.settle_seconds,
            max_megapixels=MAX_MEGAPIXELS,
            prices=world.setup.prices,
        )
        return arriving.step()

    def _paying(self, world: "World") -> Paying:
        urls = {name: world.lines[name].url for name in world.providers}
        return Paying(
            ledger=self.ledger,
            answers=S3Answers(self._output),
            inputs=S3Inputs(self._output),
            switches=MappedLanes(cast("Any", world.functions), "render", urls),
            providers=world.providers,
            deliver=self._queues["deliver"],
            intake=self._queues["intake"],
            clock=self.clock,
            daily_budget=world.setup.budget,
            policy=OnLostAnswer(world.setup.on_lost_answer),
            prices=world.setup.prices,
        )

    def _handing(self, world: "World") -> Handing:
        return Handing(
            ledger=self.ledger,
            photos=self._photos,
            output=self._output,
            deliver=self._queues["deliver"],
            intake=self._queues["intake"],
            downloads=world.downloads,
            events=EventBus(cast("Any", world.bus), BUS),
            tokens=SfnTokens(cast("Any", self._world.states)),
            dead_letters=self.letters,
            clock=self.clock,
            input_bucket=INPUT,
            max_megapixels=MAX_MEGAPIXELS,
        )

    def _watching(self, world: "World") -> Watching:
        return Watching(
            books=self.books,
            photos=self._photos,
            executions=SfnExecutions(cast("Any", world.states), world.clock, A_RUN),
            lanes=self._lanes,
            letters=SqsLetters(cast("Any", world.sqs), world.dead_letters.url),
            dead_letters=self.letters,
            waiting=self._queues["deliver"].waiting,
            looks=partial(LOOKS, again=True),
            bucket=INPUT,
            since=world.clock.time,
        )

    def orders(self) -> Orders:
        """What people can order."""
        deliver, intake = self._queues["deliver"], self._queues["intake"]
        return Orders(self.ledger, self.books, self._output, self._lanes, deliver, intake, self.clock)

    def cancelling(self) -> Cancelling:
        """How people cancel."""
        return Cancelling(self.ledger, self.books, self.keeper, [*self._lanes], self._queues["deliver"], self.clock)

    # -- what the doors do with one message ---------------------------------------------------------------------

    @property
    def doors(self) -> Mapping[str, Callable[[Sequence[Message]], Step]]:
        """What makes the step for a batch of each queue's messages."""
        lanes = {name: partial(self._rendering, name) for name in self._lanes}
        return {"intake": self._taking_in, "deliver": lambda _: self._deliver, **lanes}

    def _taking_in(self, messages: Sequence[Message]) -> Step:
        """Workers side by side share nothing: what one has read of a folder's defaults the others read themselves."""
        intake = self._intake(self._world) if self._world.functions.started else self._world.intake
        intake.begin_batch(_coming(messages))
        return partial(self._take_in, intake)

    def slot(self, deadline: datetime, receives: int = 1, provider: str = "", receipt: str = "") -> Slot:
        """A slot until a moment, as the worker's own clock shows it."""
        ends = self.clock.now() + (deadline - self.clock.time)
        return Slot(deadline=ends, receives=receives, provider=provider, receipt=receipt)

    def _take_in(self, intake: Intake, message: Message, _: datetime) -> None:
        for look in _looks(message):
            intake(look)

    def _rendering(self, provider: str, _: Sequence[Message]) -> Step:
        return partial(self._render, provider)

    def _render(self, provider: str, message: Message, deadline: datetime) -> None:
        slot = self.slot(deadline, message.receives, provider, message.attributes.get(RECEIPT, ""))
        self._world.render(parse(message.body, JobMessage), slot)

    def _deliver(self, message: Message, _: datetime) -> None:
        found = parse(message.body, DeliverMessage, LaneMessage)
        if isinstance(found, LaneMessage):
            self.news(found.provider)
        else:
            self._world.deliver(found, receives=message.receives, receipt=message.attributes.get(RECEIPT, ""))

    def set_right(self, deadline: datetime) -> bool:
        """One run of reconcile; False where it failed and Lambda is to invoke it again."""
        try:
            self.reconcile(self.slot(deadline))
        except WaitError:
            return False
        return True


def subject_of(body: str) -> str:
    """What one of our own messages names: a job, or a photo and the place in its folder; "" if it is not our own."""
    with suppress(ValueError):
        match json.loads(body):
            case {"job_id": str(job_id)}:
                return job_id
            case {"kind": FolderMessage.kind, "key": str(key), "after": str(after)} if after:
                return f"{key} {after}"
            case {"kind": RecheckMessage.kind | FolderMessage.kind, "key": str(key)}:
                return key
            case _:
                pass
    return ""


def _looks(message: Message) -> list[Look]:
    times = message.receives
    return LOOKS(message.body, again=times > 1, ident=message.id, receives=times, sent=message.sent_at)


def _coming(messages: Sequence[Message]) -> Iterator[Look]:
    for message in messages:
        with suppress(DamagedMessageError):
            yield from _looks(message)
