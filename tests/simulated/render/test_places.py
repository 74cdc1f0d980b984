"""Ideogram counts images: a call for several holds as many places, and all jobs get theirs."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus
from backdrop.model.place_leases import PlaceLeases
from backdrop.model.provider_result import RetryClass
from backdrop.pipeline.purchase import CLAIM_RETRY_SECONDS, MAX_CLAIM_TRIES
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, ProviderKind, build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from tests.simulated.stage_worlds import assert_at_rest

LIMIT, CALL_SECONDS, REPLACE_PRICE = 4, 10.0, 60_000
PLACES_KEY = "lane#ideogram", "places"


def build_world(**setup: Any) -> World:
    limits: dict[str, Any] = {"in_flight": LIMIT, "account_limit": LIMIT}
    world = World(3, counts_images=True, **limits | setup)
    world.start()
    return world


def upload(world: World, key: str, **fields: Any) -> None:
    world.upload_sidecar(key, **{"prompt": "at sea"} | fields)
    world.upload_photo(key, build_photo(key))


def run(world: World, seconds: float) -> None:
    world.event_loop.run_until(world.clock.time + timedelta(seconds=seconds))


def find_job(world: World, key: str) -> Job:
    return next(job for job in world.list_jobs() if job.key == key)


def read_places(world: World) -> PlaceLeases:
    return world.ledger.read_places("ideogram")


def list_starts(world: World) -> Mapping[str, float]:
    """When each job's accepted call began, in seconds since the first one, by the job's key."""
    works = world.provider.account.work_by_id.values()
    first = min(work.started_at for work in works)
    keys = {job.job_id: job.key for job in world.list_jobs()}
    return {keys[work.billed_job.order.client_hint]: (work.started_at - first).total_seconds() for work in works}


def count_peak(world: World) -> int:
    """The most images that were in progress at the provider at the same time."""
    works = [*world.provider.account.work_by_id.values()]
    return max(
        sum(other.places for other in works if other.started_at <= work.started_at < other.done_at) for work in works
    )


def claims_places(call: ServiceCall) -> bool:
    """Whether the transaction writes a job together with the places of its call."""
    puts = [write["Put"]["Item"] for write in call.request["TransactItems"] if "Put" in write]
    return len(puts) > 1 and any((item["pk"]["S"], item["sk"]["S"]) == PLACES_KEY for item in puts)


def test_lane_with_single_images_only_writes_nothing_about_places() -> None:
    world = build_world()
    for n in range(2 * LIMIT):
        upload(world, f"{n}.jpg")
    run(world, 120)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert PLACES_KEY not in world.table.items


def test_waiting_worker_reads_the_places_ever_less_often() -> None:
    world = build_world()
    world.provider.default_behavior = CallBehavior(work_seconds=100)
    upload(world, "running.jpg", num_images=LIMIT)
    run(world, 20)
    upload(world, "waiting.jpg", num_images=2)
    run(world, 10)
    before = len(world.transport.calls)
    run(world, 30)
    reads = [call for call in world.transport.calls[before:] if call.operation == "batch_get_item"]
    assert 30 / 0.6 < len(reads) < 30 / 0.25


@pytest.mark.parametrize("sizes", [(2, 3, 4, 2, 3, 4), (4, 1, 1, 1, 1, 4, 1, 1, 1)])
def test_images_in_progress_never_exceed_the_limit_and_all_are_delivered(sizes: Sequence[int]) -> None:
    world = build_world()
    upload(world, "first.jpg", num_images=4)
    # A single-image call leases its place only while a call for several images runs or waits.
    run(world, 5)
    for n, size in enumerate(sizes):
        upload(world, f"{n}.jpg", num_images=size)
    run(world, 600)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert count_peak(world) <= LIMIT
    assert world.provider.account.refused_count == 0
    places = read_places(world)
    assert (places.leases, places.list_waiters(world.clock.time)) == ((), [])


def test_stream_of_single_images_cannot_keep_a_large_job_waiting() -> None:
    world = build_world()
    for n in range(80):
        world.event_loop.call_later(n * 2.0, lambda n=n: upload(world, f"{n}.jpg"))
    world.event_loop.call_later(20, lambda: upload(world, "large.jpg", num_images=LIMIT))
    run(world, 900)
    starts = list_starts(world)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    # It arrives after 20 seconds, waits for a minute for its turn, and then for the end of the calls before it.
    assert starts["large.jpg"] < 20 + 60 + 2 * CALL_SECONDS
    assert sum(start > starts["large.jpg"] for start in starts.values()) > 30


def test_refused_job_keeps_its_turn() -> None:
    """The provider still counts calls that hold no lease."""
    world = build_world()
    for n in range(60):
        world.event_loop.call_later(n * 2.0, lambda n=n: upload(world, f"{n}.jpg"))
    world.event_loop.call_later(20, lambda: upload(world, "large.jpg", num_images=LIMIT))
    run(world, 60)
    job_id = find_job(world, "large.jpg").job_id
    while (before := read_places(world).find_waiter(job_id)) and not before.is_senior(world.clock.time):
        run(world, 0.5)
    # From now on, no other job may start.
    run(world, 2)
    world.provider.script.extend([build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED)] * 2)
    seen = set[tuple[datetime, int]]()
    for _ in range(200):
        run(world, 0.05)
        waiter = read_places(world).find_waiter(job_id)
        seen |= {(waiter.since, waiter.refusals)} if waiter else set()
    assert before
    assert seen == {(before.since, n) for n in range(3)}
    run(world, 900)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}


def test_lost_call_keeps_its_places_until_it_has_surely_ended() -> None:
    world = build_world(on_lost_answer="hold")
    world.provider.script.append(build_charged_hang_up())
    upload(world, "lost.jpg", num_images=LIMIT)
    run(world, 30)
    upload(world, "next.jpg", num_images=2)
    run(world, 100)
    assert find_job(world, "next.jpg").status is JobStatus.ACCEPTED
    assert read_places(world).count_leased(world.clock.time) == LIMIT
    run(world, 240)
    assert find_job(world, "next.jpg").status is JobStatus.STORED
    assert find_job(world, "lost.jpg").status is JobStatus.HELD


def test_answer_is_kept_even_if_the_ledger_does_not_take_the_places_back() -> None:
    """The places return when their lease ends; the paid picture does not wait for that."""
    world = build_world()
    upload(world, "large.jpg", num_images=LIMIT)

    def refuse(call: ServiceCall) -> None:
        if world.provider.account.work_by_id and call.service == "dynamodb" and "'places'" in str(call.request):
            raise build_client_error("AccessDeniedException", "no table", 400)

    world.transport.faults_before.append(refuse)
    run(world, CALL_SECONDS + 20)
    assert find_job(world, "large.jpg").status is JobStatus.STORED
    assert read_places_without_faults(world).count_leased(world.clock.time) == LIMIT
    run(world, 600)
    assert read_places(world).count_leased(world.clock.time) == 0


def read_places_without_faults(world: World) -> PlaceLeases:
    world.transport.clear_faults()
    return read_places(world)


def test_parked_call_keeps_its_places() -> None:
    world = build_world(kind=ProviderKind.LOOKUP_BY_PROVIDER_ID)
    world.provider.script.append(CallBehavior(work_seconds=0, lingering_seconds=700))
    upload(world, "long.jpg", num_images=LIMIT)
    run(world, 30)
    upload(world, "next.jpg", num_images=2)
    for _ in range(11):
        run(world, 60)
        if find_job(world, "long.jpg").status is JobStatus.SUBMITTING:
            assert find_job(world, "next.jpg").status is JobStatus.ACCEPTED
    run(world, 400)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert world.provider.account.refused_count == 0


@pytest.mark.parametrize("conflicts", [MAX_CLAIM_TRIES - 1, MAX_CLAIM_TRIES])
def test_claim_that_keeps_colliding_returns_its_job_to_the_queue(
    conflicts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker changes the places just before each try. The job is paid for once in either case."""
    world = build_world()
    monkeypatch.setattr(world.clock, "jitter", float)

    def change_places(_: ServiceCall) -> None:
        now = world.clock.time
        world.ledger.put_places(read_places(world).with_waiter("f" * 64, 1, now, now + timedelta(seconds=1)))

    collision = TargetedFault(change_places, "transact_write_items", times=conflicts, matches=claims_places)
    world.transport.faults_before.append(collision)
    upload(world, "photo.jpg", num_images=2)
    run(world, 120)
    assert collision.hit_count == conflicts
    codes = [message.code for message in world.returned_messages]
    assert codes == [Code.LEDGER_CONFLICT] * (conflicts == MAX_CLAIM_TRIES)
    waits = [after.started_at - before.started_at for before, after in pairwise(collision.struck_calls)]
    assert all(wait.total_seconds() > n * CLAIM_RETRY_SECONDS for n, wait in enumerate(waits, start=1))
    assert_at_rest(world)
    assert len(world.provider.received_job_ids) == 1


