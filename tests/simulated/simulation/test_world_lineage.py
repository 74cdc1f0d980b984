"""The simulated Lambda stops a chain of messages as AWS does, and reports a chain that may recurse but never ends."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from backdrop.intake import folder_defaults
from backdrop.model.job import JobStatus
from backdrop.model.queue_messages import FolderMessage, IntakeMessage
from backdrop.pipeline.enqueue import enqueue_for_intake
from simulation.invariants.violations import Invariant
from simulation.scenarios.actions import UserActions
from simulation.scenarios.invariant_monitor import InvariantMonitor
from simulation.world.event_loop import EventLoop
from simulation.world.message_lineage import EMPTY_LINEAGE, MAX_CHAIN_INVOCATIONS, MessageLineage, within_lineage
from simulation.world.simulated_lambda import SimulatedFunction, SimulatedLambda
from simulation.world.simulated_sqs import SimulatedMessage, SimulatedSqs
from simulation.world.simulated_stack import World
from simulation.world.transport import Transport
from simulation.world.world_clock import WorldClock
from simulation.world.world_services import find_subject
from tests.simulated.uploads_and_requests import REMOVE, upload_defaults, upload_unique_photo


class Loop:
    """A function that passes a message's body to `answer` and sends the result to its own queue. "" ends the chain."""

    def __init__(self, answer: Callable[[str], str], subject: Callable[[str], str] | None = None) -> None:
        clock = WorldClock(Random(0))
        self.event_loop, transport = EventLoop(clock), Transport(clock)
        self.clock, self.sqs = clock, SimulatedSqs(transport, clock, clock.random)
        self.functions = SimulatedLambda(transport, clock, self.sqs, self.event_loop)
        dead_letter_queue = self.sqs.create_queue("dead")
        self.queue = self.sqs.create_queue(
            "q", visibility_seconds=60, dead_letter_queue=dead_letter_queue, max_receive_count=3
        )
        self.dead_letter_queue, self.processed, self.recursed = dead_letter_queue, list[str](), list[str]()
        self.function = SimulatedFunction("f", 60, self._handle, subject)
        self.functions.add_mapping(self.queue, self.function, max_concurrency=2)
        self.functions.recursion_listeners.append(lambda _, message: self.recursed.append(message.body))
        self._answer = answer

    def _handle(self, messages: Sequence[SimulatedMessage], deadline: datetime) -> Sequence[SimulatedMessage]:
        for message in messages:
            within_lineage(self._process, self.function.extend_lineage)(message, deadline)
        return ()

    def _process(self, message: SimulatedMessage, _: datetime) -> None:
        self.processed.append(message.body)
        self.clock.sleep(1)
        if body := self._answer(message.body):
            self.sqs.send_message(QueueUrl=self.queue.url, MessageBody=body)

    def run(self, *bodies: str, seconds: float = 3600) -> None:
        """Runs these messages. Each starts a chain."""
        for body in bodies:
            self.sqs.send_externally(self.queue, body)
        self.functions.start()
        self.event_loop.run_until(self.clock.time + timedelta(seconds=seconds))


def test_recursive_function_is_stopped() -> None:
    loop = Loop(lambda body: body)
    loop.run("a")
    assert len(loop.processed) == MAX_CHAIN_INVOCATIONS
    assert [message.body for message in loop.dead_letter_queue.messages] == ["a"]


def test_concurrent_chains_are_counted_separately() -> None:
    """With two concurrent workers, each message that a worker sends continues the chain of the message it received."""
    loop = Loop(lambda body: body + "." if len(body) < MAX_CHAIN_INVOCATIONS else "")
    loop.run("a", "b")
    assert len(loop.processed) == 2 * MAX_CHAIN_INVOCATIONS
    assert loop.recursed == []


def test_redelivery_does_not_extend_the_chain() -> None:
    loop = Loop(lambda _: "")
    message = SimulatedMessage("m", "a", None, {}, loop.clock.time, loop.clock.time, lineage=EMPTY_LINEAGE)
    for _ in range(2 * MAX_CHAIN_INVOCATIONS):
        assert loop.functions.allows_invocation(loop.function, message)


def test_allowed_chain_that_moves_forward_is_not_stopped() -> None:
    loop = Loop(lambda body: f"{int(body) + 1:03}" if int(body) < 100 else "", subject=str)
    loop.run("000")
    assert (len(loop.processed), loop.recursed) == (101, [])


