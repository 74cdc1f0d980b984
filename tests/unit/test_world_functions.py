"""The simulated Lambda service: so many invocations at a time, messages that come again, mappings that can be off."""

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

    def __init__(self, *, most_at_once: int = 2, batch_size: int = 1) -> None:
        self.clock = WorldClock(Random(0))
        self.hub = EventLoop(self.clock)
        self.wire = Transport(self.clock)
        self.sqs = SimulatedSqs(self.wire, self.clock, self.clock.random)
        self.functions = SimulatedLambda(self.wire, self.clock, self.sqs, self.hub)
        self.line = self.sqs.create_queue("q", visibility_seconds=VISIBILITY)
        self.work: Callable[[Sequence[SimulatedMessage]], Sequence[SimulatedMessage]] = self._ten_seconds
        self.began: list[tuple[float, str]] = []
        self.source = self.functions.add_mapping(
            self.line, SimulatedFunction("f", LIMIT, self._handle), max_concurrency=most_at_once, batch_size=batch_size
        )

    def _handle(self, messages: Sequence[SimulatedMessage], deadline: datetime) -> Sequence[SimulatedMessage]:
        assert deadline == self.clock.time + timedelta(seconds=LIMIT)
        self.began.append((self.seconds(), "".join(message.body for message in messages)))
        return self.work(messages)

    def _ten_seconds(self, _: Sequence[SimulatedMessage]) -> Sequence[SimulatedMessage]:
        self.clock.sleep(10)
        return ()

    def seconds(self) -> float:
        """The seconds since the world began."""
        return (self.clock.time - WORLD_START).total_seconds()

    def post(self, bodies: str) -> None:
        """Put messages of one letter each into the queue."""
        for body in bodies:
            self.sqs.send_externally(self.line, body)

    def run(self, seconds: float) -> None:
        """Play until so many seconds since the world began are over."""
        self.hub.run_until(WORLD_START + timedelta(seconds=seconds))


def test_so_many_invocations_run_at_a_time_and_no_more() -> None:
    service = Service(most_at_once=2)
    service.post("abcde")
    service.functions.start()
    service.run(100)
    assert service.began == [(0, "a"), (0, "b"), (10, "c"), (10, "d"), (20, "e")]
    assert service.functions.is_quiet


def test_a_message_that_comes_later_is_taken_when_it_comes() -> None:
    service = Service()
    service.functions.start()
    service.hub.call_later(7, lambda: service.post("a"))
    service.run(100)
    assert service.began == [(7, "a")]


def test_messages_come_in_batches_and_only_those_named_come_again() -> None:
    service = Service(batch_size=10)
    service.post("abc")

    def work(messages: Sequence[SimulatedMessage]) -> Sequence[SimulatedMessage]:
        return [message for message in messages if message.body == "b" and message.receive_count == 1]

    service.work = work
    service.functions.start()
    service.run(200)
    assert service.began == [(0, "abc"), (VISIBILITY, "b")]
    assert not service.line.messages


def test_what_runs_out_of_time_leaves_its_message_to_its_visibility() -> None:
    service = Service()

    def work(messages: Sequence[SimulatedMessage]) -> Sequence[SimulatedMessage]:
        service.clock.sleep(1000 if messages[0].receive_count == 1 else 1)
        return ()

    service.work = work
    service.post("a")
    service.functions.start()
    service.run(200)
    assert service.began == [(0, "a"), (VISIBILITY, "a")]
    assert [one.outcome for one in service.functions.invocations] == [
        InvocationOutcome.TIMED_OUT,
        InvocationOutcome.SUCCEEDED,
    ]
    assert service.functions.is_quiet


def test_a_mapping_that_is_off_hands_out_nothing_and_goes_on_when_it_is_on() -> None:
    service = Service()
    service.functions.start()
    service.functions.update_event_source_mapping(UUID=service.source.uuid, Enabled=False)
    service.post("a")
    service.run(50)
    assert (service.began, service.functions.is_quiet) == ([], True)
    service.functions.update_event_source_mapping(UUID=service.source.uuid, Enabled=True)
    assert not service.functions.is_quiet
    service.run(100)
    assert service.began == [(50, "a")]


