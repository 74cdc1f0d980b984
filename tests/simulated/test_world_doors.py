"""The simulated doors treat each message as aws/batch.py does: done, handed back, or dead-lettered, each by itself."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from backdrop.aws.batch import CONFLICT_DELAY_SECONDS
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, MalformedMessageError, RetryLaterError
from simulation.world.simulated_sqs import SimulatedMessage
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, raise_throttle
from simulation.world.world_clock import WORLD_START


def worked(
    step: Callable[[SimulatedMessage], None], bodies: str = "a", world: World | None = None
) -> tuple[World, list[SimulatedMessage]]:
    """A world whose intake has worked through a batch of one-letter messages, and what it gave back."""
    world = world or World()
    line = world.queues["intake"]
    for body in bodies:
        world.sqs.send_externally(line, body)
    batch = [message for _ in bodies if (message := world.sqs.receive(line))]
    again = world.batch_consumer.build_handler(line, lambda message, _: step(message))(
        batch, WORLD_START + timedelta(seconds=60)
    )
    return world, list(again)


def waits(seconds: float) -> Callable[[SimulatedMessage], None]:
    """A step that cannot be done now."""

    def step(message: SimulatedMessage) -> None:
        if message.body != "b":
            raise RetryLaterError(Code.JOB_IN_FLIGHT, "not now", seconds)

    return step


def test_a_message_that_waits_comes_again_after_its_delay_and_others_are_done() -> None:
    world, again = worked(waits(40), "abc")
    assert [message.body for message in again] == ["a", "c"]
    assert {message.visible_at for message in again} == {WORLD_START + timedelta(seconds=40)}
    assert [(wait.queue, wait.code, wait.delay_seconds) for wait in world.returned_messages] == [
        ("intake", Code.JOB_IN_FLIGHT, 40)
    ] * 2


def test_what_the_invocation_has_no_time_for_comes_again_at_once() -> None:
    world, opened = World(), list[str]()

    def step(message: SimulatedMessage) -> None:
        opened.append(message.body)
        world.clock.sleep(41)

    _, again = worked(step, "abc", world)
    assert (opened, [message.body for message in again]) == (["a"], ["b", "c"])
    assert {message.visible_at for message in again} == {WORLD_START + timedelta(seconds=41)}


def test_a_lost_race_comes_again_in_a_moment() -> None:
    def step(_: SimulatedMessage) -> None:
        raise ConflictError

    _, (message,) = worked(step)
    assert message.visible_at == WORLD_START + timedelta(seconds=CONFLICT_DELAY_SECONDS)


def test_a_message_that_cannot_be_handed_back_comes_after_its_visibility() -> None:
    world = World()
    world.transport.faults_before.append(TargetedFault(raise_throttle, "change_message_visibility"))
    _, (message,) = worked(waits(5), world=world)
    assert message.visible_at == WORLD_START + timedelta(seconds=world.queues["intake"].visibility_seconds)


def test_a_damaged_message_becomes_a_dead_letter_that_says_why() -> None:
    def step(_: SimulatedMessage) -> None:
        raise MalformedMessageError("torn")

    world, again = worked(step)
    (letter,) = world.dead_letter_queue.messages
    assert again == []
    assert letter.attributes == {"code": "damaged_message", "reason": "torn", "money": "not_spent"}
    assert letter.body == '{"queue": "intake", "body": "a"}'


def test_a_bug_is_nobodys_to_hide() -> None:
    def step(_: SimulatedMessage) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        worked(step)
