"""Cancel: what is not submitted yet ends without a charge, and the rest is counted with its possible cost."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop.operate.cancel import CancelSummary
from backdrop.operate.redrive import FailureFilter
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, SimulatedCrash, TargetedFault, crash_worker
from tests.simulated.days import cancelled, codes, others_take, pass_time, the_lane
from tests.simulated.simulation import KEY, PRICE, assert_at_rest, dropped, the_job

S = JobStatus


def many() -> World:
    """Returns a world with four photos in their lane."""
    world = World()
    for key in ("hats/1.jpg", "hats/2.jpg", "shoes/1.jpg", "shoes/2.jpg"):
        world.upload_photo(key, build_photo(key), operation="remove")
    world.run_until_empty("intake")
    return world


def test_only_jobs_below_the_prefix_are_canceled() -> None:
    world = many()
    keys, done = cancelled(world, "hats/")
    assert (sorted(keys), done) == (["hats/1.jpg", "hats/2.jpg"], CancelSummary(cancelled_jobs=2))
    world.run_until_empty()
    assert [job.status for job in world.list_jobs()] == [S.CANCELLED, S.CANCELLED, S.STORED, S.STORED]
    assert world.provider.charged_micro_usd == 2 * PRICE
    for key in keys:
        receipt = world.read_receipt(key)
        assert receipt
        assert [one["status"] for one in receipt["jobs"]] == ["cancelled"]
        assert codes(world, key) == []
    assert_at_rest(world)


def test_empty_prefix_cancels_all_photos() -> None:
    world = many()
    assert len(cancelled(world)[0]) == 4
    world.run_until_empty()
    assert (world.provider.received_job_ids, {job.status for job in world.list_jobs()}) == ([], {S.CANCELLED})


def test_job_in_a_paused_lane_is_canceled_at_once() -> None:
    world = many()
    world.pause_lane()
    cancelled(world)
    world.run_until_empty("deliver")
    assert {job.status for job in world.list_jobs()} == {S.CANCELLED}


def under_way(world: World) -> None:
    """Puts the job's call in flight."""
    world.provider.script.append(CallBehavior(kills_worker=True))
    world.deliver_next("ideogram")


def lost(world: World) -> None:
    """Loses the job's answer, so that the job waits."""
    world.provider.script.append(build_charged_hang_up())
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    world.deliver_next("ideogram")


def paid(world: World) -> None:
    world.deliver_next("ideogram")


@pytest.mark.parametrize(("state", "end"), [(under_way, S.HELD), (lost, S.HELD), (paid, S.STORED)])
def test_submitted_job_continues_once_and_is_counted_with_its_cost(
    state: Callable[[World], None], end: JobStatus
) -> None:
    world = dropped()
    world.run_until_empty("intake", "deliver")
    state(world)
    keys, done = cancelled(world)
    assert (keys, done) == ([], CancelSummary(uncancellable_jobs=1, uncancellable_cost=PRICE))
    pass_time(world, 3600)
    assert (the_job(world).status, len(world.provider.received_job_ids)) == (end, 1)
    assert_at_rest(world)


def test_submitted_job_that_is_not_charged_ends_cancelled() -> None:
    world = dropped()
    world.run_until_empty("intake", "deliver")
    world.provider.script.append(build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED))
    meanwhile: list[CancelSummary] = []
    world.transport.faults_after.append(
        TargetedFault(lambda _: meanwhile.append(cancelled(world)[1]), "transact_write_items", nth=1)
    )
    world.run_until_empty()
    assert meanwhile == [CancelSummary(uncancellable_jobs=1, uncancellable_cost=PRICE)]
    assert (the_job(world).status, world.provider.charged_micro_usd, codes(world, KEY)) == (S.CANCELLED, 0, [])
    assert_at_rest(world)


def test_job_canceled_during_its_second_call_gets_no_third() -> None:
    """The second call is not charged, which shows nothing about the first one, whose answer was lost."""
    world = dropped()
    world.run_until_empty("intake", "deliver")
    world.provider.script += [build_charged_hang_up(), build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED)]

    def somebody_cancels(_: ServiceCall) -> None:
        cancelled(world)

    world.transport.faults_before.append(TargetedFault(somebody_cancels, "call", nth=2))
    pass_time(world, 3600)
    assert (the_job(world).status, len(world.provider.received_job_ids), world.provider.charged_micro_usd) == (
        S.HELD,
        2,
        PRICE,
    )
    assert_at_rest(world)


