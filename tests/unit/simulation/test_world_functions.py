"""The simulated Lambda service: limited concurrency, redelivered messages, mappings that can be disabled."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulation.world.event_loop import EventLoop
from simulation.world.simulated_lambda import (
    ASYNC_RETRY_DELAYS_SECONDS,
    InvocationOutcome,
    ScheduledFunction,
    SimulatedFunction,
    SimulatedLambda,
)
from simulation.world.simulated_sqs import SimulatedMessage, SimulatedSqs
from simulation.world.transport import Transport, build_client_error
from simulation.world.world_clock import WORLD_START, WorldClock

VISIBILITY = 90
LIMIT = 60


class Service:
    """A queue, and a function that works on each batch for ten seconds."""

    def __init__(self, *, max_concurrency: int = 2, batch_size: int = 1) -> None:
        self.clock = WorldClock(Random(0))
        self.event_loop = EventLoop(self.clock)
        self.transport = Transport(self.clock)
        self.sqs = SimulatedSqs(self.transport, self.clock, self.clock.random)
        self.functions = SimulatedLambda(self.transport, self.clock, self.sqs, self.event_loop)
        self.queue = self.sqs.create_queue("q", visibility_seconds=VISIBILITY)
        self.work: Callable[[Sequence[SimulatedMessage]], Sequence[SimulatedMessage]] = self._work_ten_seconds
        self.started: list[tuple[float, str]] = []
        self.mapping = self.functions.add_mapping(
            self.queue,
            SimulatedFunction("f", LIMIT, self._handle),
            max_concurrency=max_concurrency,
            batch_size=batch_size,
        )

    def _handle(self, messages: Sequence[SimulatedMessage], deadline: datetime) -> Sequence[SimulatedMessage]:
        assert deadline == self.clock.time + timedelta(seconds=LIMIT)
        self.started.append((self.count_seconds(), "".join(message.body for message in messages)))
        return self.work(messages)

    def _work_ten_seconds(self, _: Sequence[SimulatedMessage]) -> Sequence[SimulatedMessage]:
        self.clock.sleep(10)
        return ()

    def count_seconds(self) -> float:
        """Returns the seconds since the start of the world."""
        return (self.clock.time - WORLD_START).total_seconds()

    def post(self, bodies: str) -> None:
        """Puts messages of one letter each into the queue."""
        for body in bodies:
            self.sqs.send_externally(self.queue, body)

    def run(self, seconds: float) -> None:
        """Runs until this many seconds after the start of the world."""
        self.event_loop.run_until(WORLD_START + timedelta(seconds=seconds))


def test_concurrency_of_a_mapping_is_limited() -> None:
    service = Service(max_concurrency=2)
    service.post("abcde")
    service.functions.start()
    service.run(100)
    assert service.started == [(0, "a"), (0, "b"), (10, "c"), (10, "d"), (20, "e")]
    assert service.functions.is_quiet


def test_later_message_is_received_when_it_arrives() -> None:
    service = Service()
    service.functions.start()
    service.event_loop.call_later(7, lambda: service.post("a"))
    service.run(100)
    assert service.started == [(7, "a")]


def test_only_returned_messages_of_a_batch_are_redelivered() -> None:
    service = Service(batch_size=10)
    service.post("abc")

    def work(messages: Sequence[SimulatedMessage]) -> Sequence[SimulatedMessage]:
        return [message for message in messages if message.body == "b" and message.receive_count == 1]

    service.work = work
    service.functions.start()
    service.run(200)
    assert service.started == [(0, "abc"), (VISIBILITY, "b")]
    assert not service.queue.messages


def test_message_of_a_timed_out_invocation_is_redelivered() -> None:
    service = Service()

    def work(messages: Sequence[SimulatedMessage]) -> Sequence[SimulatedMessage]:
        service.clock.sleep(1000 if messages[0].receive_count == 1 else 1)
        return ()

    service.work = work
    service.post("a")
    service.functions.start()
    service.run(200)
    assert service.started == [(0, "a"), (VISIBILITY, "a")]
    assert [invocation.outcome for invocation in service.functions.invocations] == [
        InvocationOutcome.TIMED_OUT,
        InvocationOutcome.SUCCEEDED,
    ]
    assert service.functions.is_quiet


def test_disabled_mapping_delivers_nothing_until_enabled() -> None:
    service = Service()
    service.functions.start()
    service.functions.update_event_source_mapping(UUID=service.mapping.uuid, Enabled=False)
    service.post("a")
    service.run(50)
    assert (service.started, service.functions.is_quiet) == ([], True)
    service.functions.update_event_source_mapping(UUID=service.mapping.uuid, Enabled=True)
    assert not service.functions.is_quiet
    service.run(100)
    assert service.started == [(50, "a")]


def states(service: Service, **filters: Any) -> list[str]:
    """Returns the states of the listed mappings."""
    mappings = service.functions.list_event_source_mappings(**filters)["EventSourceMappings"]
    return [mapping["State"] for mapping in mappings]


def test_mappings_are_listed_by_queue_and_by_function() -> None:
    service = Service()
    assert states(service, EventSourceArn=service.queue.arn) == ["Enabled"]
    assert states(service, FunctionName="f") == ["Enabled"]
    assert states(service, FunctionName="another") == states(service, EventSourceArn="another") == []
    shown = service.functions.get_event_source_mapping(UUID=service.mapping.uuid)
    assert (shown["EventSourceArn"], shown["BatchSize"]) == (service.queue.arn, 1)


def test_mapping_that_is_changing_cannot_be_changed_again() -> None:
    service = Service(max_concurrency=1)
    service.functions.start()
    service.functions.choose_mapping_delay = lambda: 15.0
    service.post("abc")
    service.event_loop.call_later(
        1, lambda: service.functions.update_event_source_mapping(UUID=service.mapping.uuid, Enabled=False)
    )
    service.run(5)
    assert states(service) == ["Disabling"]
    with pytest.raises(ClientError):
        service.functions.update_event_source_mapping(UUID=service.mapping.uuid, Enabled=True)
    service.run(60)
    assert states(service) == ["Disabled"]
    assert service.started == [(0, "a"), (10, "b")]


def test_unknown_mapping_raises_resource_not_found() -> None:
    with pytest.raises(ClientError) as raised:
        Service().functions.update_event_source_mapping(UUID="another", Enabled=True)
    assert str(raised.value) == str(build_client_error("ResourceNotFoundException", "EventSourceMapping", 404))


def run_schedule(task: Callable[[datetime], bool]) -> tuple[Service, list[float]]:
    """Returns a service with a function that is invoked every hundred seconds, and the times of its invocations."""
    service, ticks = Service(), list[float]()

    def record_tick(deadline: datetime) -> bool:
        ticks.append(service.count_seconds())
        return task(deadline)

    service.functions.schedules.append(ScheduledFunction("s", 100, 300, record_tick))
    service.functions.start()
    return service, ticks


def test_schedule_invokes_its_function_repeatedly() -> None:
    service, ticks = run_schedule(lambda _: True)
    service.run(450)
    assert [later - earlier for earlier, later in zip(ticks, ticks[1:], strict=False)] == pytest.approx([100] * 3)


def test_failed_scheduled_function_is_retried_twice() -> None:
    service, ticks = run_schedule(lambda _: False)
    service.functions.schedules[0].interval_seconds = 1000
    service.run(900)
    assert [tick - ticks[0] for tick in ticks] == pytest.approx([0, 60, 180])


def test_runs_of_a_schedule_may_overlap() -> None:
    service = Service()
    running: list[int] = []

    def task(_: datetime) -> bool:
        running.append(len(service.event_loop.workers))
        service.clock.sleep(150)
        return True

    service.functions.schedules.append(ScheduledFunction("s", 100, 300, task))
    service.functions.count_ticks = lambda: 2
    service.functions.start()
    service.run(290)
    assert max(running) == 4


def test_scheduled_event_that_is_too_old_is_not_retried() -> None:
    service = Service()
    started: list[float] = []

    def task(_: datetime) -> bool:
        started.append(service.count_seconds())
        return False

    service.functions.schedules.append(ScheduledFunction("s", 1000, 300, task, max_event_age_seconds=100))
    service.functions.start()
    service.run(999)
    first = started[0]
    assert started == [first, first + ASYNC_RETRY_DELAYS_SECONDS[0]]


def test_each_worker_has_its_own_clock() -> None:
    service = Service()
    service.functions.choose_clock_skew = lambda: timedelta(seconds=4)
    seen: list[timedelta] = []

    def work(_: Sequence[SimulatedMessage]) -> Sequence[SimulatedMessage]:
        seen.append(service.clock.now() - service.clock.time)
        return ()

    service.work = work
    service.post("a")
    service.functions.start()
    service.run(10)
    assert seen == [timedelta(seconds=4)]
