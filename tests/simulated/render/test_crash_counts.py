"""A photo that crashes its workers before the call ends after five crashes. A photo that only waits does not end."""

from datetime import datetime, timedelta

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import JobStatus, MoneyStatus
from backdrop.model.provider_result import RetryClass
from backdrop.pipeline.crash_guard import begin_job_processing, end_job_processing
from backdrop.pipeline.enqueue import enqueue_job
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, crash_worker, raise_throttle
from tests.simulated.simulated_days import deliver_meanwhile, list_event_types, list_report_codes, pass_time
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo

BUSY = build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=60)
MAX_CRASHES = 5


def world_with_crashing_photo(times: int = 1000) -> World:
    """Returns a world with a photo whose bytes crash the worker that reads them for its call."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.transport.faults_after.append(TargetedFault(crash_worker, "get_object", times=times))
    return world


def test_photo_that_crashes_five_workers_ends_dead_and_is_reported() -> None:
    world = world_with_crashing_photo()
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.money, world.provider.received_job_ids) == (JobStatus.DEAD, MoneyStatus.NOT_SPENT, [])
    assert job.crash_count == MAX_CRASHES
    assert world.crash_count == MAX_CRASHES + 1
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [("crashed", "not_spent")]
    (letter,) = world.dead_letter_queue.messages
    assert letter.attributes["code"] == "crashed"
    assert list_event_types(world) == ["Image Failed"]
    assert_at_rest(world)


def test_photo_that_crashes_workers_after_a_lost_call_is_held() -> None:
    """The second call of `retry_once` opens the photo as well (seed 941377)."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    world.provider.script.append(CallBehavior(kills_worker=True))
    world.deliver_next("ideogram")
    world.transport.faults_after.append(TargetedFault(crash_worker, "get_object", times=1000))
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.money, len(world.provider.received_job_ids)) == (JobStatus.HELD, MoneyStatus.UNKNOWN, 1)
    assert list_report_codes(world, KEY) == ["charge_unknown"]
    assert world.crash_count == MAX_CRASHES
    assert_at_rest(world)


@pytest.mark.parametrize("times", [1, 3, MAX_CRASHES])
def test_fewer_than_five_crashes_do_not_end_the_job(times: int) -> None:
    world = world_with_crashing_photo(times)
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).crash_count, world.provider.charged_micro_usd) == (
        JobStatus.STORED,
        0,
        PRICE,
    )
    assert_at_rest(world)


def test_dead_photo_runs_when_it_is_uploaded_again() -> None:
    world = world_with_crashing_photo()
    world.run_until_empty()
    world.transport.clear_faults()
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).crash_count) == (JobStatus.STORED, 0)


# -- not counted as a crash ---------------------------------------------------------------------------------------


def test_message_returned_to_its_queue_counts_as_no_crash() -> None:
    world = world_with_photo()
    world.provider.script.extend([BUSY] * 20)
    world.run_until_empty()
    assert (find_only_job(world).status, len(world.returned_messages)) == (JobStatus.STORED, 20)
    assert_at_rest(world)


def test_briefly_unavailable_ledger_counts_as_no_crash() -> None:
    """The mark is written, but the claim is not, and at first the mark cannot be removed either."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    began: list[datetime] = []

    def fails(call: ServiceCall) -> None:
        if call.operation == "get_object":
            began.append(world.clock.time)
        if began and call.service == "dynamodb" and world.clock.time < began[-1] + timedelta(seconds=30):
            raise_throttle(call)

    world.transport.faults_before.append(fails)
    for _ in range(3 * MAX_CRASHES):
        world.deliver_next("ideogram")
        world.clock.sleep(700)
    world.transport.clear_faults()
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])
    assert_at_rest(world)


def test_two_concurrent_messages_of_one_job_count_as_no_crash() -> None:
    """Each worker finds the mark of the other, which is still running. Only its own mark would indicate a crash."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    enqueue_job(world.intake.photo_intake.dispatcher.lanes["ideogram"], find_only_job(world))
    for message in world.queues["ideogram"].messages:
        message.receive_count = 1
    world.provider.default_behavior = BUSY
    world.transport.faults_before.append(TargetedFault(deliver_meanwhile(world, "ideogram"), "get_object", times=1000))
    pass_time(world, 4 * 3600)
    world.provider.default_behavior = CallBehavior()
    pass_time(world, 3600)
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_preempted_worker_does_not_reset_the_crash_count() -> None:
    """Otherwise, a photo with two messages would crash workers forever (seed 4964)."""
    world = world_with_crashing_photo()
    enqueue_job(world.intake.photo_intake.dispatcher.lanes["ideogram"], find_only_job(world))
    for message in world.queues["ideogram"].messages:
        message.receive_count = 1
    world.transport.faults_before.append(
        TargetedFault(deliver_meanwhile(world, "ideogram"), "transact_write_items", times=1000)
    )
    for _ in range(2 * MAX_CRASHES):
        world.deliver_next("ideogram")
        world.deliver_next("ideogram")
        world.clock.sleep(900)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.DEAD, ["crashed"])
    assert world.crash_count == MAX_CRASHES


def test_success_resets_the_crash_count() -> None:
    """Three crashes in spring and two in autumn do not mean that the photo crashes its workers."""
    world = world_with_crashing_photo(3)
    world.provider.script.append(BUSY)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.crash_count) == (JobStatus.STORED, 0)


def test_worker_near_its_deadline_does_not_wait_for_the_ledger() -> None:
    """Lambda would end it during the wait, and the next delivery would count a crash."""
    world = world_with_photo()
    world.run_until_empty("intake")
    now = world.clock.now()
    until = now + timedelta(seconds=6)
    job = begin_job_processing(world.ledger, find_only_job(world), 2, now, until)
    world.transport.faults_before.append(fault := TargetedFault(raise_throttle, "get_item", times=1000))
    end_job_processing(world.ledger, job, world.clock, until)
    assert fault.hit_count > 1
    assert world.clock.now() < until
