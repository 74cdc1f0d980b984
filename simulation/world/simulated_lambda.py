"""The Lambda service in memory: it polls queues, runs concurrent invocations, and runs schedules.

A function gets a batch of messages and its deadline, and returns the messages that it did not process. If it crashes,
its messages become visible after their visibility timeout. As through boto3's client, mappings can be listed, enabled,
and disabled, and functions invoked.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from io import BytesIO
from typing import Any

from simulation.world.event_loop import NO_SKEW, EventLoop, SimulatedCrash, TimeoutCrash
from simulation.world.message_lineage import MessageLineage
from simulation.world.simulated_sqs import SimulatedMessage, SimulatedQueue, SimulatedSqs
from simulation.world.transport import Transport, build_client_error
from simulation.world.world_clock import WorldClock

# How long Lambda waits before it retries a failed scheduled invocation (Developer Guide, "Asynchronous invocation").
ASYNC_RETRY_DELAYS_SECONDS = 60.0, 120.0
BatchHandler = Callable[[Sequence[SimulatedMessage], datetime], Sequence[SimulatedMessage]]
ScheduledTask = Callable[[datetime], bool]
InvokedFunction = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class SimulatedFunction:
    """One function: its timeout, and what it does with a batch.

    `find_subject`: returns what a message's body names. Only a function whose RecursiveLoop is Allow has one.
    """

    name: str
    timeout_seconds: float
    handler: BatchHandler
    find_subject: Callable[[str], str] | None = None

    def extend_lineage(self, message: SimulatedMessage) -> MessageLineage:
        """Returns a message's chain with this function's invocation for it."""
        return message.lineage.add_invocation(self.name, self.find_subject(message.body) if self.find_subject else "")


@dataclass(eq=False)
class EventSourceMapping:
    """One event source mapping. `is_enabled` was requested; `is_polling` is what Lambda currently does."""

    uuid: str
    queue: SimulatedQueue
    function: SimulatedFunction
    max_concurrency: int
    batch_size: int = 1
    is_enabled: bool = True
    is_polling: bool = True
    running_count: int = 0
    next_poll_at: datetime | None = None


class InvocationOutcome(Enum):
    """How an invocation ended, from Lambda's point of view."""

    SUCCEEDED = auto()
    KILLED = auto()
    TIMED_OUT = auto()


@dataclass(eq=False)
class ScheduledFunction:
    """A function that is invoked at an interval, whether or not its last invocation has ended.

    A task that returns False has failed and is invoked again, until its event is too old.
    """

    name: str
    interval_seconds: float
    timeout_seconds: float
    task: ScheduledTask
    max_event_age_seconds: float = 21_600


@dataclass(eq=False)
class Invocation:
    """One invocation, for the history and the checks. `first_delivery_ids`: the messages that were new."""

    name: str
    started_at: datetime
    messages: Sequence[SimulatedMessage] = ()
    first_delivery_ids: frozenset[str] = frozenset()
    ended_at: datetime | None = None
    outcome: InvocationOutcome | None = None