def states(service: Service, **chosen: Any) -> list[str]:
    """The states of the mappings that are listed."""
    found = service.functions.list_event_source_mappings(**chosen)["EventSourceMappings"]
    return [mapping["State"] for mapping in found]


def test_mappings_are_listed_by_queue_and_by_function() -> None:
    service = Service()
    assert states(service, EventSourceArn=service.line.arn) == ["Enabled"]
    assert states(service, FunctionName="f") == ["Enabled"]
    assert states(service, FunctionName="another") == states(service, EventSourceArn="another") == []
    shown = service.functions.get_event_source_mapping(UUID=service.source.uuid)
    assert (shown["EventSourceArn"], shown["BatchSize"]) == (service.line.arn, 1)


def test_a_mapping_may_take_its_time_and_cannot_be_switched_meanwhile() -> None:
    service = Service(most_at_once=1)
    service.functions.start()
    service.functions.choose_mapping_delay = lambda: 15.0
    service.post("abc")
    service.hub.call_later(
        1, lambda: service.functions.update_event_source_mapping(UUID=service.source.uuid, Enabled=False)
    )
    service.run(5)
    assert states(service) == ["Disabling"]
    with pytest.raises(ClientError):
        service.functions.update_event_source_mapping(UUID=service.source.uuid, Enabled=True)
    service.run(60)
    assert states(service) == ["Disabled"]
    assert service.began == [(0, "a"), (10, "b")]


def test_an_unknown_mapping_says_so() -> None:
    with pytest.raises(ClientError) as raised:
        Service().functions.update_event_source_mapping(UUID="another", Enabled=True)
    assert str(raised.value) == str(build_client_error("ResourceNotFoundException", "EventSourceMapping", 404))


def ticking(task: Callable[[datetime], bool]) -> tuple[Service, list[float]]:
    """A service with a function that is invoked every hundred seconds, and when that happened."""
    service, ticks = Service(), list[float]()

    def noted(deadline: datetime) -> bool:
        ticks.append(service.seconds())
        return task(deadline)

    service.functions.schedules.append(ScheduledFunction("s", 100, 300, noted))
    service.functions.start()
    return service, ticks


def test_a_schedule_invokes_its_function_again_and_again() -> None:
    service, ticks = ticking(lambda _: True)
    service.run(450)
    assert [later - earlier for earlier, later in zip(ticks, ticks[1:], strict=False)] == pytest.approx([100] * 3)


def test_a_scheduled_function_that_fails_is_invoked_twice_more() -> None:
    service, ticks = ticking(lambda _: False)
    service.functions.schedules[0].interval_seconds = 1000
    service.run(900)
    assert [tick - ticks[0] for tick in ticks] == pytest.approx([0, 60, 180])


def test_runs_of_a_schedule_may_overlap_and_be_doubled() -> None:
    service = Service()
    running: list[int] = []

    def task(_: datetime) -> bool:
        running.append(len(service.hub.workers))
        service.clock.sleep(150)
        return True

    service.functions.schedules.append(ScheduledFunction("s", 100, 300, task))
    service.functions.count_ticks = lambda: 2
    service.functions.start()
    service.run(290)
    assert max(running) == 4


def test_a_scheduled_event_that_is_too_old_is_not_tried_again() -> None:
    service = Service()
    began: list[float] = []

    def task(_: datetime) -> bool:
        began.append(service.seconds())
        return False

    service.functions.schedules.append(ScheduledFunction("s", 1000, 300, task, max_event_age_seconds=100))
    service.functions.start()
    service.run(999)
    first = began[0]
    assert began == [first, first + ASYNC_RETRY_DELAYS_SECONDS[0]]


def test_each_worker_has_a_clock_of_its_own() -> None:
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