@pytest.mark.parametrize("state", [under_way, lost])
def test_canceled_job_with_lost_answer_can_be_paid_again(state: Callable[[World], None]) -> None:
    world = dropped()
    world.run_until_empty("intake", "deliver")
    state(world)
    cancelled(world)
    pass_time(world, 3600)
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    assert orders.redrive(orders.plan(failure, pay_again=True))
    world.run_until_empty()
    assert (the_job(world).status, len(world.provider.received_job_ids)) == (S.STORED, 2)


@pytest.mark.parametrize("settled", [False, True])
def test_canceled_photo_no_longer_waits_for_instructions(settled: bool) -> None:
    world = World(settle_seconds=600)
    world.upload_photo(KEY, build_photo())
    world.deliver_next("intake")
    if settled:
        world.run_for(700)
    keys, done = cancelled(world)
    assert (keys, done) == (([], CancelSummary()) if settled else ([KEY], CancelSummary(cancelled_photos=1)))
    world.run_until_empty()
    assert (world.list_jobs(), codes(world, KEY)) == ([], ["no_instructions"])
    world.run_for(1)
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty()
    assert (the_job(world).status, codes(world, KEY)) == (S.STORED, [])


def test_canceled_photo_that_is_uploaded_again_is_bought() -> None:
    world = dropped()
    world.run_until_empty("intake")
    cancelled(world)
    world.run_for(1)
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (the_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)
    assert_at_rest(world)


def test_sweep_does_not_revive_a_canceled_photo() -> None:
    world = dropped()
    world.run_until_empty("intake")
    cancelled(world)
    pass_time(world, 7200)
    assert (the_job(world).status, world.provider.received_job_ids) == (S.CANCELLED, [])


def test_job_that_waited_for_a_canceled_one_buys_itself() -> None:
    world = World()
    for key in ("hats/1.jpg", "shoes/1.jpg"):
        world.upload_photo(key, build_photo(), operation="remove")
        world.run_until_empty("intake")
    cancelled(world, "hats/")
    world.run_until_empty()
    assert [job.status for job in world.list_jobs()] == [S.CANCELLED, S.STORED]
    assert world.provider.charged_micro_usd == PRICE


def test_job_submitted_at_the_same_moment_continues() -> None:
    world = dropped()
    world.run_until_empty("intake", "deliver")
    world.transport.faults_before.append(
        strike := TargetedFault(others_take(world, "ideogram"), "transact_write_items")
    )
    keys, done = cancelled(world)
    assert (strike.hit_count, keys, done) == (1, [], CancelSummary(uncancellable_jobs=1, uncancellable_cost=PRICE))
    world.run_until_empty()
    assert (the_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)


def test_unreported_failure_does_not_count_as_running() -> None:
    world = dropped()
    world.provider.script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    world.run_until_empty("intake", "ideogram")
    assert the_job(world).status is S.DEAD
    assert cancelled(world) == ([], CancelSummary())


def test_canceling_twice_has_the_effect_of_once() -> None:
    world = many()
    cancelled(world)
    world.run_until_empty()
    assert cancelled(world) == ([], CancelSummary())


def test_cancel_that_crashes_has_canceled_everything_or_nothing() -> None:
    """From the first write on, the lane cancels what the command did not."""
    for nth in count(1):
        world = many()
        world.transport.faults_after.append(strike := TargetedFault(crash_worker, nth=nth))
        with suppress(SimulatedCrash):
            cancelled(world)
        world.transport.clear_faults()
        is_told = bool(the_lane(world).cancel_marks)
        pass_time(world, 3600)
        assert {job.status for job in world.list_jobs()} == {S.CANCELLED if is_told else S.STORED}, nth
        assert world.provider.charged_micro_usd == (0 if is_told else 4 * PRICE), nth
        assert_at_rest(world)
        if not strike.hit_count:
            return
