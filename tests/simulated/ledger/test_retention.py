"""Retention: the ledger deletes what has ended and needs no operator, and deletion alone buys nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.aws.items import to_item
from backdrop.model import transitions
from backdrop.model.image_request import CallbackOutcome, ImageRequest
from backdrop.model.job import JobStatus, Source
from backdrop.model.retention import calculate_expiry
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, NOW, OK, build_dead_paid_job, claim, job_in, world_with_photo
from tests.simulated.uploads_and_requests import BEACH, REMOVE, count_paid_calls, list_intake_messages, send_rerun

DAYS = 30
EXPIRING = {
    JobStatus.STORED,
    JobStatus.REJECTED,
    JobStatus.REFUSED,
    JobStatus.DEAD,
    JobStatus.SUPERSEDED,
    JobStatus.CANCELLED,
}


def expire_items(world: World) -> None:
    """Deletes every item that may expire."""
    world.run_for(1)
    world.clock.time += timedelta(days=DAYS, seconds=1)
    world.table.expire_items()


@pytest.mark.parametrize("status", JobStatus)
def test_job_expires_the_retention_days_after_its_end(status: JobStatus) -> None:
    job = job_in(status)
    ended = (job.ended_at or NOW) + timedelta(days=DAYS)
    assert calculate_expiry(job, DAYS) == (ended if status in EXPIRING else None)
    assert ("expires_at" in to_item(job, DAYS)) == (status in EXPIRING)
    assert "expires_at" not in to_item(job)


def test_charges_that_need_an_operator_never_expire() -> None:
    submitting = claim(job_in(JobStatus.ACCEPTED)).job
    lost = replace(transitions.record_result(submitting, 1, OK, NOW).job, status=JobStatus.STORED, ended_at=NOW)
    doubtful = replace(lost, attempts=(replace(lost.attempts[0], unknown=1),))
    in_flight = replace(lost, attempts=(replace(lost.attempts[0], reserved=1),))
    paid_without_result = [build_dead_paid_job(), replace(build_dead_paid_job(), status=JobStatus.REFUSED)]
    assert [calculate_expiry(job, DAYS) for job in (doubtful, in_flight, *paid_without_result)] == [None] * 4
    assert calculate_expiry(lost, DAYS) is not None


def test_answered_request_expires_and_pending_one_does_not() -> None:
    waits = ImageRequest(source_id="s", request_id="i", bucket="photos", key=KEY, requested_at=NOW)
    answered = replace(waits, outcome=CallbackOutcome.SUCCESS, answered_at=NOW)
    assert (calculate_expiry(waits, DAYS), calculate_expiry(answered, DAYS)) == (None, NOW + timedelta(days=DAYS))


def test_source_item_never_expires() -> None:
    assert calculate_expiry(Source(source_id="s", bucket="photos", key=KEY), DAYS) is None


def test_expiry_is_written_in_epoch_seconds() -> None:
    job = job_in(JobStatus.STORED)
    assert to_item(job, DAYS)["expires_at"] == {"N": str(int((NOW + timedelta(days=DAYS)).timestamp()))}


def test_restarted_job_no_longer_expires() -> None:
    failed = job_in(JobStatus.DEAD)
    assert "expires_at" in to_item(failed, DAYS)
    assert "expires_at" not in to_item(transitions.pay_again(failed, NOW).job, DAYS)


def world_with_expired_job() -> tuple[World, list[str]]:
    """Returns a photo that was bought and delivered and whose job has expired, with its events."""
    world = world_with_photo(ledger_retention_days=DAYS)
    events = list_intake_messages(world)
    world.run_until_empty()
    assert count_paid_calls(world) == 1
    expire_items(world)
    assert world.list_jobs() == []
    return world, events


def test_nothing_expires_without_a_retention_period() -> None:
    world = world_with_photo()
    world.run_until_empty()
    assert [item for item in world.table.items.values() if "expires_at" in item] == []
    expire_items(world)
    assert [job.status for job in world.list_jobs()] == [JobStatus.STORED]


def test_repeated_event_does_not_buy_an_expired_job_again() -> None:
    world, events = world_with_expired_job()
    before = world.read_pictures(), world.read_receipt(KEY)
    for event in events:
        world.sqs.send_externally(world.queues["intake"], event)
    world.run_until_empty()
    assert (count_paid_calls(world), world.read_pictures(), world.read_receipt(KEY)) == (1, *before)


@pytest.mark.parametrize("photos", [1, 2])
def test_after_expiry_only_different_bytes_are_bought(photos: int) -> None:
    world, _ = world_with_expired_job()
    world.upload_photo(KEY, build_photo(*[KEY] * (photos - 1)), operation="remove")
    world.run_until_empty()
    assert (count_paid_calls(world), world.read_report(KEY)) == (photos, None)


def test_new_bytes_waiting_for_instructions_do_not_count_as_done() -> None:
    world, _ = world_with_expired_job()
    world.upload_photo(KEY, build_photo("other"))
    world.run_until_empty()
    assert (count_paid_calls(world), list_report_codes(world, KEY)) == (1, ["no_instructions"])


def test_expired_variant_is_not_bought_again_by_an_upload() -> None:
    world = World(ledger_retention_days=DAYS)
    world.upload_sidecar(KEY, variants={"beach": BEACH, "cut-out": REMOVE})
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    beach = next(key for key, item in world.table.items.items() if '"variant":"beach"' in item["body"]["S"])
    del world.table.items[beach]
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert (count_paid_calls(world), len(world.list_jobs())) == (2, 1)


def test_expired_photo_requested_again_is_bought_and_delivered() -> None:
    world, _ = world_with_expired_job()
    send_rerun(world, KEY)
    world.run_until_empty()
    (job,) = world.list_jobs()
    assert (count_paid_calls(world), job.status, len(world.downloads.fetched_urls)) == (2, JobStatus.STORED, 2)