def test_canceled_waiting_job_blocks_no_other_job() -> None:
    world = build_world()
    world.provider.default_behavior = CallBehavior(work_seconds=100)
    upload(world, "running.jpg", num_images=3)
    run(world, 20)
    upload(world, "waiting.jpg", num_images=LIMIT)
    run(world, 70)
    world.delete_file("waiting.jpg")
    upload(world, "next.jpg")
    run(world, 60)
    assert find_job(world, "waiting.jpg").status is JobStatus.CANCELLED
    assert "next.jpg" in list_starts(world)


def test_intake_refuses_more_images_than_places() -> None:
    world = build_world()
    upload(world, "large.jpg", num_images=LIMIT + 1)
    run(world, 60)
    report = world.read_report("large.jpg")
    assert report
    assert [(error["code"], error["status"]) for error in report["errors"]] == [
        (Code.MORE_IMAGES_THAN_PLACES, "refused")
    ]
    assert world.provider.received_job_ids == []


def test_intake_passes_the_provider_over_if_another_can_do_it() -> None:
    world = build_world(other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID})
    upload(world, "large.jpg", num_images=LIMIT + 1, provider=["ideogram", "runware"])
    run(world, 120)
    job = find_job(world, "large.jpg")
    assert (job.provider, job.status) == ("runware", JobStatus.STORED)


