"""The Lambda service in memory: it polls queues, invokes functions beside one another, and runs schedules.

A function takes a batch of messages and its deadline and gives back those that shall come again. What dies leaves its
messages to their visibility. Mappings can be looked up and switched off and on as through boto3's client.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from proof.world.clock import WorldClock
from proof.world.hub import NO_SKEW, Hub, OutOfTimeCrash, SimulatedCrash
from proof.world.lineage import Lineage
from proof.world.sqs import Line, Message, SimulatedSqs
from proof.world.wire import Wire, refusal

# After how long Lambda invokes a scheduled function again that failed (Developer Guide, "Asynchronous invocation").
RETRY_SECONDS = 60.0, 120.0
Handler = Callable[[Sequence[Message], datetime], Sequence[Message]]
Task = Callable[[datetime], bool]


@dataclass(frozen=True)
class Function:
    """One function: how long an invocation may last, and what it does with a batch.

    `subject`: what a message's body names; only a function whose RecursiveLoop is Allow has one.
    """

    name: str
    limit_seconds: float
    handler: Handler
    subject: Callable[[str], str] | None = None

    def lineage(self, message: Message) -> Lineage:
        """A message's chain once this function runs for it."""
        return message.lineage.entered(self.name, self.subject(message.body) if self.subject else "")


@dataclass(eq=False)
class EventSource:
    """One event source mapping. `enabled` is what was asked for, `polls` what Lambda does by now."""

    uuid: str
    line: Line
    function: Function
    most_at_once: int
    batch_size: int = 1
    enabled: bool = True
    polls: bool = True
    running: int = 0
    poll_at: datetime | None = None


class Ending(Enum):
    """How an invocation ended, as Lambda sees it."""

    DONE = auto()
    KILLED = auto()
    OUT_OF_TIME = auto()


@dataclass(eq=False)
class Schedule:
    """A function that is invoked every so many seconds, whether or not its last invocation is done.

    A task that gives False has failed and is invoked again, until its event is too old.
    """

    name: str
    every_seconds: float
    limit_seconds: float
    task: Task
    oldest_event_seconds: float = 21_600


@dataclass(eq=False)
class Invocation:
    """One invocation, as the story tells it; `first`: the ids of messages that were new."""

    name: str
    began: datetime
    messages: Sequence[Message] = ()
    first: frozenset[str] = frozenset()
    ended: datetime | None = None
    ending: Ending | None = None


