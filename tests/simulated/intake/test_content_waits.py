"""Copies of a photo continue within seconds after the job that pays for them has ended, however it ends."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from backdrop.model.codes import Code
from backdrop.model.job import Job, JobStatus
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.operate.cancel import CancelSummary
from simulation.scenarios.simulation_plan import draw_plan
from simulation.scenarios.simulation_run import Simulation
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, crash_worker
from tests.simulated.stage_worlds import PRICE, assert_at_rest, find_only_job

OWNER = "hats/first.jpg"
COPIES = [f"copies/{n}.jpg" for n in range(8)]
WITHIN_SECONDS = 5.0
CALL_SECONDS = 10.0
LONG_CALL_SECONDS = 100.0


def drop_copies(world: World, *keys: str) -> None:
    for key in keys:
        world.upload_photo(key, build_photo("the same"), operation="remove")


def run_for(world: World, seconds: float) -> None:
    world.event_loop.run_until(world.clock.time + timedelta(seconds=seconds))


def run_to_completion(world: World, photos: int) -> None:
    def done() -> bool:
        return len({job.key for job in world.list_jobs()}) == photos and world.is_quiet()

    assert world.event_loop.run_until(world.clock.time + timedelta(hours=1), done)


def find_end(job: Job) -> datetime:
    assert job.ended_at
    return job.ended_at


def measure_delay(world: World, owner: str) -> float:
    """Returns the seconds from the end of the owner's first job to the last copy's delivery."""
    copies = [find_only_job(world, key) for key in COPIES]
    assert {job.status for job in copies} == {JobStatus.STORED}
    return (max(map(find_end, copies)) - find_end(world.list_jobs(owner)[0])).total_seconds()


# -- the owner is stored -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ahead", "copies"), [(0, 8), (60, 21)])
def test_copies_do_not_wait_for_the_photos_ahead_of_them(ahead: int, copies: int) -> None:
    world = World()
    world.start()
    for n in range(ahead):
        world.upload_photo(f"many/{n}.jpg", build_photo(f"many {n}"), operation="remove")
    keys = [f"copies/{n}.jpg" for n in range(copies)]
    drop_copies(world, *keys)
    run_to_completion(world, ahead + copies)
    jobs = [find_only_job(world, key) for key in keys]
    (payer,) = (job for job in jobs if job.reused_from is None)
    assert (max(map(find_end, jobs)) - find_end(payer)).total_seconds() <= WITHIN_SECONDS
    assert len(world.provider.received_job_ids) == ahead + 1


def test_copies_in_an_idle_lane_follow_a_long_call() -> None:
    world = World()
    world.provider.script.append(CallBehavior(work_seconds=LONG_CALL_SECONDS))
    world.start()
    drop_copies(world, OWNER, *COPIES)
    run_to_completion(world, 1 + len(COPIES))
    jobs = world.list_jobs()
    (payer,) = (job for job in jobs if job.reused_from is None)
    assert (max(map(find_end, jobs)) - find_end(payer)).total_seconds() <= WITHIN_SECONDS
    assert (world.provider.charged_micro_usd, len(world.provider.received_job_ids)) == (PRICE, 1)
    assert_at_rest(world)


def test_copies_are_delivered_while_their_lane_is_paused() -> None:
    world = World()
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)
    world.pause_lane()
    run_for(world, 60)
    assert measure_delay(world, OWNER) <= WITHIN_SECONDS


def test_wake_up_that_crashed_is_repeated_successfully() -> None:
    world = World()
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)
    run_for(world, 3)
    fault = TargetedFault(crash_worker, "query", matches=lambda call: "content#" in str(call.request))
    world.transport.faults_before.append(fault)
    run_to_completion(world, 1 + len(COPIES))
    assert fault.hit_count == 1
    assert {job.status for job in world.list_jobs()} == {JobStatus.STORED}
    assert world.provider.charged_micro_usd == PRICE
    assert_at_rest(world)


@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_no_copy_waits_long_without_faults(seed: int) -> None:
    one = Simulation(draw_plan(seed, faults=()))
    assert one.run().broken_invariants == []
    jobs = one.monitor.snapshot.jobs
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
    world.provider.script.append(
        CallBehavior(accepts_work=answer is None, result=answer, unsafe_count=1, work_seconds=LONG_CALL_SECONDS)
    )
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)
    run_to_completion(world, 1 + len(COPIES))
    assert find_only_job(world, OWNER).status is status
    assert measure_delay(world, OWNER) <= CALL_SECONDS + WITHIN_SECONDS
    assert sum(job.reused_from is None for job in world.list_jobs()) == 2
    assert_at_rest(world)


def test_every_copy_is_tried_in_turn_when_each_is_refused() -> None:
    world = World()
    world.provider.default_behavior = build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST)
    world.start()
    drop_copies(world, OWNER, *COPIES)
    run_to_completion(world, 1 + len(COPIES))
    ends = sorted(map(find_end, world.list_jobs()))
    assert {job.status for job in world.list_jobs()} == {JobStatus.REFUSED}
    assert max((later - end).total_seconds() for end, later in zip(ends, ends[1:], strict=False)) <= WITHIN_SECONDS


def delete(world: World) -> None:
    world.delete_file(OWNER)


def edit(world: World) -> None:
    world.upload_sidecar(OWNER, prompt="at sea")


def replace(world: World) -> None:
    world.upload_photo(OWNER, build_photo("other bytes"), operation="remove")


def cancel(world: World) -> None:
    def command() -> None:
        cancelling = world.steps.cancel()
        mark = cancelling.add_mark("hats/")
        assert [*cancelling.cancel_marked(mark, CancelSummary())] == [OWNER]

    world.run_as_operator(command)


@pytest.mark.parametrize("leave", [delete, edit, replace, cancel])
def test_one_copy_buys_at_once_when_the_owner_is_superseded(leave: Callable[[World], None]) -> None:
    world = World()
    world.provider.script.append(build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, retry_after=600))
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)
    run_for(world, 200)
    assert {job.status for job in world.list_jobs()} == {JobStatus.ACCEPTED}
    leave(world)
    run_for(world, 60)
    assert world.list_jobs(OWNER)[0].status in (JobStatus.CANCELLED, JobStatus.SUPERSEDED)
    assert measure_delay(world, OWNER) <= CALL_SECONDS + WITHIN_SECONDS
    assert sum(find_only_job(world, key).reused_from is None for key in COPIES) == 1


def test_next_copy_is_woken_when_the_chosen_one_is_deleted() -> None:
    world = World()
    unsafe = ProviderResult(RetryClass.PERM, Code.UNSAFE_REQUEST, "the prompt is not safe")
    world.provider.script.append(CallBehavior(accepts_work=False, result=unsafe, work_seconds=LONG_CALL_SECONDS))
    world.start()
    drop_copies(world, OWNER)
    run_for(world, 5)
    drop_copies(world, *COPIES)

    def delete_chosen_copy(call: ServiceCall) -> None:
        world.delete_file(json.loads(call.request["MessageBody"])["key"])

    wakes = TargetedFault(
        delete_chosen_copy, "send_message", matches=lambda call: '"recheck"' in str(call.request["MessageBody"])
    )
    world.transport.faults_before.append(wakes)
    run_for(world, 2 * LONG_CALL_SECONDS)
    assert wakes.hit_count == 1
    assert sorted(job.status for job in world.list_jobs() if job.key != OWNER) == [
        JobStatus.CANCELLED,
        *[JobStatus.STORED] * 7,
    ]
    stored = [find_end(job) for job in world.list_jobs() if job.status is JobStatus.STORED]
    assert (max(stored) - find_end(find_only_job(world, OWNER))).total_seconds() <= CALL_SECONDS + WITHIN_SECONDS