@pytest.mark.parametrize("providers", ["ideogram", ["ideogram", "runware"]])
def test_waiting_job_that_no_longer_fits_ends_or_moves(providers: str | list[str]) -> None:
    world = build_world(other_providers={"runware": ProviderKind.LOOKUP_BY_OUR_ID})
    world.pause_lane()
    run(world, 5)
    upload(world, "large.jpg", num_images=LIMIT, provider=providers if isinstance(providers, str) else [*providers])
    run(world, 30)
    for places in (world.render.places, world.steps.bootstrap.places):
        places.limits = {"ideogram": LIMIT - 1}
    world.resume_lane()
    run(world, 300)
    job = find_job(world, "large.jpg")
    if providers == "ideogram":
        assert job.problem
        assert (job.status, job.problem.code) == (JobStatus.REFUSED, Code.MORE_IMAGES_THAN_PLACES)
    else:
        assert (job.provider, job.status) == ("runware", JobStatus.STORED)


def test_claims_of_places_use_the_budget_of_all_shares_to_the_last_image() -> None:
    sizes = (2, 3, 4, 1, 3, 4)
    world = build_world(budget=sum(sizes) * REPLACE_PRICE, budget_shares=5)
    for n, size in enumerate(sizes):
        upload(world, f"{n}.jpg", num_images=size)
    run(world, 600)
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert (world.read_budget()["committed"], read_places(world).leases) == (world.setup.budget, ())
    assert len({attempt.budget_share for job in world.list_jobs() for attempt in job.attempts}) > 1
