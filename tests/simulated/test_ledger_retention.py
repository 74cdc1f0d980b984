"""What the ledger forgets: what has ended and needs nobody, after its days; and forgetting alone buys nothing."""

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
from tests.simulated.days import codes
from tests.simulated.simulation import KEY, NOW, OK, claim, dropped, job_in, spent_and_dead
from tests.simulated.wishes import BEACH, REMOVE, again, bought, heard

DAYS = 30
FORGOTTEN = {JobStatus.STORED, JobStatus.REFUSED, JobStatus.DEAD, JobStatus.SUPERSEDED, JobStatus.CANCELLED}


def a_month_later(world: World) -> None:
    """All that may be forgotten is."""
    world.run_for(1)
    world.clock.time += timedelta(days=DAYS, seconds=1)
    world.table.expire_items()


@pytest.mark.parametrize("status", JobStatus)
def test_a_job_is_forgotten_so_many_days_after_its_end_and_never_before_it_ended(status: JobStatus) -> None:
    job = job_in(status)
    ended = (job.ended_at or NOW) + timedelta(days=DAYS)
    assert calculate_expiry(job, DAYS) == (ended if status in FORGOTTEN else None)
    assert ("expires_at" in to_item(job, DAYS)) == (status in FORGOTTEN)
    assert "expires_at" not in to_item(job)


def test_money_that_a_person_must_look_at_is_never_forgotten() -> None:
    submitting = claim(job_in(JobStatus.ACCEPTED)).job
    lost = replace(transitions.record_result(submitting, 1, OK, NOW).job, status=JobStatus.STORED, ended_at=NOW)
    doubtful = replace(lost, attempts=(replace(lost.attempts[0], unknown=1),))
    in_flight = replace(lost, attempts=(replace(lost.attempts[0], reserved=1),))
    paid_in_vain = [spent_and_dead(), replace(spent_and_dead(), status=JobStatus.REFUSED)]
    assert [calculate_expiry(job, DAYS) for job in (doubtful, in_flight, *paid_in_vain)] == [None] * 4
    assert calculate_expiry(lost, DAYS) is not None


def test_who_was_answered_is_forgotten_and_who_waits_is_not() -> None:
    waits = ImageRequest(source_id="s", request_id="i", bucket="photos", key=KEY, requested_at=NOW)
    told = replace(waits, outcome=CallbackOutcome.SUCCESS, answered_at=NOW)
    assert (calculate_expiry(waits, DAYS), calculate_expiry(told, DAYS)) == (None, NOW + timedelta(days=DAYS))


def test_a_photos_place_is_never_forgotten() -> None:
    assert calculate_expiry(Source(source_id="s", bucket="photos", key=KEY), DAYS) is None


def test_the_time_is_written_as_dynamodb_reads_it() -> None:
    job = job_in(JobStatus.STORED)
    assert to_item(job, DAYS)["expires_at"] == {"N": str(int((NOW + timedelta(days=DAYS)).timestamp()))}


def test_a_job_that_goes_on_again_is_no_more_on_its_way_out() -> None:
    failed = job_in(JobStatus.DEAD)
    assert "expires_at" in to_item(failed, DAYS)
    assert "expires_at" not in to_item(transitions.pay_again(failed, NOW).job, DAYS)


def finished() -> tuple[World, list[str]]:
    """A photo that was bought and handed over, and its job forgotten; and the events that told of it."""
    world = dropped(ledger_retention_days=DAYS)
    events = heard(world)
    world.run_until_empty()
    assert bought(world) == 1
    a_month_later(world)
    assert world.list_jobs() == []
    return world, events


def test_without_retention_nothing_is_forgotten() -> None:
    world = dropped()
    world.run_until_empty()
    assert [item for item in world.table.items.values() if "expires_at" in item] == []
    a_month_later(world)
    assert [job.status for job in world.list_jobs()] == [JobStatus.STORED]


def test_an_event_that_comes_again_buys_nothing_of_what_was_forgotten() -> None:
    world, events = finished()
    before = world.read_pictures(), world.read_receipt(KEY)
    for event in events:
        world.sqs.send_externally(world.queues["intake"], event)
    world.run_until_empty()
    assert (bought(world), world.read_pictures(), world.read_receipt(KEY)) == (1, *before)


@pytest.mark.parametrize("photos", [1, 2])
def test_the_same_bytes_again_buy_nothing_and_other_bytes_do(photos: int) -> None:
    world, _ = finished()
    world.upload_photo(KEY, build_photo(*[KEY] * (photos - 1)), operation="remove")
    world.run_until_empty()
    assert (bought(world), world.read_report(KEY)) == (photos, None)


def test_other_bytes_that_wait_for_their_instructions_are_not_those_that_were_done() -> None:
    world, _ = finished()
    world.upload_photo(KEY, build_photo("other"))
    world.run_until_empty()
    assert (bought(world), codes(world, KEY)) == (1, ["no_instructions"])


def test_of_variants_only_those_are_bought_again_that_a_person_asks_for_again() -> None:
    world = World(ledger_retention_days=DAYS)
    world.upload_sidecar(KEY, variants={"beach": BEACH, "cut-out": REMOVE})
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    beach = next(key for key, item in world.table.items.items() if '"variant":"beach"' in item["body"]["S"])
    del world.table.items[beach]
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert (bought(world), len(world.list_jobs())) == (2, 1)


def test_what_a_person_asks_for_again_is_bought_anew_and_its_own_file_is_handed_over() -> None:
    world, _ = finished()
    again(world, KEY)
    world.run_until_empty()
    (job,) = world.list_jobs()
    assert (bought(world), job.status, len(world.downloads.fetched_urls)) == (2, JobStatus.STORED, 2)
