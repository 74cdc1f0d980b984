"""The simulated doors treat each message as aws/batch.py does: done, handed back, or dead-lettered, each by itself."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from backdrop.aws.batch import CONFLICT_DELAY_SECONDS
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, MalformedMessageError, RetryLaterError
from proof.world.clock import START
from proof.world.sqs import Message
from proof.world.stack import World
from proof.world.wire import Strike, throttle


def worked(
    step: Callable[[Message], None], bodies: str = "a", world: World | None = None
) -> tuple[World, list[Message]]:
    """A world whose intake has worked through a batch of one-letter messages, and what it gave back."""
    world = world or World()
    line = world.lines["intake"]
    for body in bodies:
        world.sqs.post(line, body)
    batch = [message for _ in bodies if (message := world.sqs.receive(line))]
    again = world.doors.of(line, lambda message, _: step(message))(batch, START + timedelta(seconds=60))
    return world, list(again)


def waits(seconds: float) -> Callable[[Message], None]:
    """A step that cannot be done now."""

    def step(message: Message) -> None:
        if message.body != "b":
            raise RetryLaterError(Code.JOB_IN_FLIGHT, "not now", seconds)

    return step


def test_a_message_that_waits_comes_again_after_its_delay_and_others_are_done() -> None:
    world, again = worked(waits(40), "abc")
    assert [message.body for message in again] == ["a", "c"]
    assert {message.visible_at for message in again} == {START + timedelta(seconds=40)}
    assert [(wait.queue, wait.code, wait.seconds) for wait in world.waits] == [("intake", Code.JOB_IN_FLIGHT, 40)] * 2


def test_what_the_invocation_has_no_time_for_comes_again_at_once() -> None:
    world, opened = World(), list[str]()

    def step(message: Message) -> None:
        opened.append(message.body)
        world.clock.sleep(41)

    _, again = worked(step, "abc", world)
    assert (opened, [message.body for message in again]) == (["a"], ["b", "c"])
    assert {message.visible_at for message in again} == {START + timedelta(seconds=41)}


def test_a_lost_race_comes_again_in_a_moment() -> None:
    def step(_: Message) -> None:
        raise ConflictError

    _, (message,) = worked(step)
    assert message.visible_at == START + timedelta(seconds=CONFLICT_DELAY_SECONDS)


def test_a_message_that_cannot_be_handed_back_comes_after_its_visibility() -> None:
    world = World()
    world.wire.before.append(Strike(throttle, "change_message_visibility"))
    _, (message,) = worked(waits(5), world=world)
    assert message.visible_at == START + timedelta(seconds=world.lines["intake"].visibility_seconds)


def test_a_damaged_message_becomes_a_dead_letter_that_says_why() -> None:
    def step(_: Message) -> None:
        raise MalformedMessageError("torn")

    world, again = worked(step)
    (letter,) = world.dead_letters.messages
    assert again == []
    assert letter.attributes == {"code": "damaged_message", "reason": "torn", "money": "not_spent"}
    assert letter.body == '{"queue": "intake", "body": "a"}'


def test_a_bug_is_nobodys_to_hide() -> None:
    def step(_: Message) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        worked(step)
