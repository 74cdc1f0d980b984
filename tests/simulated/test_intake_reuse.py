"""The same bytes asked the same thing under several keys: one pays, the others get its file or buy if it fails."""

from functools import partial
from typing import Any

import pytest

from backdrop.model.codes import Code
from backdrop.model.errors import ResultError
from backdrop.model.job import Job, JobStatus
from backdrop.model.provider_result import RetryClass
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_charged_hang_up, build_refusal
from simulation.world.simulated_stack import World
from tests.simulated.days import codes, pass_time
from tests.simulated.simulation import PRICE, after_each_crash, assert_at_rest, the_job

FIRST, SECOND = "hats/one.jpg", "shoes/two.jpg"
S = JobStatus


def drop(world: World, *keys: str) -> None:
    """The same photo with the same wish under several keys, one after the other."""
    for key in keys:
        world.upload_photo(key, build_photo(), operation="remove")
        world.run_until_empty("intake")


def both(**setup: Any) -> World:
    """A world with one photo under two keys; the first one is to pay."""
    world = World(**setup)
    drop(world, FIRST, SECOND)
    return world


def assert_served(world: World, *keys: str, by: Job) -> None:
    """Each has its picture from the file that another paid for, and cost nothing."""
    for key in keys:
        job = the_job(world, key)
        assert (job.status, job.reused_from, job.attempts, job.charged) == (S.STORED, by.job_id, (), 0)
        receipt = world.read_receipt(key)
        assert receipt
        assert (receipt["jobs"][0]["reused_from"], receipt["total_usd"]) == (by.job_id, 0)
        assert list(world.read_pictures(key).values()) == list(world.read_pictures(by.key).values())
        assert codes(world, key) == []


# -- one pays ----------------------------------------------------------------------------------------------------


def test_who_comes_second_waits_for_the_first_and_gets_its_file() -> None:
    world = both()
    waiting = the_job(world, SECOND)
    assert (waiting.status, waiting.waits_for and waiting.waits_for.job_id) == (
        S.ACCEPTED,
        the_job(world, FIRST).job_id,
    )
    world.run_until_empty()
    assert (len(world.provider.received_job_ids), world.provider.charged_micro_usd) == (1, PRICE)
    assert len(world.downloads.fetched_urls) == 1
    assert_served(world, SECOND, by=the_job(world, FIRST))
    assert_at_rest(world)


def test_who_comes_when_all_is_done_goes_past_the_lane() -> None:
    world = World()
    drop(world, FIRST)
    world.run_until_empty()
    drop(world, SECOND)
    assert (the_job(world, SECOND).status, world.queues["ideogram"].messages) == (S.PAID, [])
    world.run_until_empty()
    assert_served(world, SECOND, by=the_job(world, FIRST))
    assert_at_rest(world)


def test_many_are_one_charge_and_one_place_in_the_budget() -> None:
    world = World(budget=PRICE)
    keys = [f"shoes/{n}.jpg" for n in range(8)]
    drop(world, *keys)
    world.run_until_empty()
    assert (world.provider.charged_micro_usd, world.read_budget()["committed"]) == (PRICE, PRICE)
    assert_served(world, *keys[1:], by=the_job(world, keys[0]))


def test_who_was_served_serves_in_turn_and_names_who_paid() -> None:
    """Its own key is gone, and the file lies where the first one put it."""
    world = both()
    world.run_until_empty()
    first = the_job(world, FIRST)
    drop(world, "third.jpg")
    world.run_until_empty()
    assert_served(world, "third.jpg", by=first)


def test_what_is_only_described_otherwise_is_the_same_wish() -> None:
    world = World()
    for key, sku in ((FIRST, 1), (SECOND, 2)):
        world.upload_photo(key, build_photo())
        world.upload_sidecar(key, operation="remove", metadata={"sku": sku}, max_cost_usd=1)
        world.run_until_empty("intake")
    world.run_until_empty()
    assert world.provider.charged_micro_usd == PRICE
    assert_served(world, SECOND, by=the_job(world, FIRST))


@pytest.mark.parametrize(
    "fields", [{"prompt": "at sea"}, {"operation": "remove", "revision": "2"}], ids=["another wish", "another revision"]
)
def test_another_wish_is_another_charge(fields: dict[str, str]) -> None:
    world = World()
    drop(world, FIRST)
    world.upload_photo(SECOND, build_photo())
    world.upload_sidecar(SECOND, **fields)
    world.run_until_empty()
    assert len(world.provider.received_job_ids) == 2
    assert the_job(world, SECOND).reused_from is None


# -- the one who was to pay comes to nothing ---------------------------------------------------------------------

