"""Probes: one job in one slot tests the lane. Whatever happens to that job, the next one may probe."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model.circuit import FAILURE_THRESHOLD, Gate, check_gate
from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.transitions import Transition
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import list_pause_reasons, pass_time, read_lane_health
from tests.simulated.stage_worlds import LOST, OK, PRICE, THROTTLED, assert_at_rest

BUSY = build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)
NO_KEY = ProviderResult(RetryClass.PAUSE, Code.PROVIDER_KEY_MISSING, "There is no API key.")
LEASE_SECONDS = 360


def world_with_open_circuit() -> World:
    """Returns a world in which three photos have just opened the circuit. The next job is the probe."""
    world = World()
    for n in range(6):
        world.upload_photo(f"shoes/{n}.jpg", build_photo(f"{n}"), operation="remove")
    world.run_until_empty("intake")
    world.provider.script.extend([BUSY] * FAILURE_THRESHOLD)
    for _ in range(FAILURE_THRESHOLD):
        world.deliver_next("ideogram")
    moment = read_lane_health(world).next_probe_at
    assert moment
    world.clock.advance_to(moment)
    assert is_next_job_a_probe(world)
    return world


def is_next_job_a_probe(world: World) -> bool:
    return check_gate(read_lane_health(world), world.clock.now())[0] is Gate.PROBE


def test_no_other_job_is_sent_while_a_probe_is_in_flight() -> None:
    world = world_with_open_circuit()
    out: list[int] = []

    def deliver_others() -> None:
        while world.deliver_next("ideogram"):
            out.append(world.provider.count_in_flight())

    world.provider.script.append(CallBehavior(run_during_call=deliver_others))
    world.deliver_next("ideogram")
    assert set(out) == {1}
    assert len(out) > 1
    assert read_lane_health(world).opened_since is None


def test_throttled_probe_lets_the_next_job_probe() -> None:
    world = world_with_open_circuit()
    world.provider.script.append(build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=100))
    world.deliver_next("ideogram")
    assert len(world.provider.received_job_ids) == FAILURE_THRESHOLD + 1
    assert is_next_job_a_probe(world)


@pytest.mark.parametrize("late", [LOST, THROTTLED], ids=["lost", "throttled"])
def test_late_result_of_an_old_probe_does_not_affect_the_new_one(late: ProviderResult) -> None:
    """While a probe was stuck, a good result closed the circuit, and then it opened again."""
    world = world_with_open_circuit()
    breaker, name, longest = world.steps.breaker, world.provider.name, timedelta(minutes=3)
    earlier, _ = breaker.admit(name, longest, world.clock.now())
    breaker.observe_result(earlier, OK, probe=False)
    assert read_lane_health(world).opened_since is None
    for _ in range(FAILURE_THRESHOLD):
        breaker.observe_result(read_lane_health(world), LOST, probe=False)
    world.clock.sleep(LEASE_SECONDS)
    probe_lane, is_probe = breaker.admit(name, longest, world.clock.now())
    assert is_probe
    breaker.observe_result(earlier, late, probe=True)
    assert read_lane_health(world).probe_until == probe_lane.probe_until
    breaker.observe_result(probe_lane, OK, probe=True)
    assert (read_lane_health(world).opened_since, read_lane_health(world).probe_until) == (None, None)


def test_probe_that_cannot_start_lets_the_next_job_probe() -> None:
    """The worker has too little time left for a call."""
    world = world_with_open_circuit()
    world.provider.timeout_seconds = 300
    world.deliver_next("ideogram")
    assert [wait.code for wait in world.returned_messages][-1] is Code.TOO_LITTLE_TIME
    assert is_next_job_a_probe(world)


def test_probe_without_a_photo_lets_the_next_job_probe() -> None:
    """The job returns to intake without a call, so the probe shows nothing."""
    world = world_with_open_circuit()
    for n in range(6):
        world.delete_file(f"shoes/{n}.jpg")
    world.deliver_next("ideogram")
    assert len(world.provider.received_job_ids) == FAILURE_THRESHOLD
    assert is_next_job_a_probe(world)


def test_probe_that_crashed_five_workers_lets_the_next_job_probe() -> None:
    world = world_with_open_circuit()
    for job in world.list_jobs():
        world.ledger.write_transition(Transition(replace(job, processing_until=world.clock.now(), crash_count=4)))
    for message in world.queues["ideogram"].messages:
        message.receive_count = 1
    world.deliver_next("ideogram")
    assert [job.status for job in world.list_jobs()].count(JobStatus.DEAD) == 1
    assert len(world.provider.received_job_ids) == FAILURE_THRESHOLD
    assert is_next_job_a_probe(world)


def test_crashed_probe_blocks_the_lane_no_longer_than_its_lease() -> None:
    world = world_with_open_circuit()
    world.provider.script.append(CallBehavior(accepts_work=False, kills_worker=True))
    world.deliver_next("ideogram")
    assert not is_next_job_a_probe(world)
    world.clock.advance_to(world.clock.now() + timedelta(seconds=LEASE_SECONDS))
    assert is_next_job_a_probe(world)


@pytest.mark.parametrize("why", ["key", "budget"])
def test_probe_that_finds_another_reason_pauses_the_lane(why: str) -> None:
    """A reason that a probe finds before its call counts as much as one in its result."""
    world = world_with_open_circuit()
    if why == "key":
        world.provider.preparation_error = NO_KEY
    else:
        world.steps.ledger_queries.set_day_cap(world.clock.now().date().isoformat(), PRICE - 1)
    world.deliver_next("ideogram")
    assert (list_pause_reasons(world), len(world.provider.received_job_ids)) == ([why], FAILURE_THRESHOLD)


def test_all_photos_complete_whatever_happens_to_the_probes() -> None:
    world = world_with_open_circuit()
    throttled = build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=100)
    world.provider.script.extend([throttled, BUSY, CallBehavior(accepts_work=False, kills_worker=True), throttled])
    pass_time(world, 3600)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert_at_rest(world)
