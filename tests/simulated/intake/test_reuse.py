"""The same purchase under several keys: one photo pays, and the others reuse its file, or buy if it fails."""

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
from tests.simulated.simulated_days import list_report_codes, pass_time
from tests.simulated.stage_worlds import PRICE, assert_at_rest, find_only_job, replay_with_crashes

FIRST, SECOND = "hats/one.jpg", "shoes/two.jpg"
S = JobStatus


def upload_copies(world: World, *keys: str) -> None:
    """Uploads the same photo with the same instructions under several keys, one after the other."""
    for key in keys:
        world.upload_photo(key, build_photo(), operation="remove")
        world.run_until_empty("intake")


def world_with_two_copies(**setup: Any) -> World:
    """Returns a world with one photo under two keys. The first one pays."""
    world = World(**setup)
    upload_copies(world, FIRST, SECOND)
    return world


def assert_reused(world: World, *keys: str, by: Job) -> None:
    """Asserts that each photo has its picture from the file that another one paid for, and cost nothing."""
    for key in keys:
        job = find_only_job(world, key)
        assert (job.status, job.reused_from, job.attempts, job.charged) == (S.STORED, by.job_id, (), 0)
        receipt = world.read_receipt(key)
        assert receipt
        assert (receipt["jobs"][0]["reused_from"], receipt["total_usd"]) == (by.job_id, 0)
        assert list(world.read_pictures(key).values()) == list(world.read_pictures(by.key).values())
        assert list_report_codes(world, key) == []


# -- one job pays -------------------------------------------------------------------------------------------------


def test_second_photo_waits_and_reuses_the_firsts_file() -> None:
    world = world_with_two_copies()
    waiting = find_only_job(world, SECOND)
    assert (waiting.status, waiting.waits_for and waiting.waits_for.job_id) == (
        S.ACCEPTED,
        find_only_job(world, FIRST).job_id,
    )
    world.run_until_empty()
    assert (len(world.provider.received_job_ids), world.provider.charged_micro_usd) == (1, PRICE)
    assert len(world.downloads.fetched_urls) == 1
    assert_reused(world, SECOND, by=find_only_job(world, FIRST))
    assert_at_rest(world)


def test_photo_uploaded_after_completion_skips_the_lane() -> None:
    world = World()
    upload_copies(world, FIRST)
    world.run_until_empty()
    upload_copies(world, SECOND)
    assert (find_only_job(world, SECOND).status, world.queues["ideogram"].messages) == (S.PAID, [])
    world.run_until_empty()
    assert_reused(world, SECOND, by=find_only_job(world, FIRST))
    assert_at_rest(world)


def test_many_copies_are_one_charge_and_one_reservation() -> None:
    world = World(budget=PRICE)
    keys = [f"shoes/{n}.jpg" for n in range(8)]
    upload_copies(world, *keys)
    world.run_until_empty()
    assert (world.provider.charged_micro_usd, world.read_budget()["committed"]) == (PRICE, PRICE)
    assert_reused(world, *keys[1:], by=find_only_job(world, keys[0]))


def test_reused_file_can_be_reused_and_names_the_job_that_paid() -> None:
    """The reusing job has no file under its own key. The file is where the first job stored it."""
    world = world_with_two_copies()
    world.run_until_empty()
    first = find_only_job(world, FIRST)
    upload_copies(world, "third.jpg")
    world.run_until_empty()
    assert_reused(world, "third.jpg", by=first)


def test_equivalent_instructions_are_the_same_purchase() -> None:
    world = World()
    for key, sku in ((FIRST, 1), (SECOND, 2)):
        world.upload_photo(key, build_photo())
        world.upload_sidecar(key, operation="remove", metadata={"sku": sku}, max_cost_usd=1)
        world.run_until_empty("intake")
    world.run_until_empty()
    assert world.provider.charged_micro_usd == PRICE
    assert_reused(world, SECOND, by=find_only_job(world, FIRST))


@pytest.mark.parametrize(
    "fields", [{"prompt": "at sea"}, {"operation": "remove", "revision": "2"}], ids=["other prompt", "another revision"]
)
def test_other_instructions_are_another_charge(fields: dict[str, str]) -> None:
    world = World()
    upload_copies(world, FIRST)
    world.upload_photo(SECOND, build_photo())
    world.upload_sidecar(SECOND, **fields)
    world.run_until_empty()
    assert len(world.provider.received_job_ids) == 2
    assert find_only_job(world, SECOND).reused_from is None


# -- the paying job fails -----------------------------------------------------------------------------------------