FAILURES = {
    "refused": (build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST), S.REFUSED),
    "rejected": (build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED), S.DEAD),
    "withheld": (CallBehavior(unsafe_count=1), S.DEAD),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_where_the_first_fails_the_next_one_buys_and_serves_the_rest(failure: str) -> None:
    world = both()
    drop(world, "third.jpg")
    reaction, end = FAILURES[failure]
    world.provider.script.append(reaction)
    world.run_until_empty()
    jobs = {key: the_job(world, key) for key in (FIRST, SECOND, "third.jpg")}
    assert jobs[FIRST].status is end
    payer, served = sorted((jobs[SECOND], jobs["third.jpg"]), key=lambda job: job.reused_from is not None)
    assert (payer.status, payer.charged, len(world.provider.received_job_ids)) == (S.STORED, PRICE, 2)
    assert_served(world, served.key, by=payer)
    assert_at_rest(world)


def test_where_the_first_is_held_for_a_person_the_next_one_buys() -> None:
    """A person may take days, and those who wait are promised an end."""
    world = both(on_lost_answer="hold")
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    assert [the_job(world, key).status for key in (FIRST, SECOND)] == [S.HELD, S.STORED]
    assert the_job(world, SECOND).reused_from is None
    assert_at_rest(world)


def test_a_picture_that_cannot_be_handed_over_serves_nobody() -> None:
    world = both()
    world.downloads.override = ResultError(Code.LINK_EXPIRED, "the link answers 410")
    world.deliver_next("ideogram")
    world.run_until_empty("deliver")
    world.downloads.override = None
    world.run_until_empty()
    assert [the_job(world, key).status for key in (FIRST, SECOND)] == [S.DEAD, S.STORED]
    assert world.provider.charged_micro_usd == 2 * PRICE
    assert_at_rest(world)


@pytest.mark.parametrize("how", ["deleted", "edited"])
def test_where_the_first_is_wanted_no_more_the_next_one_buys(how: str) -> None:
    world = both()
    if how == "deleted":
        world.delete_file(FIRST)
    else:
        world.upload_sidecar(FIRST, prompt="at sea")
    world.run_until_empty("intake")
    world.run_until_empty()
    second = the_job(world, SECOND)
    assert (second.status, second.charged, second.reused_from) == (S.STORED, PRICE, None)
    assert_at_rest(world)


def test_who_waits_can_be_deleted_like_any_other() -> None:
    world = both()
    world.delete_file(SECOND)
    world.run_until_empty("intake")
    world.run_until_empty()
    assert [the_job(world, key).status for key in (FIRST, SECOND)] == [S.STORED, S.CANCELLED]
    assert world.provider.charged_micro_usd == PRICE


def test_two_who_follow_one_another_in_turn_both_have_their_pictures() -> None:
    """The first is edited away, so that the second takes over; then the first comes back and follows the second."""
    world = both()
    world.upload_sidecar(FIRST, prompt="at sea")
    world.run_until_empty("intake")
    world.deliver_next("ideogram")
    world.deliver_next("ideogram")
    world.upload_sidecar(FIRST, operation="remove")
    world.run_until_empty("intake")
    pass_time(world, 3600)
    removed = next(job for job in world.list_jobs(FIRST) if job.operation == "remove")
    assert {removed.status, the_job(world, SECOND).status} == {S.STORED}
    assert (
        world.provider.received_job_ids.count(removed.job_id)
        + world.provider.received_job_ids.count(the_job(world, SECOND).job_id)
        == 1
    )
    assert_at_rest(world)


# -- whatever dies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unaskable", "own_id"])
def test_a_crash_after_any_call_still_leaves_one_payer(kind: str) -> None:
    for call, world in after_each_crash(partial(both, kind=kind), World.run_until_empty):
        first, second = (the_job(world, key) for key in (FIRST, SECOND))
        assert (first.status, second.status) == (S.STORED, S.STORED), call
        assert world.provider.charged_micro_usd == PRICE or first.unknown or second.unknown, call
        assert sum(1 for job in (first, second) if job.reused_from) == 1, call
        assert_at_rest(world)


def both_at_once() -> World:
    """A world with one photo under two keys, and nobody has looked yet."""
    world = World(kind="own_id")
    for key in (FIRST, SECOND):
        world.upload_photo(key, build_photo(), operation="remove")
    return world


def test_a_crash_while_it_is_decided_who_pays_leaves_one_payer() -> None:
    for call, world in after_each_crash(both_at_once, World.run_until_empty):
        assert {job.status for job in world.list_jobs()} == {S.STORED}, call
        assert (len(world.list_jobs()), world.provider.charged_micro_usd) == (2, PRICE), call
        assert_at_rest(world)
