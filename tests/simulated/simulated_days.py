"""Time in the simulated world: messages are processed, and reconcile runs every five minutes."""

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
# Until the third run of reconcile begins.
TWO_RUNS = timedelta(seconds=3 * EVERY_SECONDS)
A_MINUTE = 60
DAY = 86_400


def run_reconcile(world: World) -> None:
    """Runs reconcile once, within the time limit of its invocation."""
    world.steps.run_reconcile(world.clock.time + timedelta(seconds=TIMEOUTS_SECONDS["reconcile"]))


def pass_time(world: World, seconds: float, every: float = EVERY_SECONDS) -> None:
    """Lets the time pass, with reconcile at this interval and at the end, and one more minute for its effects."""
    end = world.clock.time + timedelta(seconds=seconds)
    while world.clock.time < end:
        world.run_for(min(every, (end - world.clock.time).total_seconds()))
        with suppress(SimulatedCrash):
            run_reconcile(world)
    world.run_for(A_MINUTE)


def cancel_jobs(world: World, prefix: str = "") -> tuple[list[str], CancelSummary]:
    """Returns the keys of the jobs that a person's cancel ended, and its totals."""
    done, cancelling = CancelSummary(), world.steps.cancel()
    return list(cancelling.cancel_marked(cancelling.add_mark(prefix), done)), done


def deliver_meanwhile(world: World, name: str) -> Callable[[ServiceCall], None]:
    """Returns a fault during which another worker receives a message of this queue."""

    def take(_: ServiceCall) -> None:
        world.deliver_next(name)

    return take


def fail_only(world: World, job_id: str, reaction: CallBehavior) -> None:
    """From now on, the provider responds in this way to one job, and succeeds with all others."""
    world.provider.behavior_sources.append(lambda: reaction if world.provider.received_job_ids[-1] == job_id else None)


def retry_between_successes(world: World, tries: int) -> None:
    """Retries a failing job this many times, each after a longer wait, with a successful photo in between."""
    for seconds in (15, 25, 45, 85, 165, 325, 645, 905)[:tries]:
        name = f"{world.clock.to_unix_seconds()}"
        world.upload_photo(f"others/{name}.jpg", build_photo(name), operation="remove")
        world.run_for(seconds)


def read_lane_health(world: World) -> ProviderHealth:
    return world.ledger.read_health("ideogram")


def list_pause_reasons(world: World) -> list[str]:
    return [pause.reason.value for pause in read_lane_health(world).pauses]


def read_provider_report(world: World) -> dict[str, Any] | None:
    """Returns the report of the paused provider, if there is one."""
    found = world.output_bucket.find_current(provider_report_key("ideogram"))
    return None if found is None or found.data is None else json.loads(found.data)


def list_provider_codes(world: World) -> list[str]:
    """Returns the codes in the provider's report."""
    report = read_provider_report(world)
    return [error["code"] for error in report["errors"]] if report else []


def list_event_types(world: World) -> list[str]:
    """Returns the types of the published events, counting each event ID once."""
    return [*{event.detail["event_id"]: event.detail_type for event in world.bus.events}.values()]


def list_report_codes(world: World, key: str) -> list[str]:
    """Returns the codes in a photo's error report."""
    report = world.read_report(key)
    return [error["code"] for error in report["errors"]] if report else []
