"""The simulated batch consumer treats each message as aws/batch.py does: delete, return, or dead-letter."""

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


def process_batch(
    step: Callable[[SimulatedMessage], None], bodies: str = "a", world: World | None = None
) -> tuple[World, list[SimulatedMessage]]:
    """Processes a batch of one-letter messages as intake. Returns the world and the returned messages."""
    world = world or World()
    queue = world.queues["intake"]
    for body in bodies:
        world.sqs.send_externally(queue, body)
    batch = [message for _ in bodies if (message := world.sqs.receive(queue))]
    returned = world.batch_consumer.build_handler(queue, lambda message, _: step(message))(
        batch, WORLD_START + timedelta(seconds=60)
    )
    return world, list(returned)


def retry_later(seconds: float) -> Callable[[SimulatedMessage], None]:
    """Returns a step that must be retried later."""

    def step(message: SimulatedMessage) -> None:
        if message.body != "b":
            raise RetryLaterError(Code.JOB_IN_FLIGHT, "not now", seconds)

    return step


def test_message_to_retry_is_returned_with_its_delay() -> None:
    world, returned = process_batch(retry_later(40), "abc")
    assert [message.body for message in returned] == ["a", "c"]
    assert {message.visible_at for message in returned} == {WORLD_START + timedelta(seconds=40)}
    assert [(message.queue, message.code, message.delay_seconds) for message in world.returned_messages] == [
        ("intake", Code.JOB_IN_FLIGHT, 40)
    ] * 2


def test_messages_without_time_left_are_returned_at_once() -> None:
    world, processed = World(), list[str]()

    def step(message: SimulatedMessage) -> None:
        processed.append(message.body)
        world.clock.sleep(41)

    _, returned = process_batch(step, "abc", world)
    assert (processed, [message.body for message in returned]) == (["a"], ["b", "c"])
    assert {message.visible_at for message in returned} == {WORLD_START + timedelta(seconds=41)}


def test_conflict_returns_the_message_after_a_moment() -> None:
    def step(_: SimulatedMessage) -> None:
        raise ConflictError

    _, (message,) = process_batch(step)
    assert message.visible_at == WORLD_START + timedelta(seconds=CONFLICT_DELAY_SECONDS)


def test_message_that_cannot_be_returned_becomes_visible_later() -> None:
    world = World()
    world.transport.faults_before.append(TargetedFault(raise_throttle, "change_message_visibility"))
    _, (message,) = process_batch(retry_later(5), world=world)
    assert message.visible_at == WORLD_START + timedelta(seconds=world.queues["intake"].visibility_seconds)


def test_malformed_message_becomes_a_dead_letter() -> None:
    def step(_: SimulatedMessage) -> None:
        raise MalformedMessageError("torn")

    world, returned = process_batch(step)
    (letter,) = world.dead_letter_queue.messages
    assert returned == []
    assert letter.attributes == {"code": "damaged_message", "reason": "torn", "money": "not_spent"}
    assert letter.body == '{"queue": "intake", "body": "a"}'


def test_unexpected_exception_is_raised() -> None:
    def step(_: SimulatedMessage) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        process_batch(step)
