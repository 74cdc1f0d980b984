"""The stack in memory: the steps on the product's own adapters, and the Lambda service that brings them messages.

Two ways to run it. `run`, `run_for`, `turn` and `bring` play one invocation after another, each to its end. After
`start`, `hub.run_until` plays them beside one another, giving way at every call and every wait.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.transitions import Transition as Transition
from proof.world.clock import WorldClock
from proof.world.doors import Doors, Wait
from proof.world.dynamodb import SimulatedTable
from proof.world.events import SimulatedBus
from proof.world.functions import Function, Handler, Schedule, SimulatedLambda
from proof.world.hub import Hub, SimulatedCrash
from proof.world.lineage import following
from proof.world.provider import Kind, SimulatedDownloads, SimulatedProvider
from proof.world.s3 import SimulatedS3
from proof.world.sight import BUS, INPUT, OUTPUT, SHELF, TABLE, Sight
from proof.world.sqs import Line, Message, SimulatedSqs
from proof.world.states import SimulatedStates
from proof.world.steps import Steps, subject_of
from proof.world.story import told
from proof.world.wire import Call, Wire

__all__ = ["BUS", "INPUT", "LIMITS", "MOST_RECEIVES", "OUTPUT", "TABLE", "VISIBILITY", "Wait", "World"]

FUNCTIONS = {"intake": "intake", "ideogram": "render", "deliver": "deliver"}
# As template.yaml has them: the functions' time limits, the queues' visibility and retention, in seconds.
LIMITS = {"intake": 60, "ideogram": 300, "deliver": 120, "reconcile": 270}
VISIBILITY = {"intake": 360, "ideogram": 360, "deliver": 720}
RETENTION = {"intake": 1_209_600, "ideogram": 345_600, "deliver": 1_209_600}
MOST_RECEIVES = {"intake": 1000, "ideogram": 1000, "deliver": 1000}
BATCH = {"intake": 10, "ideogram": 1, "deliver": 1}
LETTERS_RETENTION = 1_209_600
RECONCILE_EVERY = 300
RECONCILE_EVENT_SECONDS = 300
COMMAND_AGAIN_SECONDS = 20
# Functions without a limit of their own: enough to let them meet.
OTHERS_AT_ONCE = 10
# S3's notifications mostly arrive within seconds (S3 User Guide, "Event Notifications").
QUICKEST_EVENT, SLOWEST_EVENT = 0.05, 2.0


@dataclass(frozen=True)
class Setup:
    """What operators and accounts choose: `budget` micro-dollars a day, `in_flight` calls that we hold open at most.

    `kind`: how the provider can be asked about lost calls; `account_limit`: how many calls it really lets us have open;
    `besides`: further providers, and of which kind each is; `kept_days`: how long the ledger keeps ended items;
    `prices`: what an image costs at providers that sell credits, micro-dollars.
    """

    budget: int = 10_000_000
    settle_seconds: int = 20
    on_lost_answer: str = "retry_once"
    kind: Kind = Kind.UNASKABLE
    in_flight: int = 10
    account_limit: int = 10
    besides: Mapping[str, Kind] = field(default_factory=dict[str, Kind])
    kept_days: int = 0
    prices: Mapping[str, int] = field(default_factory=dict[str, int])


def of(table: Mapping[str, Any], name: str) -> Any:
    """What a table has of a queue; every lane is as Ideogram's."""
    return table[name if name in table else "ideogram"]


