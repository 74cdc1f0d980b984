"""Cancel: jobs that are not submitted yet end without a charge. The others are counted with their possible cost."""

from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus
from backdrop.model.object_keys import DEFAULTS_NAME
from backdrop.model.provider_result import RetryClass
from backdrop.operate.cancel import CancelSummary
from backdrop.operate.redrive import FailureFilter
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import ServiceCall, SimulatedCrash, TargetedFault, crash_worker
from tests.simulated.simulated_days import (
    cancel_jobs,
    deliver_meanwhile,
    list_report_codes,
    pass_time,
    read_lane_health,
)
from tests.simulated.stage_worlds import (
    KEY,
    PRICE,
    assert_at_rest,
    find_only_job,
    replay_with_crashes,
    world_with_photo,
)
from tests.simulated.uploads_and_requests import upload_defaults

S = JobStatus


def world_with_waiting_jobs() -> World:
    """Returns a world with four photos in their lane."""
    world = World()
    for key in ("hats/1.jpg", "hats/2.jpg", "shoes/1.jpg", "shoes/2.jpg"):
        world.upload_photo(key, build_photo(key), operation="remove")
    world.run_until_empty("intake")
    return world


def test_only_jobs_under_the_prefix_are_canceled() -> None:
    world = world_with_waiting_jobs()
    keys, done = cancel_jobs(world, "hats/")
    assert (sorted(keys), done) == (["hats/1.jpg", "hats/2.jpg"], CancelSummary(cancelled_jobs=2))
    world.run_until_empty()
    assert [job.status for job in world.list_jobs()] == [S.CANCELLED, S.CANCELLED, S.STORED, S.STORED]
    assert world.provider.charged_micro_usd == 2 * PRICE
    for key in keys:
        receipt = world.read_receipt(key)
        assert receipt
        assert [one["status"] for one in receipt["jobs"]] == ["cancelled"]
        assert list_report_codes(world, key) == []
    assert_at_rest(world)


def test_job_that_render_cancels_is_reported_even_if_its_lane_closes() -> None:
    """Its message returns to the lane, which may stay closed for days."""
    world = world_with_photo()
    world.run_until_empty("intake")
    world.steps.cancel().add_mark("")
    world.deliver_next("ideogram")
    world.run_until_empty("deliver")
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [one["status"] for one in receipt["jobs"]] == ["cancelled"]


def test_empty_prefix_cancels_all_photos() -> None:
    world = world_with_waiting_jobs()
    assert len(cancel_jobs(world)[0]) == 4
    world.run_until_empty()
    assert (world.provider.received_job_ids, {job.status for job in world.list_jobs()}) == ([], {S.CANCELLED})


def test_job_in_a_paused_lane_is_canceled_at_once() -> None:
    world = world_with_waiting_jobs()
    world.pause_lane()
    cancel_jobs(world)
    world.run_until_empty("deliver")
    assert {job.status for job in world.list_jobs()} == {S.CANCELLED}


def test_job_in_a_paused_lane_is_canceled_although_the_command_and_reconcile_crashed() -> None:
    def crash_command() -> World:
        world = world_with_photo()
        world.run_until_empty("intake")
        world.pause_lane()
        world.steps.cancel().add_mark("")
        return world

    crash_count = 0
    for call, world in replay_with_crashes(crash_command, lambda world: pass_time(world, 300)):
        crash_count += 1
        pass_time(world, 1200)
        receipt = world.read_receipt(KEY)
        assert receipt
        assert [one["status"] for one in receipt["jobs"]] == ["cancelled"], call
    assert crash_count > 8


def submit_job(world: World) -> None:
    """Puts the job's call in flight."""
    world.provider.script.append(CallBehavior(kills_worker=True))
    world.deliver_next("ideogram")


def lose_answer(world: World) -> None:
    """Loses the answer to the job's call, so that the job waits."""
    world.provider.script.append(build_charged_hang_up())
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    world.deliver_next("ideogram")


def pay_job(world: World) -> None:
    world.deliver_next("ideogram")


@pytest.mark.parametrize(("state", "end"), [(submit_job, S.HELD), (lose_answer, S.HELD), (pay_job, S.STORED)])
def test_submitted_job_continues_once_and_is_counted_with_its_cost(
    state: Callable[[World], None], end: JobStatus
) -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    state(world)
    keys, done = cancel_jobs(world)
    assert (keys, done) == ([], CancelSummary(uncancellable_jobs=1, uncancellable_cost=PRICE))
    pass_time(world, 3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (end, 1)
    assert_at_rest(world)


def test_submitted_job_without_a_charge_ends_canceled() -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.provider.script.append(build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED))
    meanwhile: list[CancelSummary] = []
    world.transport.faults_after.append(
        TargetedFault(lambda _: meanwhile.append(cancel_jobs(world)[1]), "transact_write_items", nth=1)
    )
    world.run_until_empty()
    assert meanwhile == [CancelSummary(uncancellable_jobs=1, uncancellable_cost=PRICE)]
    assert (find_only_job(world).status, world.provider.charged_micro_usd, list_report_codes(world, KEY)) == (
        S.CANCELLED,
        0,
        [],
    )
    assert_at_rest(world)