@dataclass
class SimulatedLambda:
    """The service and its client. Nothing is invoked before `start`.

    `skew` says how far the next worker's clock is off, `switching_seconds` how long a switched mapping takes to obey,
    `ticks` how many invocations one tick of a schedule makes. `entering` and `leaving` let the time pass that an
    invocation of a mapping's function takes before its code and behind it. `recursed` is told of each message whose
    chain has invoked its function too often.
    """

    wire: Wire
    clock: WorldClock
    sqs: SimulatedSqs
    hub: Hub
    sources: list[EventSource] = field(default_factory=list[EventSource])
    schedules: list[Schedule] = field(default_factory=list[Schedule])
    invocations: list[Invocation] = field(default_factory=list[Invocation])
    skew: Callable[[], timedelta] = lambda: NO_SKEW
    switching_seconds: Callable[[], float] = lambda: 0.0
    ticks: Callable[[], int] = lambda: 1
    entering: Callable[[str], object] = lambda _: None
    leaving: Callable[[str], object] = lambda _: None
    recursed: list[Callable[[Function, Message], None]] = field(
        default_factory=list[Callable[[Function, Message], None]]
    )
    started: bool = False

    def connect(self, line: Line, function: Function, *, most_at_once: int, batch_size: int = 1) -> EventSource:
        """Have a function work off a queue, so many invocations at a time."""
        source = EventSource(f"mapping-{line.name}", line, function, most_at_once, batch_size)
        self.sources.append(source)
        return source

    def start(self) -> None:
        """Begin to poll, and to run what is scheduled."""
        self.started = True
        self.sqs.ready = self._ready
        for source in self.sources:
            self._look_again(source, self.clock.time)
        for schedule in self.schedules:
            self.hub.after(self.clock.random.uniform(0, schedule.every_seconds), lambda one=schedule: self._tick(one))

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way and no mapping that is on has anything to wait for."""
        if any(source.running for source in self.sources):
            return False
        return not any(source.line.messages for source in self.sources if source.enabled)

    # -- mappings -----------------------------------------------------------------------------------------------

    def list_event_source_mappings(self, **sent: Any) -> dict[str, Any]:
        """The mappings of one queue, or of one function."""
        return self.wire.carry("lambda", "list_event_source_mappings", sent, lambda: self._list(**sent))

    def get_event_source_mapping(self, **sent: Any) -> dict[str, Any]:
        """One mapping."""
        return self.wire.carry("lambda", "get_event_source_mapping", sent, lambda: _shown(self._mapping(**sent)))

    def update_event_source_mapping(self, **sent: Any) -> dict[str, Any]:
        """Switch a mapping off or on."""
        return self.wire.carry("lambda", "update_event_source_mapping", sent, lambda: self._update(**sent))

    def switch(self, source: EventSource, *, on: bool) -> None:
        """What a mapping is asked to do; it obeys when its pollers have heard of it."""
        source.enabled = on
        seconds = self.switching_seconds()
        if seconds and self.started:
            self.hub.after(seconds, lambda: self._obey(source))
        else:
            self._obey(source)

    def _list(self, *, EventSourceArn: str = "", FunctionName: str = "") -> dict[str, Any]:  # noqa: N803
        found = [one for one in self.sources if EventSourceArn in ("", one.line.arn)]
        return {"EventSourceMappings": [_shown(one) for one in found if FunctionName in ("", one.function.name)]}

    def _mapping(self, *, UUID: str) -> EventSource:  # noqa: N803
        for source in self.sources:
            if source.uuid == UUID:
                return source
        raise refusal("ResourceNotFoundException", "EventSourceMapping", 404)

    def _update(self, *, UUID: str, Enabled: bool) -> dict[str, Any]:  # noqa: N803
        source = self._mapping(UUID=UUID)
        if source.enabled is not source.polls:
            raise refusal("ResourceInUseException", "UpdateEventSourceMapping", 400)
        self.switch(source, on=Enabled)
        return _shown(source)

    def _obey(self, source: EventSource) -> None:
        source.polls = source.enabled
        self._look_again(source, self.clock.time)

    # -- polling ------------------------------------------------------------------------------------------------

    def _ready(self, line: Line, moment: datetime) -> None:
        for source in self.sources:
            if source.line is line:
                self._look_again(source, moment)

    def _look_again(self, source: EventSource, moment: datetime) -> None:
        """Poll at a moment, unless that happens earlier anyway."""
        moment = max(moment, self.clock.time)
        if self.started and (source.poll_at is None or moment < source.poll_at):
            source.poll_at = moment
            self.hub.at(moment, lambda: self._poll(source, moment))

    def _poll(self, source: EventSource, moment: datetime) -> None:
        if source.poll_at != moment:
            return
        source.poll_at = None
        while source.polls and source.running < source.most_at_once:
            messages = self._batch(source)
            if not messages:
                break
            self._invoke(source, messages)
        if source.polls and source.running < source.most_at_once:
            following = self.sqs.next_moment([source.line])
            if following:
                self._look_again(source, following)

    def _batch(self, source: EventSource) -> list[Message]:
        messages: list[Message] = []
        while len(messages) < source.batch_size and (message := self.sqs.receive(source.line)):
            if self.admits(source.function, message):
                messages.append(message)
        return messages

    def admits(self, function: Function, message: Message) -> bool:
        """Whether Lambda invokes a function for a message; one that it refuses comes again after its visibility."""
        if not function.lineage(message).exceeds(function.name):
            return True
        self.wire.note(f"{function.name} recurses: {message.id} {message.body}")
        for listen in self.recursed:
            listen(function, message)
        return function.subject is not None

    # -- invocations --------------------------------------------------------------------------------------------

    def _invoke(self, source: EventSource, messages: Sequence[Message]) -> None:
        source.running += 1
        handles = [(message, message.receipt_handle) for message in messages]
        function = source.function

        def work() -> None:
            try:
                self.entering(function.name)
                again = function.handler(messages, self._deadline())
                self.leaving(function.name)
                for message, handle in handles:
                    if message not in again:
                        self.sqs.delete(source.line, handle)
            finally:
                source.running -= 1
                self._look_again(source, self.clock.time)

        self._live(function.name, function.limit_seconds, work, messages)

    def _deadline(self) -> datetime:
        worker = self.hub.worker
        return worker.deadline if worker else self.clock.time

    def _live(self, name: str, seconds: float, work: Callable[[], object], messages: Sequence[Message] = ()) -> None:
        """One worker's life; what kills it is told, and what is a bug in the code ends the whole run."""
        first = frozenset(message.id for message in messages if message.receives == 1)
        invocation = Invocation(f"{name}-{len(self.invocations) + 1}", self.clock.time, messages, first)
        self.invocations.append(invocation)

        def life() -> None:
            words = "broke"
            try:
                work()
                invocation.ending, words = Ending.DONE, "done"
            except SimulatedCrash as crash:
                late = isinstance(crash, OutOfTimeCrash)
                invocation.ending, words = Ending.OUT_OF_TIME if late else Ending.KILLED, f"killed: {crash}"
            finally:
                invocation.ended = self.clock.time
                self.wire.note(f"{invocation.name} {words}")

        self.wire.note(f"{invocation.name} begins {' '.join(message.id for message in messages)}")
        self.hub.spawn(invocation.name, life, seconds=seconds, skew=self.skew())

    def _tick(self, schedule: Schedule) -> None:
        self.hub.after(schedule.every_seconds, lambda: self._tick(schedule))
        for _ in range(self.ticks()):
            until = self.clock.time + timedelta(seconds=schedule.oldest_event_seconds)
            self._scheduled(schedule, RETRY_SECONDS, until)

    def _scheduled(self, schedule: Schedule, retries: Sequence[float], until: datetime) -> None:
        def work() -> None:
            done = False
            try:
                done = schedule.task(self._deadline())
            finally:
                if not done and retries and self.clock.time + timedelta(seconds=retries[0]) <= until:
                    self.hub.after(retries[0], lambda: self._scheduled(schedule, retries[1:], until))

        self._live(schedule.name, schedule.limit_seconds, work)


def _shown(source: EventSource) -> dict[str, Any]:
    """A mapping as Lambda describes it."""
    words = ("Enabled", "Enabling") if source.enabled else ("Disabled", "Disabling")
    state = words[source.enabled is not source.polls]
    return {
        "UUID": source.uuid,
        "EventSourceArn": source.line.arn,
        "FunctionArn": f"arn:aws:lambda:eu-central-1:000000000000:function:{source.function.name}",
        "State": state,
        "BatchSize": source.batch_size,
        "ScalingConfig": {"MaximumConcurrency": source.most_at_once},
    }
