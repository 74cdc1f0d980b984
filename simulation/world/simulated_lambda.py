"""The Lambda service in memory: it polls queues, invokes functions beside one another, and runs schedules.

A function takes a batch of messages and its deadline and gives back those that shall come again. What dies leaves its
messages to their visibility. Mappings can be looked up and switched off and on as through boto3's client.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from simulation.world.event_loop import NO_SKEW, EventLoop, SimulatedCrash, TimeoutCrash
from simulation.world.message_lineage import MessageLineage
from simulation.world.simulated_sqs import SimulatedMessage, SimulatedQueue, SimulatedSqs
from simulation.world.transport import Transport, build_client_error
from simulation.world.world_clock import WorldClock

# After how long Lambda invokes a scheduled function again that failed (Developer Guide, "Asynchronous invocation").
ASYNC_RETRY_DELAYS_SECONDS = 60.0, 120.0
BatchHandler = Callable[[Sequence[SimulatedMessage], datetime], Sequence[SimulatedMessage]]
ScheduledTask = Callable[[datetime], bool]


@dataclass(frozen=True)
class SimulatedFunction:
    """One function: how long an invocation may last, and what it does with a batch.

    `subject`: what a message's body names; only a function whose RecursiveLoop is Allow has one.
    """

    name: str
    timeout_seconds: float
    handler: BatchHandler
    find_subject: Callable[[str], str] | None = None

    def extend_lineage(self, message: SimulatedMessage) -> MessageLineage:
        """A message's chain once this function runs for it."""
        return message.lineage.add_invocation(self.name, self.find_subject(message.body) if self.find_subject else "")


@dataclass(eq=False)
class EventSourceMapping:
    """One event source mapping. `enabled` is what was asked for, `polls` what Lambda does by now."""

    uuid: str
    line: SimulatedQueue
    function: SimulatedFunction
    max_concurrency: int
    batch_size: int = 1
    is_enabled: bool = True
    is_polling: bool = True
    running_count: int = 0
    next_poll_at: datetime | None = None


class InvocationOutcome(Enum):
    """How an invocation ended, as Lambda sees it."""

    SUCCEEDED = auto()
    KILLED = auto()
    TIMED_OUT = auto()


@dataclass(eq=False)
class ScheduledFunction:
    """A function that is invoked every so many seconds, whether or not its last invocation is done.

    A task that gives False has failed and is invoked again, until its event is too old.
    """

    name: str
    interval_seconds: float
    timeout_seconds: float
    task: ScheduledTask
    max_event_age_seconds: float = 21_600


@dataclass(eq=False)
class Invocation:
    """One invocation, as the story tells it; `first`: the ids of messages that were new."""

    name: str
    started_at: datetime
    messages: Sequence[SimulatedMessage] = ()
    first_delivery_ids: frozenset[str] = frozenset()
    ended_at: datetime | None = None
    outcome: InvocationOutcome | None = None


