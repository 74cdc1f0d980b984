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
from backdrop.pipeline.enqueue import enqueue_folder_scan
from proof.checker.books import Promise
from proof.simulate.people import People
from proof.simulate.watch import Watch
from proof.world.clock import WorldClock
from proof.world.functions import Function, SimulatedLambda
from proof.world.hub import Hub
from proof.world.lineage import MAX_INVOCATIONS, ORIGIN, Lineage, following
from proof.world.sqs import Message, SimulatedSqs
from proof.world.stack import World
from proof.world.steps import subject_of
from proof.world.wire import Wire
from tests.simulated.wishes import REMOVE, defaults, said


class Loop:
    """A function that sends to its own queue whatever `answer` makes of a message's body; "" ends the chain."""

    def __init__(self, answer: Callable[[str], str], subject: Callable[[str], str] | None = None) -> None:
        clock = WorldClock(Random(0))
        self.hub, wire = Hub(clock), Wire(clock)
        self.clock, self.sqs = clock, SimulatedSqs(wire, clock, clock.random)
        self.functions = SimulatedLambda(wire, clock, self.sqs, self.hub)
        dead = self.sqs.open("dead")
        self.line = self.sqs.open("q", visibility_seconds=60, dead_letters=dead, most_receives=3)
        self.dead, self.ran, self.recursed = dead, list[str](), list[str]()
        self.function = Function("f", 60, self._handle, subject)
        self.functions.connect(self.line, self.function, most_at_once=2)
        self.functions.recursed.append(lambda _, message: self.recursed.append(message.body))
        self._answer = answer

    def _handle(self, messages: Sequence[Message], deadline: datetime) -> Sequence[Message]:
        for message in messages:
            following(self._one, self.function.lineage)(message, deadline)
        return ()

    def _one(self, message: Message, _: datetime) -> None:
        self.ran.append(message.body)
        self.clock.sleep(1)
        if body := self._answer(message.body):
            self.sqs.send_message(QueueUrl=self.line.url, MessageBody=body)

    def run(self, *bodies: str, seconds: float = 3600) -> None:
        """Play these messages, which begin a chain each."""
        for body in bodies:
            self.sqs.post(self.line, body)
        self.functions.start()
        self.hub.run_until(self.clock.time + timedelta(seconds=seconds))


def test_a_function_that_calls_itself_is_stopped_and_its_message_becomes_a_dead_letter() -> None:
    loop = Loop(lambda body: body)
    loop.run("a")
    assert len(loop.ran) == MAX_INVOCATIONS
    assert [message.body for message in loop.dead.messages] == ["a"]


def test_chains_beside_one_another_are_counted_apart() -> None:
    """Two workers at a time: what one of them sends continues its own message's chain."""
    loop = Loop(lambda body: body + "." if len(body) < MAX_INVOCATIONS else "")
    loop.run("a", "b")
    assert len(loop.ran) == 2 * MAX_INVOCATIONS
    assert loop.recursed == []


def test_a_message_that_comes_again_is_no_longer_a_chain() -> None:
    loop = Loop(lambda _: "")
    message = Message("m", "a", None, {}, loop.clock.time, loop.clock.time, lineage=ORIGIN)
    for _ in range(2 * MAX_INVOCATIONS):
        assert loop.functions.admits(loop.function, message)


def test_a_chain_that_moves_forward_is_not_stopped_where_it_is_allowed() -> None:
    loop = Loop(lambda body: f"{int(body) + 1:03}" if int(body) < 100 else "", subject=str)
    loop.run("000")
    assert (len(loop.ran), loop.recursed) == (101, [])


def test_a_chain_that_turns_back_is_noticed_where_it_is_allowed() -> None:
    loop = Loop(lambda body: f"{(int(body) + 1) % 10:03}", subject=str)
    loop.run("000", seconds=40)
    assert len(loop.ran) > MAX_INVOCATIONS + 9
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
    assert subject_of(body) == subject


# -- the product's own chains ---------------------------------------------------------------------------------------


def asleep(number: int) -> tuple[World, list[str]]:
    """A world whose photos wait for instructions, and the bodies of the messages whose chains run too long."""
    world, recursed = World(), list[str]()
    world.functions.recursed.append(lambda _, message: recursed.append(message.body))
    for place in range(number):
        said(world, f"shoes/{place:02}.jpg")
    world.run(most_turns=10_000)
    return world, recursed


def test_a_folder_of_any_size_is_woken_by_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As 16,000 photos are, 500 at a time."""
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 1)
    world, recursed = asleep(2 * MAX_INVOCATIONS)
    defaults(world, "shoes/", REMOVE)
    world.run(most_turns=10_000)
    assert {job.status for job in world.jobs()} == {JobStatus.STORED}
    assert len(world.jobs()) == 2 * MAX_INVOCATIONS
    assert recursed == []


def test_lambda_would_stop_that_chain_if_intake_did_not_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 1)
    monkeypatch.setattr(folder_defaults, "RECHECK_DELAY_SECONDS", 900)
    world, recursed = asleep(2 * MAX_INVOCATIONS)
    intake = world.sources["intake"]
    intake.function = dataclasses.replace(intake.function, subject=None)
    defaults(world, "shoes/", REMOVE)
    world.run_for(600)
    assert len(world.jobs()) == MAX_INVOCATIONS - 1, "what the last invocation sends is refused"
    assert {json.loads(body)["key"] for body in recursed} == {"shoes/_backdrop.json", "shoes/15.jpg"}


@pytest.mark.parametrize("again", ["", "shoes/00.jpg"], ids=["the beginning", "the same place"])
def test_a_folder_that_is_woken_from_the_same_place_for_ever_is_noticed(
    again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_defaults, "MAX_WOKEN_PHOTOS", 1)
    world, recursed = asleep(3)

    def broken(intake: Any, bucket: str, key: str, *, after: str = "", delay_seconds: int = 0) -> None:
        enqueue_folder_scan(intake, bucket, key, after=again if after else "", delay_seconds=delay_seconds)

    monkeypatch.setattr(folder_defaults, "enqueue_folder_scan", broken)
    defaults(world, "shoes/", {"output": {"format": "jpg"}})
    with pytest.raises(AssertionError, match="not quiet"):
        world.run("intake", most_turns=200)
    assert "shoes/_backdrop.json" in {json.loads(body)["key"] for body in recursed}


def test_a_chain_that_runs_too_long_breaks_a_promise_of_the_simulation() -> None:
    world = World()
    watch = Watch(world, People(world, Random(0)))
    world.sqs.post(world.lines["deliver"], "again")
    (message,) = world.lines["deliver"].messages
    message.lineage = Lineage({"deliver": MAX_INVOCATIONS})
    assert world.functions.admits(world.sources["deliver"].function, message)
    assert [breach.promise for _, breach in watch.breaches] == [Promise.CHAINS_END]
