"""A failing provider: its circuit opens or its lane is paused, one job at a time probes it, and a single report says
why.
"""

from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import pytest

from backdrop.model.circuit import (
    FAILURE_THRESHOLD,
    FIRST_PROBE_DELAY,
    MAX_FREE_PROBE_DELAY,
    MAX_HALF_OPEN_DELAY,
    MAX_QUICK_PROBES,
)
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import ProviderResult, RetryClass
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import SimulatedCrash, TargetedFault, crash_worker
from tests.simulated.simulated_days import (
    DAY,
    list_event_types,
    list_pause_reasons,
    list_provider_codes,
    list_report_codes,
    pass_time,
    read_lane_health,
    read_provider_report,
    run_reconcile,
)
from tests.simulated.stage_worlds import PRICE, assert_at_rest, world_with_photo

WRONG_KEY = build_refusal(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED)
BUSY = build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)
NO_KEY = ProviderResult(RetryClass.PAUSE, Code.PROVIDER_KEY_MISSING, "There is no API key: the secret is empty.")


def world_with_photos(number: int = 4) -> World:
    """Returns a world with several photos in their lane."""
    world = World()
    for n in range(number):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_until_empty("intake")
    return world


def count_receives(world: World) -> int:
    """Returns how often the lane's waiting messages were delivered, in total."""
    return sum(message.receive_count for message in world.queues["ideogram"].messages)


def assert_all_stored(world: World) -> None:
    """Asserts that every photo has its picture and was charged once."""
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert world.provider.charged_micro_usd == len(world.list_jobs()) * PRICE
    assert not world.dead_letter_queue.messages
    assert_at_rest(world)


# -- a pause -----------------------------------------------------------------------------------------------------


def test_wrong_key_causes_one_call_and_one_report() -> None:
    world = world_with_photos()
    world.provider.default_behavior = WRONG_KEY
    world.run_until_empty()
    assert (list_pause_reasons(world), len(world.provider.received_job_ids), world.provider.charged_micro_usd) == (
        ["key"],
        1,
        0,
    )
    assert world.read_budget()["committed"] == 0
    report = read_provider_report(world)
    assert report
    assert [(one["code"], one["status"], one["retryable"]) for one in report["errors"]] == [
        ("provider_key_refused", "paused", True)
    ]
    assert [list_report_codes(world, job.key) for job in world.list_jobs()] == [[]] * 4
    assert list_event_types(world) == ["Provider Paused"]


def test_one_job_probes_every_few_minutes() -> None:
    world = world_with_photos()
    world.provider.default_behavior = WRONG_KEY
    world.run_until_empty()
    pass_time(world, 3600)
    opened = [call.started_at for call in world.provider.paid_calls]
    gaps = [later - earlier for earlier, later in pairwise(opened)]
    assert 4 <= len(gaps) <= 6
    assert max(gaps) <= MAX_HALF_OPEN_DELAY + timedelta(minutes=6)
    assert count_receives(world) <= len(opened) * 4
    assert list_event_types(world) == ["Provider Paused"]


def test_all_photos_continue_when_the_key_is_correct() -> None:
    world = world_with_photos()
    world.provider.default_behavior = WRONG_KEY
    pass_time(world, 3600)
    world.provider.default_behavior = CallBehavior()
    pass_time(world, 600)
    assert (list_pause_reasons(world), read_provider_report(world)) == ([], None)
    assert list_event_types(world)[:2] == ["Provider Paused", "Provider Resumed"]
    assert_all_stored(world)


def test_missing_key_is_detected_without_a_call() -> None:
    world = world_with_photos()
    world.provider.preparation_error = NO_KEY
    pass_time(world, 3600)
    assert (list_provider_codes(world), world.provider.received_job_ids, world.read_budget()) == (
        ["provider_key_missing"],
        [],
        {},
    )
    assert {(job.status, job.attempt_no) for job in world.list_jobs()} == {(JobStatus.ACCEPTED, 0)}
    world.provider.preparation_error = None
    pass_time(world, 600)
    assert_all_stored(world)


def test_report_states_the_current_problem() -> None:
    """A person added the missing key, but it is wrong."""
    world = world_with_photo()
    world.provider.preparation_error = NO_KEY
    world.run_until_empty()
    world.provider.preparation_error, world.provider.default_behavior = None, WRONG_KEY
    pass_time(world, 600)
    assert list_provider_codes(world) == ["provider_key_refused"]


# -- a person ----------------------------------------------------------------------------------------------------


