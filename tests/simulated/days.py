"""Days in the simulated world, one thing after another: messages are worked off, reconcile runs every five minutes."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from backdrop.model.circuit import ProviderHealth
from backdrop.model.object_keys import provider_report_key
from backdrop.operate.cancel import CancelSummary
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import TIMEOUTS_SECONDS, World
from simulation.world.transport import ServiceCall, SimulatedCrash

EVERY_SECONDS = 300
A_MINUTE = 60
DAY = 86_400


def set_right(world: World) -> None:
    """One run of reconcile, or as much of it as can be done."""
    world.steps.run_reconcile(world.clock.time + timedelta(seconds=TIMEOUTS_SECONDS["reconcile"]))


def pass_time(world: World, seconds: float, every: float = EVERY_SECONDS) -> None:
    """Let so much time pass, with reconcile every so many seconds and at its end, and a minute more for what it did."""
    end = world.clock.time + timedelta(seconds=seconds)
    while world.clock.time < end:
        world.run_for(min(every, (end - world.clock.time).total_seconds()))
        with suppress(SimulatedCrash):
            set_right(world)
    world.run_for(A_MINUTE)


def cancelled(world: World, prefix: str = "") -> tuple[list[str], CancelSummary]:
    """The keys that a person's cancel ended, and its sums."""
    done, cancelling = CancelSummary(), world.steps.cancel()
    return list(cancelling.cancel_marked(cancelling.add_mark(prefix), done)), done


def others_take(world: World, name: str) -> Callable[[ServiceCall], None]:
    """For faults: meanwhile another worker takes a message of this queue."""

    def take(_: ServiceCall) -> None:
        world.deliver_next(name)

    return take


def fails_alone(world: World, job_id: str, reaction: CallBehavior) -> None:
    """From now on the provider does this with one job, and well with all others."""
    world.provider.behavior_sources.append(lambda: reaction if world.provider.received_job_ids[-1] == job_id else None)


def while_others_go_well(world: World, tries: int) -> None:
    """Let a failing job be tried so often, each time later than the last, with a photo that goes well in between."""
    for seconds in (15, 25, 45, 85, 165, 325, 645, 905)[:tries]:
        name = f"{world.clock.to_unix_seconds()}"
        world.upload_photo(f"others/{name}.jpg", build_photo(name), operation="remove")
        world.run_for(seconds)


def the_lane(world: World) -> ProviderHealth:
    """The lane's health as the ledger has it."""
    return world.ledger.read_health("ideogram")


def reasons(world: World) -> list[str]:
    """Why the lane is paused."""
    return [pause.reason.value for pause in the_lane(world).pauses]


def provider_report(world: World) -> dict[str, Any] | None:
    """The one report of a provider that is paused."""
    found = world.output_bucket.find_current(provider_report_key("ideogram"))
    return None if found is None or found.data is None else json.loads(found.data)


def provider_codes(world: World) -> list[str]:
    """The codes in the provider's report."""
    report = provider_report(world)
    return [error["code"] for error in report["errors"]] if report else []


def kinds(world: World) -> list[str]:
    """What was told on the bus, each piece of news once."""
    return [*{event.detail["event_id"]: event.detail_type for event in world.bus.events}.values()]


def codes(world: World, key: str) -> list[str]:
    """The codes in a photo's report."""
    report = world.read_report(key)
    return [error["code"] for error in report["errors"]] if report else []