FAILURES = {
    "refused": (build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST), S.REFUSED),
    "rejected": (build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED), S.DEAD),
    "withheld": (CallBehavior(unsafe_count=1), S.DEAD),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_next_photo_buys_for_the_rest_after_a_failure(failure: str) -> None:
    world = world_with_two_copies()
    upload_copies(world, "third.jpg")
    reaction, end = FAILURES[failure]
    world.provider.script.append(reaction)
    world.run_until_empty()
    jobs = {key: find_only_job(world, key) for key in (FIRST, SECOND, "third.jpg")}
    assert jobs[FIRST].status is end
    paying_job, reusing_job = sorted((jobs[SECOND], jobs["third.jpg"]), key=lambda job: job.reused_from is not None)
    assert (paying_job.status, paying_job.charged, len(world.provider.received_job_ids)) == (S.STORED, PRICE, 2)
    assert_reused(world, reusing_job.key, by=paying_job)
    assert_at_rest(world)


def test_next_photo_buys_when_the_first_is_held() -> None:
    """A person may take days, but waiting photos must end in bounded time."""
    world = world_with_two_copies(on_lost_answer="hold")
    world.provider.script.append(build_charged_hang_up())
    world.run_until_empty()
    assert [find_only_job(world, key).status for key in (FIRST, SECOND)] == [S.HELD, S.STORED]
    assert find_only_job(world, SECOND).reused_from is None
    assert_at_rest(world)


def test_undeliverable_picture_is_not_reused() -> None:
    world = world_with_two_copies()
    world.downloads.override = ResultError(Code.LINK_EXPIRED, "the link answers 410")
    world.deliver_next("ideogram")
    world.run_until_empty("deliver")
    world.downloads.override = None
    world.run_until_empty()
    assert [find_only_job(world, key).status for key in (FIRST, SECOND)] == [S.DEAD, S.STORED]
    assert world.provider.charged_micro_usd == 2 * PRICE
    assert_at_rest(world)


@pytest.mark.parametrize("how", ["deleted", "edited"])
def test_next_photo_buys_when_the_first_is_superseded(how: str) -> None:
    world = world_with_two_copies()
    if how == "deleted":
        world.delete_file(FIRST)
    else:
        world.upload_sidecar(FIRST, prompt="at sea")
    world.run_until_empty("intake")
    world.run_until_empty()
    second = find_only_job(world, SECOND)
    assert (second.status, second.charged, second.reused_from) == (S.STORED, PRICE, None)
    assert_at_rest(world)


def test_waiting_photo_can_be_deleted_like_any_other() -> None:
    world = world_with_two_copies()
    world.delete_file(SECOND)
    world.run_until_empty("intake")
    world.run_until_empty()
    assert [find_only_job(world, key).status for key in (FIRST, SECOND)] == [S.STORED, S.CANCELLED]
    assert world.provider.charged_micro_usd == PRICE


def test_photos_that_take_turns_waiting_for_each_other_complete() -> None:
    """The first is edited, so the second takes over. Then the first is restored and waits for the second."""
    world = world_with_two_copies()
    world.upload_sidecar(FIRST, prompt="at sea")
    world.run_until_empty("intake")
    world.deliver_next("ideogram")
    world.deliver_next("ideogram")
    world.upload_sidecar(FIRST, operation="remove")
    world.run_until_empty("intake")
    pass_time(world, 3600)
    removed = next(job for job in world.list_jobs(FIRST) if job.operation == "remove")
    assert {removed.status, find_only_job(world, SECOND).status} == {S.STORED}
    assert (
        world.provider.received_job_ids.count(removed.job_id)
        + world.provider.received_job_ids.count(find_only_job(world, SECOND).job_id)
        == 1
    )
    assert_at_rest(world)


# -- crashes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unaskable", "own_id"])
def test_crash_after_any_call_leaves_exactly_one_paying_job(kind: str) -> None:
    for call, world in replay_with_crashes(partial(world_with_two_copies, kind=kind), World.run_until_empty):
        first, second = (find_only_job(world, key) for key in (FIRST, SECOND))
        assert (first.status, second.status) == (S.STORED, S.STORED), call
        assert world.provider.charged_micro_usd == PRICE or first.unknown or second.unknown, call
        assert sum(1 for job in (first, second) if job.reused_from) == 1, call
        assert_at_rest(world)


def world_with_two_events() -> World:
    """Returns a world with one photo under two keys, and no event handled yet."""
    world = World(kind="own_id")
    for key in (FIRST, SECOND):
        world.upload_photo(key, build_photo(), operation="remove")
    return world


def test_crash_while_the_paying_job_is_chosen_leaves_exactly_one() -> None:
    for call, world in replay_with_crashes(world_with_two_events, World.run_until_empty):
        assert {job.status for job in world.list_jobs()} == {S.STORED}, call
        assert (len(world.list_jobs()), world.provider.charged_micro_usd) == (2, PRICE), call
        assert_at_rest(world)