def test_lane_paused_by_a_person_stays_paused() -> None:
    world = world_with_photos()
    world.pause_lane()
    pass_time(world, DAY, every=1800)
    assert (list_provider_codes(world), world.provider.received_job_ids, count_receives(world)) == (
        ["paused_by_person"],
        [],
        0,
    )
    world.resume_lane()
    world.run_until_empty()
    assert read_provider_report(world) is None
    assert_all_stored(world)


def test_mapping_enabled_from_outside_buys_nothing() -> None:
    """The cause is a deployment, or a person in the console."""
    world = world_with_photos()
    world.pause_lane()
    world.lambda_service.set_enabled(world.mappings["ideogram"], enabled=True)
    world.run_for(120)
    assert {wait.code for wait in world.returned_messages} == {Code.LANE_SHUT}
    run_reconcile(world)
    assert (world.mappings["ideogram"].is_enabled, world.provider.received_job_ids) == (False, [])


def test_mapping_disabled_from_outside_is_enabled_again() -> None:
    world = world_with_photos()
    world.lambda_service.set_enabled(world.mappings["ideogram"], enabled=False)
    pass_time(world, 300)
    assert_all_stored(world)


@pytest.mark.parametrize("nth", range(1, 6))
@pytest.mark.parametrize("pausing", [True, False], ids=["pause", "resume"])
def test_reconcile_completes_an_interrupted_pause_or_resume(nth: int, pausing: bool) -> None:
    """Even after a crash, mapping, report, and events agree with the ledger within five minutes."""
    world = world_with_photos()
    if not pausing:
        world.pause_lane()
        world.run_until_empty()
    world.transport.faults_after.append(fault := TargetedFault(crash_worker, nth=nth))
    with suppress(SimulatedCrash):
        (world.pause_lane if pausing else world.resume_lane)()
    world.transport.clear_faults()
    pass_time(world, 300)
    paused = read_lane_health(world).is_paused
    assert world.mappings["ideogram"].is_enabled is not paused
    assert list_provider_codes(world) == (["paused_by_person"] if paused else [])
    assert [kind for kind in list_event_types(world) if kind.startswith("Provider")] == list_expected_events(
        pausing, paused=paused
    )
    assert fault.match_count


def list_expected_events(pausing: bool, *, paused: bool) -> list[str]:
    """Returns the events that must have been published by then."""
    if pausing:
        return ["Provider Paused"] if paused else []
    return ["Provider Paused"] if paused else ["Provider Paused", "Provider Resumed"]


# -- a failing provider ------------------------------------------------------------------------------------------


def test_three_bad_results_open_the_circuit_and_probes_slow_down() -> None:
    """A job waits for its turn in the slot, which would otherwise be idle, and is then returned to the queue."""
    world = world_with_photos(FAILURE_THRESHOLD + 1)
    world.provider.default_behavior = BUSY
    for _ in range(FAILURE_THRESHOLD):
        world.deliver_next("ideogram")
    assert read_lane_health(world).opened_since
    for _ in range(6):
        world.clock.advance_to(world.sqs.find_next_visible_at([world.queues["ideogram"]]) or world.clock.time)
        world.deliver_next("ideogram")
    opened = [call.started_at for call in world.provider.paid_calls][FAILURE_THRESHOLD - 1 :]
    gaps = [later - earlier for earlier, later in pairwise(opened)]
    assert len(gaps) > 3
    least = [min(FIRST_PROBE_DELAY * 2 ** max(n - MAX_QUICK_PROBES, 0), MAX_FREE_PROBE_DELAY) for n in range(len(gaps))]
    assert all(gap >= shortest for gap, shortest in zip(gaps, least, strict=True))
    assert (world.mappings["ideogram"].is_enabled, read_provider_report(world)) == (True, None)
    assert {wait.code for wait in world.returned_messages} <= {Code.PROVIDER_UNAVAILABLE, Code.LANE_SHUT}


def test_one_good_result_closes_an_open_circuit() -> None:
    world = world_with_photos(8)
    world.provider.script.extend([BUSY] * 5)
    world.run_until_empty()
    assert (read_lane_health(world).opened_since, read_lane_health(world).failure_streak) == (None, 0)
    assert_all_stored(world)


def test_failing_provider_pauses_after_ten_minutes_and_is_probed() -> None:
    world = world_with_photos()
    world.provider.default_behavior = BUSY
    pass_time(world, 900)
    assert (list_pause_reasons(world), list_provider_codes(world)) == (["unhealthy"], ["provider_unavailable"])
    before = len(world.provider.received_job_ids)
    pass_time(world, 3600)
    assert 3 <= len(world.provider.received_job_ids) - before <= 15
    world.provider.default_behavior = CallBehavior()
    pass_time(world, 1500)
    assert_all_stored(world)
