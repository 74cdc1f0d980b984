"""Announcements about a lane: the report and the events end up correct despite crashes, races, and redelivery."""

from collections.abc import Callable

import pytest

from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.pipeline.enqueue import enqueue_provider_notification
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, lose_response, raise_throttle
from tests.simulated.simulated_days import (
    deliver_meanwhile,
    list_event_types,
    list_provider_codes,
    pass_time,
    read_lane_health,
    read_provider_report,
    run_reconcile,
)
from tests.simulated.stage_worlds import replay_with_crashes

PAUSED, RESUMED = ["Provider Paused"], ["Provider Paused", "Provider Resumed"]


def paused_lane() -> World:
    """A world whose lane was paused by a person, which deliver has not announced yet."""
    world = World()
    world.pause_lane()
    return world


def resumed_lane() -> World:
    """A world whose lane was resumed, which deliver has not announced yet."""
    world = paused_lane()
    world.run_until_empty()
    world.resume_lane()
    return world


SCENES: dict[str, tuple[Callable[[], World], list[str], list[str]]] = {
    "paused": (paused_lane, ["paused_by_person"], PAUSED),
    "resumed": (resumed_lane, [], RESUMED),
}
BOTH = pytest.mark.parametrize("name", SCENES)


@BOTH
def test_crash_after_any_call_leaves_report_and_events_correct(name: str) -> None:
    scene, codes, event_types = SCENES[name]
    crashes = 0
    for call, world in replay_with_crashes(scene, World.run_until_empty):
        assert (list_provider_codes(world), list_event_types(world)) == (codes, event_types), call
        crashes += 1
    assert crashes > 3


@BOTH
def test_redelivered_message_announces_nothing_new(name: str) -> None:
    scene, codes, event_types = SCENES[name]
    world = scene()
    world.run_until_empty()
    event_count, versions = len(world.bus.events), dict(world.output_bucket.objects)
    for _ in range(3):
        enqueue_provider_notification(world.intake.photo_intake.deliver_queue, "ideogram")
    world.run_until_empty()
    assert (list_provider_codes(world), list_event_types(world), len(world.bus.events)) == (
        codes,
        event_types,
        event_count,
    )
    assert world.output_bucket.objects == versions


@BOTH
@pytest.mark.parametrize("nth", range(1, 8))
def test_two_concurrent_deliveries_announce_the_same(name: str, nth: int) -> None:
    scene, codes, event_types = SCENES[name]
    world = scene()
    enqueue_provider_notification(world.intake.photo_intake.deliver_queue, "ideogram")
    world.transport.faults_before.append(TargetedFault(deliver_meanwhile(world, "deliver"), nth=nth))
    world.run_until_empty()
    assert (list_provider_codes(world), list_event_types(world)) == (codes, event_types)
    assert not world.dead_letter_queue.messages


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        (name, operation)
        for name, change in (("paused", "put_object"), ("resumed", "delete_object"))
        for operation in (change, "put_events", "transact_write_items")
    ],
)
def test_lost_response_changes_nothing(name: str, operation: str) -> None:
    scene, codes, event_types = SCENES[name]
    world = scene()
    world.transport.faults_after.append(fault := TargetedFault(lose_response, operation))
    world.run_until_empty()
    assert fault.hit_count
    assert (list_provider_codes(world), list_event_types(world)) == (codes, event_types)


@pytest.mark.parametrize("nth", range(1, 7))
def test_lane_that_changes_during_a_report_is_reported_correctly(nth: int) -> None:
    world = paused_lane()

    def resume(_: object) -> None:
        world.resume_lane()

    world.transport.faults_before.append(fault := TargetedFault(resume, nth=nth))
    world.run_until_empty()
    assert fault.hit_count == 1
    assert (read_provider_report(world), read_lane_health(world).is_paused) == (None, False)


@pytest.mark.parametrize("nth", range(1, 7))
def test_overtaken_delivery_leaves_the_correct_report(nth: int) -> None:
    """A second reason is added. While deliver announces it, all reasons are lifted, and that is announced first."""
    world = paused_lane()
    world.run_until_empty()
    world.steps.breaker.pause("ideogram", PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, "The provider refuses the key.")

    def overtake(_: object) -> None:
        world.resume_lane()
        world.deliver_next("deliver")

    world.transport.faults_before.append(fault := TargetedFault(overtake, nth=nth))
    world.run_until_empty()
    assert fault.hit_count == 1
    assert (read_provider_report(world), list_event_types(world).count("Provider Resumed")) == (None, 1)


def test_message_about_an_unknown_provider_announces_nothing() -> None:
    world = World()
    enqueue_provider_notification(world.intake.photo_intake.deliver_queue, "nobody")
    world.run_until_empty()
    assert (world.bus.events, world.output_bucket.objects, world.dead_letter_queue.messages) == ([], {}, [])


def test_reconcile_announces_a_pause_whose_message_was_lost() -> None:
    world = paused_lane()
    world.queues["deliver"].messages.clear()
    pass_time(world, 300)
    assert (list_provider_codes(world), list_event_types(world)) == (["paused_by_person"], PAUSED)


def test_reconcile_disables_a_mapping_that_could_not_be_disabled() -> None:
    """The ledger contains the reason. Until the mapping is disabled, render reads the ledger and buys nothing."""
    world = World()
    world.transport.faults_before.append(failed := TargetedFault(raise_throttle, "update_event_source_mapping"))
    with pytest.raises(RetryLaterError):
        world.pause_lane()
    assert (failed.hit_count, read_lane_health(world).is_paused, world.mappings["ideogram"].is_enabled) == (
        1,
        True,
        True,
    )
    run_reconcile(world)
    world.run_until_empty()
    assert (world.mappings["ideogram"].is_enabled, list_provider_codes(world)) == (False, ["paused_by_person"])
