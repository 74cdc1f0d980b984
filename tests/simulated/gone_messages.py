"""Jobs in each state of which no queue knows any more."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from backdrop.model.job import JobStatus
from backdrop.model.schedule import DELIVERY_CHECK_DELAY, LEASE_CHECK_DELAY, MESSAGE_LIFETIME
from proof.world.provider import charges_and_hangs_up
from proof.world.stack import World
from proof.world.wire import Strike, die
from tests.simulated.simulation import dropped, the_job


def empty(world: World, *names: str) -> None:
    """Somebody empties queues."""
    for name in names or tuple(world.lines):
        world.lines[name].messages.clear()


def waits_in_its_lane(**setup: Any) -> World:
    """A job that was accepted, and whose messages are gone."""
    world = dropped(**setup)
    world.run("intake")
    empty(world)
    return world


def died_in_its_call(**setup: Any) -> World:
    """A job whose worker died while the provider worked, and whose messages are gone."""
    world = dropped(**setup)
    world.run("intake", "deliver")
    operation = "poll" if setup.get("kind") else "call"
    world.wire.after.append(Strike(die, operation))
    world.turn("ideogram")
    empty(world)
    return world


def lost_its_answer(**setup: Any) -> World:
    """A job whose answer was lost, and whose messages are gone while its worker waits for the call's end."""
    world = dropped(**setup)
    world.run("intake", "deliver")
    world.provider.script.append(charges_and_hangs_up())
    world.wire.after.append(Strike(die, "transact_write_items", nth=2))
    world.turn("ideogram")
    assert the_job(world).status is JobStatus.UNKNOWN
    empty(world)
    return world


def undelivered(**setup: Any) -> World:
    """A job that is paid, and whose messages are gone."""
    world = dropped(**setup)
    world.run("intake", "ideogram")
    empty(world)
    return world


SCENES: dict[str, tuple[Callable[..., World], timedelta]] = {
    "accepted": (waits_in_its_lane, MESSAGE_LIFETIME),
    "submitting": (died_in_its_call, LEASE_CHECK_DELAY + timedelta(minutes=6)),
    "unknown": (lost_its_answer, LEASE_CHECK_DELAY + timedelta(minutes=6)),
    "paid": (undelivered, DELIVERY_CHECK_DELAY),
}
