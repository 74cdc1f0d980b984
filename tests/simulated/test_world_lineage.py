"""The simulated Lambda stops a chain of messages as AWS does, and notices one that is allowed and never ends."""

import dataclasses
import json
from collections.abc import Callable, Sequence
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
from tests.simulated.wishes import REMOVE, defaults, said


class Loop:
    """A function that sends to its own queue whatever `answer` makes of a message's body; "" ends the chain."""

    def __init__(self, answer: Callable[[str], str], subject: Callable[[str], str] | None = None) -> None:
        clock = WorldClock(Random(0))
        self.hub, wire = EventLoop(clock), Transport(clock)
        self.clock, self.sqs = clock, SimulatedSqs(wire, clock, clock.random)
        self.functions = SimulatedLambda(wire, clock, self.sqs, self.hub)
        dead = self.sqs.create_queue("dead")
        self.line = self.sqs.create_queue("q", visibility_seconds=60, dead_letter_queue=dead, max_receive_count=3)
        self.dead, self.ran, self.recursed = dead, list[str](), list[str]()
        self.function = SimulatedFunction("f", 60, self._handle, subject)
        self.functions.add_mapping(self.line, self.function, max_concurrency=2)
        self.functions.recursion_listeners.append(lambda _, message: self.recursed.append(message.body))
        self._answer = answer

    def _handle(self, messages: Sequence[SimulatedMessage], deadline: datetime) -> Sequence[SimulatedMessage]:
        for message in messages:
            within_lineage(self._one, self.function.extend_lineage)(message, deadline)
        return ()

    def _one(self, message: SimulatedMessage, _: datetime) -> None:
        self.ran.append(message.body)
        self.clock.sleep(1)
        if body := self._answer(message.body):
            self.sqs.send_message(QueueUrl=self.line.url, MessageBody=body)

    def run(self, *bodies: str, seconds: float = 3600) -> None:
        """Play these messages, which begin a chain each."""
        for body in bodies:
            self.sqs.send_externally(self.line, body)
        self.functions.start()
        self.hub.run_until(self.clock.time + timedelta(seconds=seconds))


def test_a_function_that_calls_itself_is_stopped_and_its_message_becomes_a_dead_letter() -> None:
    loop = Loop(lambda body: body)
    loop.run("a")
    assert len(loop.ran) == MAX_CHAIN_INVOCATIONS
    assert [message.body for message in loop.dead.messages] == ["a"]


def test_chains_beside_one_another_are_counted_apart() -> None:
    """Two workers at a time: what one of them sends continues its own message's chain."""
    loop = Loop(lambda body: body + "." if len(body) < MAX_CHAIN_INVOCATIONS else "")
    loop.run("a", "b")
    assert len(loop.ran) == 2 * MAX_CHAIN_INVOCATIONS
    assert loop.recursed == []


def test_a_message_that_comes_again_is_no_longer_a_chain() -> None:
    loop = Loop(lambda _: "")
    message = SimulatedMessage("m", "a", None, {}, loop.clock.time, loop.clock.time, lineage=EMPTY_LINEAGE)
    for _ in range(2 * MAX_CHAIN_INVOCATIONS):
        assert loop.functions.allows_invocation(loop.function, message)


def test_a_chain_that_moves_forward_is_not_stopped_where_it_is_allowed() -> None:
    loop = Loop(lambda body: f"{int(body) + 1:03}" if int(body) < 100 else "", subject=str)
    loop.run("000")
    assert (len(loop.ran), loop.recursed) == (101, [])


def test_a_chain_that_turns_back_is_noticed_where_it_is_allowed() -> None:
    loop = Loop(lambda body: f"{(int(body) + 1) % 10:03}", subject=str)
    loop.run("000", seconds=40)
    assert len(loop.ran) > MAX_CHAIN_INVOCATIONS + 9
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
def test_subject_of_a_message_is_its_job_or_its_place_in_a_folder(body: str, subject: str) -> None:
    assert find_subject(body) == subject


# -- the product's own chains ---------------------------------------------------------------------------------------


def asleep(number: int) -> tuple[World, list[str]]:
    """A world whose photos wait for instructions, and the bodies of the messages whose chains run too long."""
    world, recursed = World(), list[str]()
    world.lambda_service.recursion_listeners.append(lambda _, message: recursed.append(message.body))
    for place in range(number):
        said(world, f"shoes/{place:02}.jpg")
    world.run_until_empty(max_deliveries=10_000)
    return world, recursed


def test_a_folder_of_any_size_is_woken_by_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As 16,000 photos are, 500 at a time."""
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 1)
    world, recursed = asleep(2 * MAX_CHAIN_INVOCATIONS)
    defaults(world, "shoes/", REMOVE)
    world.run_until_empty(max_deliveries=10_000)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert len(world.list_jobs()) == 2 * MAX_CHAIN_INVOCATIONS
    assert recursed == []


def test_lambda_would_stop_that_chain_if_intake_did_not_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 1)
    monkeypatch.setattr(folder_defaults, "RECHECK_DELAY_SECONDS", 900)
    world, recursed = asleep(2 * MAX_CHAIN_INVOCATIONS)
    intake = world.mappings["intake"]
    intake.function = dataclasses.replace(intake.function, find_subject=None)
    defaults(world, "shoes/", REMOVE)
    world.run_for(600)
    assert len(world.list_jobs()) == MAX_CHAIN_INVOCATIONS - 1, "what the last invocation sends is refused"
    assert {json.loads(body)["key"] for body in recursed} == {"shoes/_backdrop.json", "shoes/15.jpg"}


@pytest.mark.parametrize("again", ["", "shoes/00.jpg"], ids=["the beginning", "the same place"])
def test_a_folder_that_is_woken_from_the_same_place_for_ever_is_noticed(
    again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 1)
    world, recursed = asleep(3)

    def broken(intake: Any, message: IntakeMessage, *, delay_seconds: int = 0) -> None:
        if isinstance(message, FolderMessage) and message.start_after:
            message = dataclasses.replace(message, start_after=again)
        enqueue_for_intake(intake, message, delay_seconds=delay_seconds)

    monkeypatch.setattr(folder_defaults, "enqueue_for_intake", broken)
    defaults(world, "shoes/", {"output": {"format": "jpg"}})
    with pytest.raises(AssertionError, match="not quiet"):
        world.run_until_empty("intake", max_deliveries=200)
    assert "shoes/_backdrop.json" in {json.loads(body)["key"] for body in recursed}


def test_a_chain_that_runs_too_long_breaks_a_promise_of_the_simulation() -> None:
    world = World()
    watch = InvariantMonitor(world, UserActions(world, Random(0)))
    world.sqs.send_externally(world.queues["deliver"], "again")
    (message,) = world.queues["deliver"].messages
    message.lineage = MessageLineage({"deliver": MAX_CHAIN_INVOCATIONS})
    assert world.lambda_service.allows_invocation(world.mappings["deliver"].function, message)
    assert [breach.invariant for _, breach in watch.violations] == [Invariant.MESSAGE_CHAINS_END]