@dataclass
class SimulatedLambda:
    """The service and its client. Nothing is invoked before `start`.

    `choose_clock_skew`: how far the next worker's clock is off. `choose_mapping_delay`: how many seconds a mapping
    takes to change. `functions`: those that others invoke and wait for, by name. `count_ticks`: how many invocations
    one tick of a schedule starts. `before_invocation` and `after_invocation` advance the time by what an invocation
    takes before and after its own code. `recursion_listeners` are called with each message whose chain has invoked its
    function too often.
    """

    transport: Transport
    clock: WorldClock
    sqs: SimulatedSqs
    event_loop: EventLoop
    mappings: list[EventSourceMapping] = field(default_factory=list[EventSourceMapping])
    schedules: list[ScheduledFunction] = field(default_factory=list[ScheduledFunction])
    functions: dict[str, InvokedFunction] = field(default_factory=dict[str, InvokedFunction])
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
    crash_count: int = 0

    def add_mapping(
        self, queue: SimulatedQueue, function: SimulatedFunction, *, max_concurrency: int, batch_size: int = 1
    ) -> EventSourceMapping:
        """Lets a function process a queue, with a limited number of concurrent invocations."""
        mapping = EventSourceMapping(f"mapping-{queue.name}", queue, function, max_concurrency, batch_size)
        self.mappings.append(mapping)
        return mapping

    def start(self) -> None:
        """Starts polling and schedules."""
        self.is_started = True
        self.sqs.ready = self._schedule_polls
        for mapping in self.mappings:
            self._schedule_poll(mapping, self.clock.time)
        for schedule in self.schedules:
            self.event_loop.call_later(
                self.clock.random.uniform(0, schedule.interval_seconds), lambda started=schedule: self._tick(started)
            )

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is running, and no enabled mapping has messages."""
        if any(mapping.running_count for mapping in self.mappings):
            return False
        return not any(mapping.queue.messages for mapping in self.mappings if mapping.is_enabled)

    # -- mappings -----------------------------------------------------------------------------------------------

    def list_event_source_mappings(self, **request: Any) -> dict[str, Any]:
        """Returns the mappings of one queue, or of one function."""
        return self.transport.execute(
            "lambda", "list_event_source_mappings", request, lambda: self._list_mappings(**request)
        )

    def get_event_source_mapping(self, **request: Any) -> dict[str, Any]:
        return self.transport.execute(
            "lambda", "get_event_source_mapping", request, lambda: _describe_mapping(self._find_mapping(**request))
        )

    def update_event_source_mapping(self, **request: Any) -> dict[str, Any]:
        """Enables or disables a mapping."""
        return self.transport.execute(
            "lambda", "update_event_source_mapping", request, lambda: self._update_mapping(**request)
        )

    def invoke(self, **request: Any) -> dict[str, Any]:
        """Runs a function within its caller's invocation. Its faults are those of the calls that it makes itself."""
        return self.transport.execute("lambda", "invoke", request, lambda: self._run_function(**request))

    def _run_function(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        if FunctionName not in self.functions:
            raise build_client_error("ResourceNotFoundException", "Invoke", 404)
        try:
            response = self.functions[FunctionName](json.loads(Payload))
        except Exception as error:  # noqa: BLE001  Lambda reports every exception like this
            failure = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return {"FunctionError": "Unhandled", "Payload": BytesIO(json.dumps(failure).encode())}
        return {"Payload": BytesIO(json.dumps(response).encode())}

    def set_enabled(self, mapping: EventSourceMapping, *, enabled: bool) -> None:
        """Enables or disables a mapping, which changes after a delay."""
        mapping.is_enabled = enabled
        delay_seconds = self.choose_mapping_delay()
        if delay_seconds and self.is_started:
            self.event_loop.call_later(delay_seconds, lambda: self._apply_enabled(mapping))
        else:
            self._apply_enabled(mapping)

    def _list_mappings(self, *, EventSourceArn: str = "", FunctionName: str = "") -> dict[str, Any]:  # noqa: N803
        found = [mapping for mapping in self.mappings if EventSourceArn in ("", mapping.queue.arn)]
        matching = [mapping for mapping in found if FunctionName in ("", mapping.function.name)]
        return {"EventSourceMappings": [_describe_mapping(mapping) for mapping in matching]}

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
            if mapping.queue is queue:
                self._schedule_poll(mapping, moment)

    def _schedule_poll(self, mapping: EventSourceMapping, moment: datetime) -> None:
        """Schedules a poll, unless an earlier one is scheduled."""
        moment = max(moment, self.clock.time)
        if self.is_started and (mapping.next_poll_at is None or moment < mapping.next_poll_at):
            mapping.next_poll_at = moment
            self.event_loop.call_at(moment, lambda: self._poll(mapping, moment))

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
            next_visible_at = self.sqs.find_next_visible_at([mapping.queue])
            if next_visible_at:
                self._schedule_poll(mapping, next_visible_at)

    def _receive_batch(self, mapping: EventSourceMapping) -> list[SimulatedMessage]:
        messages: list[SimulatedMessage] = []
        while len(messages) < mapping.batch_size and (message := self.sqs.receive(mapping.queue)):
            if self.allows_invocation(mapping.function, message):
                messages.append(message)
        return messages

    def allows_invocation(self, function: SimulatedFunction, message: SimulatedMessage) -> bool:
        """Whether Lambda invokes a function for a message. A message that it refuses becomes visible again later."""
        if not function.extend_lineage(message).exceeds_limit(function.name):
            return True
        self.transport.add_note(f"{function.name} recurses: {message.id} {message.body}")
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
                        self.sqs.delete(mapping.queue, handle)
            finally:
                mapping.running_count -= 1
                self._schedule_poll(mapping, self.clock.time)

        self._start_invocation(function.name, function.timeout_seconds, run, messages)

    def _find_deadline(self) -> datetime:
        worker = self.event_loop.current_worker
        return worker.deadline if worker else self.clock.time

    def _start_invocation(
        self, name: str, timeout_seconds: float, work: Callable[[], object], messages: Sequence[SimulatedMessage] = ()
    ) -> None:
        """Runs one worker. A crash is part of the history; any other exception is a bug and ends the run."""
        first_delivery_ids = frozenset(message.id for message in messages if message.receive_count == 1)
        invocation = Invocation(f"{name}-{len(self.invocations) + 1}", self.clock.time, messages, first_delivery_ids)
        self.invocations.append(invocation)

        def run() -> None:
            note = "broke"
            try:
                work()
                invocation.outcome, note = InvocationOutcome.SUCCEEDED, "done"
            except SimulatedCrash as crash:
                self.crash_count += 1
                timed_out = isinstance(crash, TimeoutCrash)
                invocation.outcome, note = (
                    InvocationOutcome.TIMED_OUT if timed_out else InvocationOutcome.KILLED,
                    f"killed: {crash}",
                )
            finally:
                invocation.ended_at = self.clock.time
                self.transport.add_note(f"{invocation.name} {note}")

        self.transport.add_note(f"{invocation.name} starts {' '.join(message.id for message in messages)}")
        self.event_loop.spawn(invocation.name, run, timeout_seconds=timeout_seconds, skew=self.choose_clock_skew())

    def _tick(self, schedule: ScheduledFunction) -> None:
        self.event_loop.call_later(schedule.interval_seconds, lambda: self._tick(schedule))
        for _ in range(self.count_ticks()):
            expires_at = self.clock.time + timedelta(seconds=schedule.max_event_age_seconds)
            self._run_scheduled(schedule, ASYNC_RETRY_DELAYS_SECONDS, expires_at)

    def _run_scheduled(self, schedule: ScheduledFunction, retry_delays: Sequence[float], expires_at: datetime) -> None:
        def run() -> None:
            has_succeeded = False
            try:
                has_succeeded = schedule.task(self._find_deadline())
            finally:
                if (
                    not has_succeeded
                    and retry_delays
                    and self.clock.time + timedelta(seconds=retry_delays[0]) <= expires_at
                ):
                    self.event_loop.call_later(
                        retry_delays[0], lambda: self._run_scheduled(schedule, retry_delays[1:], expires_at)
                    )

        self._start_invocation(schedule.name, schedule.timeout_seconds, run)


def _describe_mapping(mapping: EventSourceMapping) -> dict[str, Any]:
    """Returns a mapping as Lambda describes it."""
    states = ("Enabled", "Enabling") if mapping.is_enabled else ("Disabled", "Disabling")
    state = states[mapping.is_enabled is not mapping.is_polling]
    return {
        "UUID": mapping.uuid,
        "EventSourceArn": mapping.queue.arn,
        "FunctionArn": f"arn:aws:lambda:eu-central-1:000000000000:function:{mapping.function.name}",
        "State": state,
        "BatchSize": mapping.batch_size,
        "ScalingConfig": {"MaximumConcurrency": mapping.max_concurrency},
    }
