"""A job whose paid picture crashes its workers ends after five crashes. Its file and its cost are recorded."""

from collections.abc import Callable

import pytest

from backdrop.deliver import paid_files
from backdrop.imaging.verify import VerifiedPicture, verify_result
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.job import JobStatus, MoneyStatus
from backdrop.pipeline.enqueue import enqueue_delivery
from simulation.world.transport import ServiceCall, SimulatedCrash, TargetedFault, raise_throttle
from tests.simulated.simulated_days import deliver_meanwhile, list_report_codes, pass_time
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, find_only_job, world_with_photo

MAX_CRASHES = 5
type Deadly = Callable[[int], None]


@pytest.fixture
def crashing_picture(monkeypatch: pytest.MonkeyPatch) -> Deadly:
    """Makes workers crash when they open a picture, this many times."""

    def crash_workers(crash_count: int) -> None:
        left = [None] * crash_count

        def open_or_crash(data: bytes, *, expect_alpha: bool, max_megapixels: int) -> VerifiedPicture:
            if left:
                left.pop()
                raise SimulatedCrash("the decoder")
            return verify_result(data, expect_alpha=expect_alpha, max_megapixels=max_megapixels)

        monkeypatch.setattr(paid_files, "verify_result", open_or_crash)

    return crash_workers


def test_picture_that_crashes_five_workers_ends_dead_and_spent(crashing_picture: Deadly) -> None:
    world = world_with_photo()
    crashing_picture(1000)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.money, world.crash_count) == (JobStatus.DEAD, MoneyStatus.SPENT, MAX_CRASHES + 1)
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [("crashed", "spent")]
    (letter,) = world.dead_letter_queue.messages
    assert (letter.attributes["code"], letter.attributes["money"]) == ("crashed", "spent")
    assert_at_rest(world)


@pytest.mark.parametrize("times", [1, 3, MAX_CRASHES])
def test_fewer_than_five_crashes_do_not_end_the_job(times: int, crashing_picture: Deadly) -> None:
    world = world_with_photo()
    crashing_picture(times)
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd, world.crash_count) == (
        JobStatus.STORED,
        PRICE,
        times,
    )
    assert_at_rest(world)


def test_dead_picture_is_delivered_free_after_a_redrive(crashing_picture: Deadly) -> None:
    world = world_with_photo()
    crashing_picture(MAX_CRASHES + 1)
    world.run_until_empty()
    job = world.ledger.write_transition(transitions.retry_delivery(find_only_job(world), world.clock.now()))
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
    world.run_until_empty()
    assert (find_only_job(world).status, world.provider.charged_micro_usd, list_report_codes(world, KEY)) == (
        JobStatus.STORED,
        PRICE,
        [],
    )
    assert_at_rest(world)


# -- not counted as a crash ---------------------------------------------------------------------------------------


def test_link_that_fails_for_an_hour_counts_as_no_crash() -> None:
    world = world_with_photo()
    world.downloads.override = RetryLaterError(Code.RESULT_UNREACHABLE, "the link answers 503", 5)
    world.run_for(3000)
    assert (find_only_job(world).status, find_only_job(world).crash_count) == (JobStatus.PAID, 0)
    world.downloads.override = None
    world.run_until_empty()
    assert_at_rest(world)


@pytest.mark.parametrize("operation", ["query", "transact_write_items", "put_object", "put_events"])
def test_service_that_fails_for_an_hour_counts_as_no_crash(operation: str) -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "ideogram")
    world.transport.faults_before.append(fault := TargetedFault(raise_throttle, operation, times=100_000))
    world.run_for(3600)
    assert fault.hit_count
    world.transport.clear_faults()
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).crash_count, list_report_codes(world, KEY)) == (
        JobStatus.STORED,
        0,
        [],
    )
    assert_at_rest(world)


def test_two_concurrent_messages_of_one_job_count_as_no_crash() -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "ideogram")
    job = find_only_job(world)
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
    world.downloads.override = RetryLaterError(Code.RESULT_UNREACHABLE, "the link answers 503", 5)
    world.transport.faults_before.append(TargetedFault(deliver_meanwhile(world, "deliver"), "fetch", times=1000))
    pass_time(world, 3000)
    world.transport.clear_faults()
    world.downloads.override = None
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_second_message_leaves_a_job_that_another_worker_processes() -> None:
    """Otherwise, each of the two would write the job before the other has finished, and neither ever would."""
    world = world_with_photo()
    world.run_until_empty("intake", "ideogram")
    world.downloads.override = RetryLaterError(Code.RESULT_UNREACHABLE, "the link answers 503", 5)
    world.deliver_next("deliver")
    world.downloads.override = None
    world.clock.sleep(60)

    def deliver_second_message(_: ServiceCall) -> None:
        job = find_only_job(world)
        enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
        world.deliver_next("deliver")

    world.transport.faults_before.append(fetches := TargetedFault(deliver_second_message, "fetch"))
    world.deliver_next("deliver")
    assert find_only_job(world).status is JobStatus.STORED
    assert fetches.match_count == 1
    world.run_until_empty()
    assert_at_rest(world)


def test_preempted_worker_does_not_reset_the_crash_count(crashing_picture: Deadly) -> None:
    """Otherwise, a picture with two messages would crash workers forever (seed 4964)."""
    world = world_with_photo()
    crashing_picture(1000)
    world.run_until_empty("intake", "ideogram")
    job = find_only_job(world)
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
    world.transport.faults_before.append(
        TargetedFault(deliver_meanwhile(world, "deliver"), "transact_write_items", times=1000)
    )
    for _ in range(2 * MAX_CRASHES):
        world.deliver_next("deliver")
        world.deliver_next("deliver")
        world.clock.sleep(900)
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.DEAD, ["crashed"])
    assert world.crash_count == MAX_CRASHES + 2


def test_completed_delivery_leaves_no_crash_mark(crashing_picture: Deadly) -> None:
    world = world_with_photo()
    crashing_picture(2)
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).processing_until) == (JobStatus.STORED, None)
