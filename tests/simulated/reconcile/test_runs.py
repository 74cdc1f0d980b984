"""Reconcile's runs: one at a time, bounded, part by part. A second run finds nothing left to do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from backdrop.model.job import JobStatus
from backdrop.model.object_keys import ANSWER_SPOOL_PREFIX
from backdrop.reconcile import service
from backdrop.reconcile.service import ReconcileResult
from simulation.world.call_behavior import CallBehavior
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, OUTPUT_BUCKET, TIMEOUTS_SECONDS, World
from simulation.world.transport import ServiceCall, SimulatedCrash, TargetedFault, crash_worker, raise_throttle
from tests.simulated.render.test_ledger_outage import list_spooled_answers, world_with_outage_after_answer
from tests.simulated.simulated_days import DAY, list_pause_reasons, run_reconcile
from tests.simulated.stage_worlds import world_with_photo


def run_once(world: World) -> ReconcileResult:
    """Returns what one run did."""
    return world.steps.reconcile.run(
        world.steps.build_call_context(world.clock.time + timedelta(seconds=TIMEOUTS_SECONDS["reconcile"]))
    )


def world_with_lost_messages(number: int = 6) -> World:
    """Returns a world with jobs whose messages were lost long ago."""
    world = World()
    for n in range(number):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_until_empty("intake")
    for line in world.queues.values():
        line.messages.clear()
    world.clock.sleep(4 * DAY)
    return world


def count_resent(world: World) -> int:
    """Returns how many jobs have a message again."""
    return len(world.queues["ideogram"].messages)


# -- one at a time -----------------------------------------------------------------------------------------------


def test_only_one_of_two_concurrent_runs_works() -> None:
    world = world_with_lost_messages()
    second: list[ReconcileResult] = []
    world.transport.faults_before.append(TargetedFault(lambda _: second.append(run_once(world)), "query"))
    first = run_once(world)
    assert ([one.skipped for one in second], first.skipped) == ([True], False)
    assert (count_resent(world), first.counts["put_back"]) == (6, 6)


@pytest.mark.parametrize("nth", [1, 2])
def test_only_one_of_two_simultaneous_starts_gets_the_lock(nth: int) -> None:
    """Both runs have read that no other run is in progress."""
    world = world_with_lost_messages()
    second: list[ReconcileResult] = []
    world.transport.faults_before.append(TargetedFault(lambda _: second.append(run_once(world)), nth=nth))
    first = run_once(world)
    assert [first.skipped, second[0].skipped].count(True) == (1 if nth == 2 else 0)
    assert count_resent(world) == 6


def test_crashed_run_blocks_the_next_no_longer_than_its_lease() -> None:
    world = world_with_lost_messages()
    world.transport.faults_before.append(TargetedFault(crash_worker, "query"))
    with pytest.raises(SimulatedCrash):
        run_once(world)
    assert run_once(world).skipped
    world.clock.sleep(TIMEOUTS_SECONDS["reconcile"])
    assert not run_once(world).skipped
    assert count_resent(world) == 6


def test_clock_that_jumps_back_and_forth_does_not_block_runs() -> None:
    world = world_with_lost_messages()
    world.clock.time += timedelta(hours=2)
    run_once(world)
    world.clock.time -= timedelta(hours=2)
    assert not run_once(world).skipped


def test_completed_work_is_not_repeated() -> None:
    world = world_with_lost_messages()
    run_once(world)
    again = run_once(world)
    assert (set(again.counts.values()), again.failures) == ({0}, [])
    assert count_resent(world) == 6


def test_healthy_stack_is_left_unchanged() -> None:
    world = world_with_photo()
    world.run_until_empty()
    before = dict(world.table.items), dict(world.output_bucket.objects), dict(world.input_bucket.objects)
    for _ in range(3):
        assert set(run_once(world).counts.values()) == {0}
    items = {key: item for key, item in world.table.items.items() if key != ("reconcile", "run")}
    assert (items, dict(world.output_bucket.objects), dict(world.input_bucket.objects)) == before
    assert not [message for line in world.queues.values() for message in line.messages]


# -- bounded, part by part ---------------------------------------------------------------------------------------


def test_run_stops_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "RESERVED_FOR_REMAINING_PARTS", timedelta(seconds=TIMEOUTS_SECONDS["reconcile"] - 30))
    world = world_with_lost_messages()
    world.transport.faults_after.append(TargetedFault(lambda _: world.clock.sleep(10), "send_message", times=100))
    assert 0 < run_once(world).counts["put_back"] < 6
    for _ in range(3):
        run_once(world)
    assert count_resent(world) == 6


def test_run_stops_at_its_item_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_DUE_ITEMS", 4)
    world = world_with_lost_messages()
    assert [run_once(world).counts["put_back"] for _ in range(3)] == [4, 2, 0]


def matches_bucket(name: str) -> Callable[[ServiceCall], bool]:
    """Matches the calls that access this bucket."""
    return lambda call: call.request["Bucket"] == name


SERVICES: dict[str, dict[str, Any]] = {
    "lanes": {"operation": "list_event_source_mappings"},
    "the answers": {"operation": "list_objects_v2", "matches": matches_bucket(OUTPUT_BUCKET)},
    "the letters": {"operation": "receive_message"},
    "the photos": {"operation": "list_objects_v2", "matches": matches_bucket(INPUT_BUCKET)},
}


@pytest.mark.parametrize("name", SERVICES)
def test_failed_part_does_not_prevent_the_others(name: str) -> None:
    world = world_with_lost_messages()
    world.transport.faults_before.append(failed := TargetedFault(raise_throttle, times=100, **SERVICES[name]))
    tally = run_once(world)
    assert failed.hit_count
    assert tally.failures
    assert (count_resent(world), tally.counts["put_back"]) == (6, 6)


def test_failed_item_does_not_prevent_the_next() -> None:
    """Another release wrote the oldest item."""
    world = world_with_lost_messages()
    key = min((key for key in world.table.items if key[1].startswith("job#")), key=str)
    body = world.table.items[key]["body"]["S"].replace('"v":2', '"v":3')
    world.table.items[key] = {**world.table.items[key], "body": {"S": body}}
    tally = run_once(world)
    assert (count_resent(world), len(set(tally.failures))) == (5, 1)


def test_unreadable_spooled_answer_does_not_block_the_next() -> None:
    world = world_with_outage_after_answer(CallBehavior())
    world.transport.clear_faults()
    (spooled,) = list_spooled_answers(world)
    world.s3.put_object(
        Bucket=OUTPUT_BUCKET, Key=f"{ANSWER_SPOOL_PREFIX}/0.json", Body=b"{}", ContentType="application/json"
    )
    run_reconcile(world)
    assert spooled not in list_spooled_answers(world)


def test_job_without_a_lane_returns_to_intake_once_an_hour() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    world.clock.sleep(60)
    world.steps.reconcile.lane_queues = {}
    sent: list[int] = []
    for _ in range(14):
        run_reconcile(world)
        sent.append(len(world.queues["intake"].messages))
        world.clock.sleep(300)
    assert sent == [1] * 12 + [2] * 2


# -- a delivery backlog ------------------------------------------------------------------------------------------


def world_without_deliver(photos: int, in_flight: int) -> World:
    """Returns a world that has bought pictures for these photos, while deliver does not run."""
    world = World(in_flight=in_flight)
    for n in range(photos):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.mappings["deliver"].is_enabled = False
    world.run_until_empty("intake")
    world.run_until_empty("ideogram")
    assert {job.status for job in world.list_jobs()} == {JobStatus.PAID}
    return world


@pytest.mark.parametrize(("in_flight", "limit"), [(2, 20), (11, 22)])
def test_delivery_backlog_pauses_purchases_until_half_is_delivered(in_flight: int, limit: int) -> None:
    """Links are valid for only a few hours. Without the pause, a picture might be paid for and lost."""
    world = world_without_deliver(limit + 1, in_flight)
    run_reconcile(world)
    assert list_pause_reasons(world) == []
    world.clock.sleep(600)
    run_reconcile(world)
    assert (list_pause_reasons(world), world.mappings["ideogram"].is_enabled) == (["delivery"], False)
    for left in (limit, limit // 2 + 1, limit // 2):
        while len([job for job in world.list_jobs() if job.status is JobStatus.PAID]) > left:
            world.deliver_next("deliver")
        run_reconcile(world)
        assert list_pause_reasons(world) == (["delivery"] if left > limit // 2 else [])


def test_pictures_within_the_limit_pause_nothing_however_long_they_wait() -> None:
    world = world_without_deliver(20, 2)
    world.clock.sleep(DAY)
    run_reconcile(world)
    assert list_pause_reasons(world) == []


def test_backlog_that_cannot_be_counted_changes_nothing() -> None:
    world = world_without_deliver(21, 2)
    world.clock.sleep(600)
    run_reconcile(world)
    world.transport.faults_before.append(TargetedFault(raise_throttle, "query", times=1000))
    result = run_once(world)
    assert list_pause_reasons(world) == ["delivery"]
    assert any(failure.message.startswith("gauges: ") for failure in result.failures)
