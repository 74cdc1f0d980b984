"""Copies of one photo continue within seconds after the job that was to pay for them has ended, whatever its end."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.operate.cancel import CancelSummary
from proof.simulate.plan import draw
from proof.simulate.play import Play
from proof.world.pictures import photo
from proof.world.provider import Reaction, refuses
from proof.world.stack import World
from proof.world.wire import Call, Strike, die
from tests.simulated.simulation import PRICE, assert_at_rest, the_job

OWNER = "hats/first.jpg"
COPIES = [f"copies/{n}.jpg" for n in range(8)]
WITHIN_SECONDS = 5.0
CALL_SECONDS = 10.0
LONG_CALL_SECONDS = 100.0


def drop_copies(world: World, *keys: str) -> None:
    for key in keys:
        world.drop(key, photo("the same"), operation="remove")


def run_for(world: World, seconds: float) -> None:
    world.hub.run_until(world.clock.time + timedelta(seconds=seconds))


def run_to_rest(world: World, photos: int) -> None:
    def done() -> bool:
        return len({job.key for job in world.jobs()}) == photos and world.quiet()

    assert world.hub.run_until(world.clock.time + timedelta(hours=1), done)


def ended_at(job: Job) -> datetime:
    assert job.ended_at
    return job.ended_at


def seconds_behind(world: World, owner: str) -> float:
    """From the end of the owner's first job to the last copy's delivery."""
    copies = [the_job(world, key) for key in COPIES]
    assert {job.status for job in copies} == {JobStatus.STORED}
    return (max(map(ended_at, copies)) - ended_at(world.jobs(owner)[0])).total_seconds()


# -- the owner is stored -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "copies"), [(0, 8), (60, 21)])
def test_copies_do_not_wait_for_the_photos_ahead_of_them(ahead: int, copies: int) -> None:
    world = World()
    world.start()
    for n in range(ahead):
        world.drop(f"many/{n}.jpg", photo(f"many {n}"), operation="remove")
    keys = [f"copies/{n}.jpg" for n in range(copies)]
    drop_copies(world, *keys)
    run_to_rest(world, ahead + copies)
    jobs = [the_job(world, key) for key in keys]
    (payer,) = (job for job in jobs if job.reused_from is None)
    assert (max(map(ended_at, jobs)) - ended_at(payer)).total_seconds() <= WITHIN_SECONDS
    assert len(world.provider.calls) == ahead + 1


def test_copies_in_an_idle_lane_are_delivered_when_a_long_call_ends() -> None:
    world = World()
    world.provider.script.append(Reaction(seconds=LONG_CALL_SECONDS))
    world.start()
    drop_copies(world, OWNER, *COPIES)
    run_to_rest(world, 1 + len(COPIES))
    jobs = world.jobs()
    (payer,) = (job for job in jobs if job.reused_from is None)
    assert (max(map(ended_at, jobs)) - ended_at(payer)).total_seconds() <= WITHIN_SECONDS
    assert (world.provider.charged, len(world.provider.calls)) == (PRICE, 1)
    assert_at_rest(world)


def test_copies_are_delivered_while_their_lane_is_paused() -> None:
    world = World()
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)
    world.pause()
    run_for(world, 60)
    assert seconds_behind(world, OWNER) <= WITHIN_SECONDS


def test_a_waker_that_dies_is_followed_by_one_that_succeeds() -> None:
    world = World()
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)
    run_for(world, 3)
    dies = Strike(die, "query", matches=lambda call: "content#" in str(call.sent))
    world.wire.before.append(dies)
    run_to_rest(world, 1 + len(COPIES))
    assert dies.hits == 1
    assert {job.status for job in world.jobs()} == {JobStatus.STORED}
    assert world.provider.charged == PRICE
    assert_at_rest(world)


@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_no_copy_waits_for_long_in_a_world_without_faults(seed: int) -> None:
    one = Play(draw(seed, faults=()))
    assert one.run().broken == []
    jobs = one.watch.memory.jobs
    for job in jobs.values():
        if job["reused_from"] and job["stored_at"]:
            since = max(datetime.fromisoformat(at) for at in (jobs[job["reused_from"]]["stored_at"], job["queued_at"]))
            assert (datetime.fromisoformat(job["stored_at"]) - since).total_seconds() <= WITHIN_SECONDS, job["key"]


# -- the owner ends without a file -------------------------------------------------------------------------------

ENDS = {
    "refused": (ProviderResult(RetryClass.PERM, Code.UNSAFE_REQUEST, "the prompt is not safe"), JobStatus.REFUSED),
    "rejected": (ProviderResult(RetryClass.PERM, Code.REQUEST_REJECTED, "not valid"), JobStatus.DEAD),
    "held": (ProviderResult.lost("no answer came back"), JobStatus.HELD),
    "withheld": (None, JobStatus.DEAD),
}


@pytest.mark.parametrize("end", ENDS)
def test_one_copy_buys_at_once_when_the_owner_fails(end: str) -> None:
    answer, status = ENDS[end]
    world = World(on_lost_answer="hold")
    world.provider.script.append(Reaction(takes=answer is None, answer=answer, unsafe=1, seconds=LONG_CALL_SECONDS))
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)
    run_to_rest(world, 1 + len(COPIES))
    assert the_job(world, OWNER).status is status
    assert seconds_behind(world, OWNER) <= CALL_SECONDS + WITHIN_SECONDS
    assert sum(job.reused_from is None for job in world.jobs()) == 2
    assert_at_rest(world)


def test_every_copy_gets_its_turn_when_one_after_the_other_is_refused() -> None:
    world = World()
    world.provider.otherwise = refuses(RetryClass.PERM, Code.UNSAFE_REQUEST)
    world.start()
    drop_copies(world, OWNER, *COPIES)
    run_to_rest(world, 1 + len(COPIES))
    ends = sorted(map(ended_at, world.jobs()))
    assert {job.status for job in world.jobs()} == {JobStatus.REFUSED}
    assert max((later - end).total_seconds() for end, later in zip(ends, ends[1:], strict=False)) <= WITHIN_SECONDS


def delete(world: World) -> None:
    world.remove(OWNER)


def edit(world: World) -> None:
    world.sidecar(OWNER, prompt="at sea")


def replace(world: World) -> None:
    world.drop(OWNER, photo("other bytes"), operation="remove")


def cancel(world: World) -> None:
    def command() -> None:
        cancelling = world.steps.cancelling()
        mark = cancelling.add_mark("hats/")
        assert [*cancelling.cancel_marked(mark, CancelSummary())] == [OWNER]

    world.somebody(command)


@pytest.mark.parametrize("leave", [delete, edit, replace, cancel])
def test_one_copy_buys_at_once_when_the_owner_is_not_wanted(leave: Callable[[World], None]) -> None:
    world = World()
    world.provider.script.append(refuses(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, retry_after=600))
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)
    run_for(world, 200)
    assert {job.status for job in world.jobs()} == {JobStatus.ACCEPTED}
    leave(world)
    run_for(world, 60)
    assert world.jobs(OWNER)[0].status in (JobStatus.CANCELLED, JobStatus.SUPERSEDED)
    assert seconds_behind(world, OWNER) <= CALL_SECONDS + WITHIN_SECONDS
    assert sum(the_job(world, key).reused_from is None for key in COPIES) == 1


def test_next_copy_is_woken_when_the_chosen_one_is_deleted() -> None:
    world = World()
    unsafe = ProviderResult(RetryClass.PERM, Code.UNSAFE_REQUEST, "the prompt is not safe")
    world.provider.script.append(Reaction(takes=False, answer=unsafe, seconds=LONG_CALL_SECONDS))
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)

    def delete_the_chosen_one(call: Call) -> None:
        world.remove(json.loads(call.sent["MessageBody"])["key"])

    wakes = Strike(
        delete_the_chosen_one, "send_message", matches=lambda call: '"recheck"' in str(call.sent["MessageBody"])
    )
    world.wire.before.append(wakes)
    run_for(world, 2 * LONG_CALL_SECONDS)
    assert wakes.hits == 1
    assert sorted(job.status for job in world.jobs() if job.key != OWNER) == [
        JobStatus.CANCELLED,
        *[JobStatus.STORED] * 7,
    ]
    stored = [ended_at(job) for job in world.jobs() if job.status is JobStatus.STORED]
    assert (max(stored) - ended_at(the_job(world, OWNER))).total_seconds() <= CALL_SECONDS + WITHIN_SECONDS