@dataclass
class SimulatedLambda:
    """The service and its client. Nothing is invoked before `start`.

    `skew` says how far the next worker's clock is off, `switching_seconds` how long a switched mapping takes to obey,
    `ticks` how many invocations one tick of a schedule makes. `entering` and `leaving` let the time pass that an
    invocation of a mapping's function takes before its code and behind it. `recursed` is told of each message whose
    chain has invoked its function too often.
    """

    wire: Transport
    clock: WorldClock
    sqs: SimulatedSqs
    hub: EventLoop
    mappings: list[EventSourceMapping] = field(default_factory=list[EventSourceMapping])
    schedules: list[ScheduledFunction] = field(default_factory=list[ScheduledFunction])
    invocations: list[Invocation] = field(default_factory=list[Invocation])
    choose_clock_skew: Callable[[], timedelta] = lambda: NO_SKEW
    choose_mapping_delay: Callable[[], float] = lambda: 0.0
    count_ticks: Callable[[], int] = lambda: 1
    before_invocation: Callable[[str], object] = lambda _: None
    after_invocation: Callable[[str], object] = lambda _: None
    recursion_listeners: list[Callable[[SimulatedFunction, SimulatedMessage], None]] = field(
        default_factory=list[Callable[[SimulatedFunction, SimulatedMessage], None]]
    )
    is_started: bool = False

    def add_mapping(
        self, queue: SimulatedQueue, function: SimulatedFunction, *, max_concurrency: int, batch_size: int = 1
    ) -> EventSourceMapping:
        """Have a function work off a queue, so many invocations at a time."""
        mapping = EventSourceMapping(f"mapping-{queue.name}", queue, function, max_concurrency, batch_size)
        self.mappings.append(mapping)
        return mapping

    def start(self) -> None:
        """Begin to poll, and to run what is scheduled."""
        self.is_started = True
        self.sqs.ready = self._schedule_polls
        for mapping in self.mappings:
            self._schedule_poll(mapping, self.clock.time)
        for schedule in self.schedules:
            self.hub.call_later(
                self.clock.random.uniform(0, schedule.interval_seconds), lambda one=schedule: self._tick(one)
            )

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way and no mapping that is on has anything to wait for."""
        if any(source.running_count for source in self.mappings):
            return False
        return not any(source.line.messages for source in self.mappings if source.is_enabled)

    # -- mappings -----------------------------------------------------------------------------------------------

    def list_event_source_mappings(self, **request: Any) -> dict[str, Any]:
        """The mappings of one queue, or of one function."""
        return self.wire.execute(
            "lambda", "list_event_source_mappings", request, lambda: self._list_mappings(**request)
        )

    def get_event_source_mapping(self, **request: Any) -> dict[str, Any]:
        """One mapping."""
        return self.wire.execute(
            "lambda", "get_event_source_mapping", request, lambda: _describe_mapping(self._find_mapping(**request))
        )

    def update_event_source_mapping(self, **request: Any) -> dict[str, Any]:
        """Switch a mapping off or on."""
        return self.wire.execute(
            "lambda", "update_event_source_mapping", request, lambda: self._update_mapping(**request)
        )

    def set_enabled(self, mapping: EventSourceMapping, *, enabled: bool) -> None:
        """What a mapping is asked to do; it obeys when its pollers have heard of it."""
        mapping.is_enabled = enabled
        delay_seconds = self.choose_mapping_delay()
        if delay_seconds and self.is_started:
            self.hub.call_later(delay_seconds, lambda: self._apply_enabled(mapping))
        else:
            self._apply_enabled(mapping)

    def _list_mappings(self, *, EventSourceArn: str = "", FunctionName: str = "") -> dict[str, Any]:  # noqa: N803
        found = [one for one in self.mappings if EventSourceArn in ("", one.line.arn)]
        return {
            "EventSourceMappings": [_describe_mapping(one) for one in found if FunctionName in ("", one.function.name)]
        }

    def _find_mapping(self, *, UUID: str) -> EventSourceMapping:  # noqa: N803
        for mapping in self.mappings:
            if mapping.uuid == UUID:
                return mapping
        raise build_client_error("ResourceNotFoundException", "EventSourceMapping", 404)

    def _update_mapping(self, *, UUID: str, Enabled: bool) -> dict[str, Any]:  # noqa: N803
        mapping = self._find_mapping(UUID=UUID)
        if mapping.is_enabled is not mapping.is_polling:
            raise build_client_error("ResourceInUseException", "UpdateEventSourceMapping", 400)
        self.set_enabled(mapping, enabled=Enabled)
        return _describe_mapping(mapping)

    def _apply_enabled(self, mapping: EventSourceMapping) -> None:
        mapping.is_polling = mapping.is_enabled
        self._schedule_poll(mapping, self.clock.time)

    # -- polling ------------------------------------------------------------------------------------------------

    def _schedule_polls(self, queue: SimulatedQueue, moment: datetime) -> None:
        for mapping in self.mappings:
            if mapping.line is queue:
                self._schedule_poll(mapping, moment)

    def _schedule_poll(self, mapping: EventSourceMapping, moment: datetime) -> None:
        """Poll at a moment, unless that happens earlier anyway."""
        moment = max(moment, self.clock.time)
        if self.is_started and (mapping.next_poll_at is None or moment < mapping.next_poll_at):
            mapping.next_poll_at = moment
            self.hub.call_at(moment, lambda: self._poll(mapping, moment))

    def _poll(self, mapping: EventSourceMapping, moment: datetime) -> None:
        if mapping.next_poll_at != moment:
            return
        mapping.next_poll_at = None
        while mapping.is_polling and mapping.running_count < mapping.max_concurrency:
            messages = self._receive_batch(mapping)
            if not messages:
                break
            self._invoke(mapping, messages)
        if mapping.is_polling and mapping.running_count < mapping.max_concurrency:
            next_visible_at = self.sqs.find_next_visible_at([mapping.line])
            if next_visible_at:
                self._schedule_poll(mapping, next_visible_at)

    def _receive_batch(self, mapping: EventSourceMapping) -> list[SimulatedMessage]:
        messages: list[SimulatedMessage] = []
        while len(messages) < mapping.batch_size and (message := self.sqs.receive(mapping.line)):
            if self.allows_invocation(mapping.function, message):
                messages.append(message)
        return messages

    def allows_invocation(self, function: SimulatedFunction, message: SimulatedMessage) -> bool:
        """Whether Lambda invokes a function for a message; one that it refuses comes again after its visibility."""
        if not function.extend_lineage(message).exceeds_limit(function.name):
            return True
        self.wire.add_note(f"{function.name} recurses: {message.id} {message.body}")
        for notify in self.recursion_listeners:
            notify(function, message)
        return function.find_subject is not None

    # -- invocations --------------------------------------------------------------------------------------------

    def _invoke(self, mapping: EventSourceMapping, messages: Sequence[SimulatedMessage]) -> None:
        mapping.running_count += 1
        handles = [(message, message.receipt_handle) for message in messages]
        function = mapping.function

        def run() -> None:
            try:
                self.before_invocation(function.name)
                returned = function.handler(messages, self._find_deadline())
                self.after_invocation(function.name)
                for message, handle in handles:
                    if message not in returned:
                        self.sqs.delete(mapping.line, handle)
            finally:
                mapping.running_count -= 1
                self._schedule_poll(mapping, self.clock.time)

        self._start_invocation(function.name, function.timeout_seconds, run, messages)

    def _find_deadline(self) -> datetime:
        worker = self.hub.current_worker
        return worker.deadline if worker else self.clock.time

    def _start_invocation(
        self, name: str, timeout_seconds: float, work: Callable[[], object], messages: Sequence[SimulatedMessage] = ()
    ) -> None:
        """One worker's life; what kills it is told, and what is a bug in the code ends the whole run."""
        first_delivery_ids = frozenset(message.id for message in messages if message.receive_count == 1)
        invocation = Invocation(f"{name}-{len(self.invocations) + 1}", self.clock.time, messages, first_delivery_ids)
        self.invocations.append(invocation)

        def run() -> None:
            note = "broke"
            try:
                work()
                invocation.outcome, note = InvocationOutcome.SUCCEEDED, "done"
            except SimulatedCrash as crash:
                timed_out = isinstance(crash, TimeoutCrash)
                invocation.outcome, note = (
                    InvocationOutcome.TIMED_OUT if timed_out else InvocationOutcome.KILLED,
                    f"killed: {crash}",
                )
            finally:
                invocation.ended_at = self.clock.time
                self.wire.add_note(f"{invocation.name} {note}")

        self.wire.add_note(f"{invocation.name} begins {' '.join(message.id for message in messages)}")
        self.hub.spawn(invocation.name, run, timeout_seconds=timeout_seconds, skew=self.choose_clock_skew())

    def _tick(self, schedule: ScheduledFunction) -> None:
        self.hub.call_later(schedule.interval_seconds, lambda: self._tick(schedule))
        for _ in range(self.count_ticks()):
            expires_at = self.clock.time + timedelta(seconds=schedule.max_event_age_seconds)
            self._run_scheduled(schedule, ASYNC_RETRY_DELAYS_SECONDS, expires_at)

    def _run_scheduled(self, schedule: ScheduledFunction, retry_delays: Sequence[float], expires_at: datetime) -> None:
        def run() -> None:
            succeeded = False
            try:
                succeeded = schedule.task(self._find_deadline())
            finally:
                if (
                    not succeeded
                    and retry_delays
                    and self.clock.time + timedelta(seconds=retry_delays[0]) <= expires_at
                ):
                    self.hub.call_later(
                        retry_delays[0], lambda: self._run_scheduled(schedule, retry_delays[1:], expires_at)
                    )

        self._start_invocation(schedule.name, schedule.timeout_seconds, run)


def _describe_mapping(mapping: EventSourceMapping) -> dict[str, Any]:
    """A mapping as Lambda describes it."""
    states = ("Enabled", "Enabling") if mapping.is_enabled else ("Disabled", "Disabling")
    state = states[mapping.is_enabled is not mapping.is_polling]
    return {
        "UUID": mapping.uuid,
        "EventSourceArn": mapping.line.arn,
        "FunctionArn": f"arn:aws:lambda:eu-central-1:000000000000:function:{mapping.function.name}",
        "State": state,
        "BatchSize": mapping.batch_size,
        "ScalingConfig": {"MaximumConcurrency": mapping.max_concurrency},
    }
