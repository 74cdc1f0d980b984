"""Jobs in each status whose messages are no longer in any queue."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from backdrop.model.job import JobStatus
from backdrop.model.schedule import DELIVERY_CHECK_DELAY, LEASE_CHECK_DELAY, MESSAGE_LIFETIME
from simulation.world.simulated_provider import build_charged_hang_up
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, crash_worker
from tests.simulated.simulation import dropped, the_job


def empty(world: World, *names: str) -> None:
    """Deletes all messages of these queues, or of all queues."""
    for name in names or tuple(world.queues):
        world.queues[name].messages.clear()


def waits_in_its_lane(**setup: Any) -> World:
    """A job that was accepted, and whose messages are gone."""
    world = dropped(**setup)
    world.run_until_empty("intake")
    empty(world)
    return world


def died_in_its_call(**setup: Any) -> World:
    """A job whose worker crashed during the call, and whose messages are gone."""
    world = dropped(**setup)
    world.run_until_empty("intake", "deliver")
    operation = "poll" if setup.get("kind") else "call"
    world.transport.faults_after.append(TargetedFault(crash_worker, operation))
    world.deliver_next("ideogram")
    empty(world)
    return world


def lost_its_answer(**setup: Any) -> World:
    """A job whose answer was lost, and whose messages are gone while its worker waits for the call's end."""
    world = dropped(**setup)
    world.run_until_empty("intake", "deliver")
    world.provider.script.append(build_charged_hang_up())
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    world.deliver_next("ideogram")
    assert the_job(world).status is JobStatus.UNKNOWN
    empty(world)
    return world


def undelivered(**setup: Any) -> World:
    """A job that is paid, and whose messages are gone."""
    world = dropped(**setup)
    world.run_until_empty("intake", "ideogram")
    empty(world)
    return world


SCENES: dict[str, tuple[Callable[..., World], timedelta]] = {
    "accepted": (waits_in_its_lane, MESSAGE_LIFETIME),
    "submitting": (died_in_its_call, LEASE_CHECK_DELAY + timedelta(minutes=6)),
    "unknown": (lost_its_answer, LEASE_CHECK_DELAY + timedelta(minutes=6)),
    "paid": (undelivered, DELIVERY_CHECK_DELAY),
}
