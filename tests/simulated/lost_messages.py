"""Jobs in each status whose messages are no longer in any queue."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from backdrop.model.job import JobStatus
from backdrop.model.schedule import DELIVERY_CHECK_DELAY, LEASE_CHECK_DELAY, MESSAGE_LIFETIME
from simulation.world.simulated_provider import build_charged_hang_up
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, crash_worker
from tests.simulated.stage_worlds import find_only_job, world_with_photo


def delete_messages(world: World, *names: str) -> None:
    """Deletes all messages of these queues, or of all queues."""
    for name in names or tuple(world.queues):
        world.queues[name].messages.clear()


def accepted_without_message(**setup: Any) -> World:
    """A job that was accepted, and whose messages are gone."""
    world = world_with_photo(**setup)
    world.run_until_empty("intake")
    delete_messages(world)
    return world


def crashed_during_call(**setup: Any) -> World:
    """A job with a worker that crashed during the call. Its messages are gone."""
    world = world_with_photo(**setup)
    world.run_until_empty("intake", "deliver")
    operation = "poll" if setup.get("kind") else "call"
    world.transport.faults_after.append(TargetedFault(crash_worker, operation))
    world.deliver_next("ideogram")
    delete_messages(world)
    return world


def lost_answer_without_message(**setup: Any) -> World:
    """A job whose answer was lost. Its messages are gone while its worker waits for the call to end."""
    world = world_with_photo(**setup)
    world.run_until_empty("intake", "deliver")
    world.provider.script.append(build_charged_hang_up())
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    world.deliver_next("ideogram")
    assert find_only_job(world).status is JobStatus.UNKNOWN
    delete_messages(world)
    return world


def paid_without_message(**setup: Any) -> World:
    """A job that is paid, and whose messages are gone."""
    world = world_with_photo(**setup)
    world.run_until_empty("intake", "ideogram")
    delete_messages(world)
    return world


SCENES: dict[str, tuple[Callable[..., World], timedelta]] = {
    "accepted": (accepted_without_message, MESSAGE_LIFETIME),
    "submitting": (crashed_during_call, LEASE_CHECK_DELAY + timedelta(minutes=6)),
    "unknown": (lost_answer_without_message, LEASE_CHECK_DELAY + timedelta(minutes=6)),
    "paid": (paid_without_message, DELIVERY_CHECK_DELAY),
}