def test_allowed_chain_that_goes_back_is_reported() -> None:
    loop = Loop(lambda body: f"{(int(body) + 1) % 10:03}", subject=str)
    loop.run("000", seconds=40)
    assert len(loop.processed) > MAX_CHAIN_INVOCATIONS + 9
    assert loop.recursed


@pytest.mark.parametrize(
    ("body", "subject"),
    [
        ('{"kind": "folder", "bucket": "b", "key": "k", "start_after": "a/1.jpg"}', "k a/1.jpg"),
        ('{"kind": "folder", "bucket": "b", "key": "k", "start_after": ""}', "k"),
        ('{"kind": "recheck", "bucket": "b", "key": "k"}', "k"),
        ('{"kind": "check", "bucket": "b", "key": "k"}', ""),
        ('{"v": 1, "source_id": "s", "job_id": "j"}', "j"),
        ('{"v": 1, "source_id": "s", "job_id": null}', ""),
        ('{"Records": []}', ""),
        ("[1]", ""),
        ("{", ""),
    ],
)
def test_subject_is_a_job_or_a_place_in_a_folder(body: str, subject: str) -> None:
    assert find_subject(body) == subject


# -- the product's own chains ---------------------------------------------------------------------------------------


def build_waiting_world(photo_count: int) -> tuple[World, list[str]]:
    """Returns a world with photos that wait for instructions, and the bodies of messages whose chain is too long."""
    world, recursed = World(), list[str]()
    world.lambda_service.recursion_listeners.append(lambda _, message: recursed.append(message.body))
    for index in range(photo_count):
        upload_unique_photo(world, f"shoes/{index:02}.jpg")
    world.run_until_empty(max_deliveries=10_000)
    return world, recursed


def test_folder_of_any_size_is_woken_by_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """This corresponds to 16,000 photos, 500 at a time."""
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 1)
    world, recursed = build_waiting_world(2 * MAX_CHAIN_INVOCATIONS)
    upload_defaults(world, "shoes/", REMOVE)
    world.run_until_empty(max_deliveries=10_000)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert len(world.list_jobs()) == 2 * MAX_CHAIN_INVOCATIONS
    assert recursed == []


def test_lambda_stops_the_chain_without_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 1)
    monkeypatch.setattr(folder_defaults, "RECHECK_DELAY_SECONDS", 900)
    world, recursed = build_waiting_world(2 * MAX_CHAIN_INVOCATIONS)
    intake = world.mappings["intake"]
    intake.function = replace(intake.function, find_subject=None)
    upload_defaults(world, "shoes/", REMOVE)
    world.run_for(600)
    assert len(world.list_jobs()) == MAX_CHAIN_INVOCATIONS - 1, "the message of the last invocation is refused"
    assert {json.loads(body)["key"] for body in recursed} == {"shoes/_backdrop.json", "shoes/15.jpg"}


@pytest.mark.parametrize("start_after", ["", "shoes/00.jpg"], ids=["the beginning", "the same place"])
def test_chain_that_repeats_the_same_place_is_reported(start_after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 1)
    world, recursed = build_waiting_world(3)

    def enqueue_same_place(intake: Any, message: IntakeMessage, *, delay_seconds: int = 0) -> None:
        if isinstance(message, FolderMessage) and message.start_after:
            message = replace(message, start_after=start_after)
        enqueue_for_intake(intake, message, delay_seconds=delay_seconds)

    monkeypatch.setattr(folder_defaults, "enqueue_for_intake", enqueue_same_place)
    upload_defaults(world, "shoes/", {"output": {"format": "jpg"}})
    with pytest.raises(AssertionError, match="messages are left"):
        world.run_until_empty("intake", max_deliveries=200)
    assert "shoes/_backdrop.json" in {json.loads(body)["key"] for body in recursed}


def test_chain_that_is_too_long_breaks_an_invariant() -> None:
    world = World()
    monitor = InvariantMonitor(world, UserActions(world, Random(0)))
    world.sqs.send_externally(world.queues["deliver"], "again")
    (message,) = world.queues["deliver"].messages
    message.lineage = MessageLineage({"deliver": MAX_CHAIN_INVOCATIONS})
    assert world.lambda_service.allows_invocation(world.mappings["deliver"].function, message)
    assert [violation.invariant for _, violation in monitor.violations] == [Invariant.MESSAGE_CHAINS_END]