class World(Sight):
    """Everything, wired up and quiet. All randomness comes from the seed; a setup's fields are said by name."""

    queues: type[SimulatedSqs] = SimulatedSqs

    def __init__(self, seed: int = 0, *, shuffled: bool = False, **setup: Any) -> None:
        self.setup = Setup(**setup)
        self.random = Random(seed)
        self.clock = WorldClock(self.random)
        self.hub = Hub(self.clock)
        self.wire = Wire(self.clock)
        self.wire.always.append(self._end_late_workers)
        self.table = SimulatedTable(self.wire, self.clock, TABLE)
        self.s3 = SimulatedS3(self.wire, self.clock)
        self.sqs = self.queues(self.wire, self.clock, self.random)
        self.bus = SimulatedBus(self.wire, BUS)
        self.states = SimulatedStates(self.wire)
        self.functions = SimulatedLambda(self.wire, self.clock, self.sqs, self.hub)
        self.provider = SimulatedProvider(
            self.wire, self.clock, kind=Kind(self.setup.kind), limit=self.setup.account_limit
        )
        others = [
            SimulatedProvider(self.wire, self.clock, kind=Kind(one), name=name, limit=self.setup.account_limit)
            for name, one in self.setup.besides.items()
        ]
        self.sellers = {one.name: one for one in (self.provider, *others)}
        self.providers = dict(self.sellers)
        self.downloads = SimulatedDownloads(self.wire)
        self._open_queues(shuffled=shuffled)
        self.input = self.s3.open(INPUT, self._notified)
        self.output = self.s3.open(OUTPUT)
        self.s3.open(SHELF)
        self.crashes = 0
        self.written: list[Transition] = []
        self.event_delays: list[Callable[[str, list[float]], list[float]]] = []
        self.event_bodies: list[Callable[[str], str]] = []
        self._deadlines: list[datetime] = []
        self._connect()

    def _open_queues(self, *, shuffled: bool) -> None:
        self.dead_letters = self.sqs.open("dead-letters", retention_seconds=LETTERS_RETENTION)
        self.lines = {
            name: self.sqs.open(
                name,
                visibility_seconds=of(VISIBILITY, name),
                retention_seconds=of(RETENTION, name),
                dead_letters=self.dead_letters,
                most_receives=of(MOST_RECEIVES, name),
                shuffled=shuffled,
            )
            for name in (*VISIBILITY, *self.setup.besides)
        }

    def _connect(self) -> None:
        """The steps behind their doors, and what brings them messages."""
        self.steps = steps = Steps(self)
        self.ledger, self.intake, self.render, self.deliver = steps.ledger, steps.intake, steps.render, steps.deliver
        self.doors = Doors(self.sqs, self.steps.letters, self.clock)
        self.sources = {
            name: self.functions.connect(
                line,
                Function(of(FUNCTIONS, name), of(LIMITS, name), self._handler(name, line), subject_of),
                most_at_once=self.setup.in_flight if name in self.providers else OTHERS_AT_ONCE,
                batch_size=of(BATCH, name),
            )
            for name, line in self.lines.items()
        }
        times = RECONCILE_EVERY, LIMITS["reconcile"]
        self.reconcile = Schedule("reconcile", *times, steps.set_right, RECONCILE_EVENT_SECONDS)
        self.functions.schedules.append(self.reconcile)

    def _handler(self, name: str, line: Line) -> Handler:
        """What a function does with a batch: a step for it, and each message by itself."""

        def work(messages: Sequence[Message], deadline: datetime) -> Sequence[Message]:
            step = following(self.steps.doors[name](messages), self.sources[name].function.lineage)
            return self.doors.of(line, step)(messages, deadline)

        return work

    @property
    def waits(self) -> list[Wait]:
        """Every message that was handed back."""
        return self.doors.waits

    # -- what people do -----------------------------------------------------------------------------------------

    def drop(self, key: str, data: bytes, **tags: str) -> None:
        """Somebody uploads a photo, with tags or without."""
        self.wire.note(f"somebody drops {key}")
        self.s3.drop(INPUT, key, data, tags)

    def sidecar(self, key: str, **fields: Any) -> None:
        """Somebody uploads the sidecar of a photo's key."""
        self.wire.note(f"somebody writes {key}.json {fields}")
        self.s3.drop(INPUT, f"{key}.json", json.dumps(fields).encode())

    def remove(self, key: str) -> None:
        """Somebody deletes a file."""
        self.wire.note(f"somebody deletes {key}")
        self.s3.remove(INPUT, key)

    def pause(self, *, seconds: float = 0, provider: str = "ideogram") -> None:
        """Somebody pauses a lane, as `backdrop pause` does, and lets it go on so many seconds later (0: never)."""
        words = "A person paused it."

        def command() -> None:
            self.steps.keeper.pause(provider, PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, words)
            if seconds:
                self.hub.after(seconds, lambda: self.resume(provider=provider))

        self.somebody(command)

    def resume(self, *, provider: str = "ideogram") -> None:
        """Somebody lets a lane go on, as `backdrop resume` does."""
        self.somebody(lambda: self.steps.keeper.resume(provider))

    def somebody(self, act: Callable[[], object]) -> None:
        """A person runs a command; where it dies or AWS does not answer, once more a little later."""

        def command() -> None:
            try:
                act()
            except (RetryLaterError, SimulatedCrash) as error:
                self.wire.note(f"a person's command fails: {error}")
                self.hub.after(COMMAND_AGAIN_SECONDS, lambda: self.somebody(act))

        if self.functions.started:
            self.hub.after(0, lambda: self.hub.spawn("person", command, seconds=LIMITS["reconcile"]))
        else:
            act()

    def _notified(self, body: str) -> None:
        """S3 tells the intake queue, at once where everything happens one after another, else a moment later."""
        if not self.functions.started:
            self.sqs.post(self.lines["intake"], body)
            return
        delays = [self.random.uniform(QUICKEST_EVENT, SLOWEST_EVENT)]
        for change in self.event_delays:
            delays = change(body, delays)
        for change in self.event_bodies:
            body = change(body)
        for seconds in delays:
            self.hub.after(seconds, lambda: self.sqs.post(self.lines["intake"], body))

    # -- one beside another -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Lambda begins to poll and to tick; from now on time is the hub's."""
        self.functions.start()

    def quiet(self) -> bool:
        """Whether no message waits or is under way, but behind a mapping that is off."""
        return self.functions.quiet

    def story(self) -> list[str]:
        """All that happened, line by line."""
        return list(told(self.wire.history))

    # -- one after another --------------------------------------------------------------------------------------

    def turn(self, *names: str) -> bool:
        """Bring one message of one of these queues (of any, where none is named) to its step; False if none is due."""
        for name in names or tuple(self.lines):
            message = self.sqs.receive(self.lines[name]) if self.sources[name].polls else None
            if message:
                if self.functions.admits(self.sources[name].function, message):
                    self.bring(self.lines[name], message)
                return True
        return False

    def run(self, *names: str, most_turns: int = 1000) -> None:
        """Bring messages, waiting where all wait, until these queues are empty."""
        for _ in range(most_turns):
            moment = self._next_moment(names or tuple(self.lines))
            if moment is None:
                return
            self.clock.wait_until(moment)
            self.turn(*names)
        raise AssertionError(f"not quiet after {most_turns} turns")

    def run_for(self, seconds: float) -> None:
        """Bring messages until so much time has passed."""
        end = self.clock.time + timedelta(seconds=seconds)
        while (moment := self._next_moment(tuple(self.lines))) and moment <= end:
            self.clock.wait_until(moment)
            self.turn()
        self.clock.wait_until(end)

    def set_right(self) -> bool:
        """One run of reconcile, now; False where it failed, or died half-way."""
        done: list[bool] = []
        self._until_its_end(LIMITS["reconcile"], lambda deadline: done.append(self.steps.set_right(deadline)))
        return done == [True]

    def _next_moment(self, names: Sequence[str]) -> datetime | None:
        return self.sqs.next_moment([self.lines[name] for name in names if self.sources[name].polls])

    def bring(self, line: Line, message: Message) -> None:
        """One invocation with one message: done and deleted, handed back, dead-lettered, or dead half-way."""
        handle = message.receipt_handle

        def work(deadline: datetime) -> None:
            if not self.sources[line.name].function.handler([message], deadline):
                self.sqs.delete(line, handle)

        self._until_its_end(of(LIMITS, line.name), work)

    def _until_its_end(self, seconds: float, work: Callable[[datetime], object]) -> None:
        """One invocation, which may last so long; others may begin and end meanwhile."""
        depth = len(self._deadlines)
        self._deadlines.append(self.clock.time + timedelta(seconds=seconds))
        try:
            work(self._deadlines[-1])
        except SimulatedCrash:
            self.crashes += 1
        finally:
            del self._deadlines[depth:]

    def _end_late_workers(self, call: Call) -> None:
        """Lambda ends an invocation that takes longer than it may; the hub does that for those that it plays."""
        if self._deadlines and self.clock.time > self._deadlines[-1]:
            raise SimulatedCrash(f"out of time at {call}")