def test_job_canceled_during_its_second_call_makes_no_third_call() -> None:
    """The second call is not charged, which proves nothing about the first call, whose answer was lost."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.provider.script += [build_charged_hang_up(), build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED)]

    def cancel_meanwhile(_: ServiceCall) -> None:
        cancel_jobs(world)

    world.transport.faults_before.append(TargetedFault(cancel_meanwhile, "call", nth=2))
    pass_time(world, 3600)
    assert (find_only_job(world).status, len(world.provider.received_job_ids), world.provider.charged_micro_usd) == (
        S.HELD,
        2,
        PRICE,
    )
    assert_at_rest(world)


@pytest.mark.parametrize("state", [submit_job, lose_answer])
def test_canceled_job_with_lost_answer_can_be_paid_again(state: Callable[[World], None]) -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    state(world)
    cancel_jobs(world)
    pass_time(world, 3600)
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    assert orders.redrive(orders.plan(failure, pay_again=True))
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.provider.received_job_ids)) == (S.STORED, 2)


@pytest.mark.parametrize("settled", [False, True])
def test_canceled_photo_no_longer_waits_for_instructions(settled: bool) -> None:
    world = World(settle_seconds=600)
    world.upload_photo(KEY, build_photo())
    world.deliver_next("intake")
    if settled:
        world.run_for(700)
    keys, done = cancel_jobs(world)
    assert (keys, done) == (([], CancelSummary()) if settled else ([KEY], CancelSummary(cancelled_photos=1)))
    world.run_until_empty()
    assert (world.list_jobs(), list_report_codes(world, KEY)) == ([], ["no_instructions"])
    world.run_for(1)
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (S.STORED, [])


def test_canceled_photo_that_is_uploaded_again_is_bought() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    cancel_jobs(world)
    world.run_for(1)
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)
    assert_at_rest(world)


def test_canceled_photo_with_new_tags_is_bought_once_broken_defaults_are_deleted() -> None:
    """Only the event of the new tags has their time, and the photo has to wait until the defaults are corrected."""
    world = world_with_photo()
    world.run_until_empty("intake")
    cancel_jobs(world)
    pass_time(world, 60)
    upload_defaults(world, "", {"promt": "a beach"})
    world.s3.set_tags(INPUT_BUCKET, KEY, {"operation": "remove", "title": "Shoe"})
    pass_time(world, 60)
    assert world.provider.charged_micro_usd == 0
    world.s3.delete(INPUT_BUCKET, DEFAULTS_NAME)
    pass_time(world, 60)
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)
    assert_at_rest(world)


def test_sweep_does_not_reopen_a_canceled_photo() -> None:
    world = world_with_photo()
    world.run_until_empty("intake")
    cancel_jobs(world)
    pass_time(world, 7200)
    assert (find_only_job(world).status, world.provider.received_job_ids) == (S.CANCELLED, [])


def test_job_that_waited_for_a_canceled_one_buys_the_picture() -> None:
    world = World()
    for key in ("hats/1.jpg", "shoes/1.jpg"):
        world.upload_photo(key, build_photo(), operation="remove")
        world.run_until_empty("intake")
    cancel_jobs(world, "hats/")
    world.run_until_empty()
    assert [job.status for job in world.list_jobs()] == [S.CANCELLED, S.STORED]
    assert world.provider.charged_micro_usd == PRICE


def test_job_submitted_at_the_same_moment_continues() -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.transport.faults_before.append(
        fault := TargetedFault(deliver_meanwhile(world, "ideogram"), "transact_write_items")
    )
    keys, done = cancel_jobs(world)
    assert (fault.hit_count, keys, done) == (1, [], CancelSummary(uncancellable_jobs=1, uncancellable_cost=PRICE))
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd) == (S.STORED, PRICE)


def test_unreported_failure_does_not_count_as_running() -> None:
    world = world_with_photo()
    world.provider.script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    world.run_until_empty("intake", "ideogram")
    assert find_only_job(world).status is S.DEAD
    assert cancel_jobs(world) == ([], CancelSummary())


def test_canceling_twice_has_the_same_effect_as_once() -> None:
    world = world_with_waiting_jobs()
    cancel_jobs(world)
    world.run_until_empty()
    assert cancel_jobs(world) == ([], CancelSummary())


def test_cancel_that_crashes_has_canceled_everything_or_nothing() -> None:
    """After the first write, the lane cancels the jobs that the command did not."""
    for nth in count(1):
        world = world_with_waiting_jobs()
        world.transport.faults_after.append(fault := TargetedFault(crash_worker, nth=nth))
        with suppress(SimulatedCrash):
            cancel_jobs(world)
        world.transport.clear_faults()
        is_marked = bool(read_lane_health(world).cancel_marks)
        pass_time(world, 1200)
        assert {job.status for job in world.list_jobs()} == {S.CANCELLED if is_marked else S.STORED}, nth
        assert world.provider.charged_micro_usd == (0 if is_marked else 4 * PRICE), nth
        assert_at_rest(world)
        if not fault.hit_count:
            return
