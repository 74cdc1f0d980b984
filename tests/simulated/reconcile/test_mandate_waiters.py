"""Reconcile wakes the jobs that their mandates cover again, whatever else waits, and within its time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backdrop.model.job import Job, JobStatus
from backdrop.model.mandate import MandateState, WhenSpent
from backdrop.model.transitions import Transition
from simulation.world.simulated_stack import TIMEOUTS_SECONDS, World
from simulation.world.transport import TargetedFault
from tests.simulated.reconcile.test_runs import run_once
from tests.simulated.render.test_mandates import FIRST, create_mandate, find_account, upload, world_with_mandate
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import PRICE, find_only_job

NAMES = ("anna", "ben", "cleo")


def world_with_waiting_job(**terms: Any) -> World:
    """Returns a world with one job, which its mandate does not cover."""
    world = world_with_mandate(FIRST, when_spent=WhenSpent.WAIT, limit=1, **terms)
    world.run_until_empty()
    assert find_only_job(world, FIRST).waits_for_mandate
    return world


def change_unnoticed(world: World, name: str = "anna", **terms: Any) -> None:
    """Changes the terms as an operator's command does that crashes before it wakes the jobs."""
    world.ledger.put_mandate_terms(replace(find_account(world, name).mandate, **terms))


def copy_job(world: World, job: Job, number: int, **facts: Any) -> None:
    """Writes a waiting job of another photo."""
    new_id = f"{number:032x}"
    copy = replace(job, source_id=new_id, job_id=new_id, key=f"agents/anna/c{number}.jpg", lock_version=0, **facts)
    world.ledger.write_transition(Transition(copy))


def list_woken(world: World) -> list[str]:
    return [job.mandate or "" for job in world.list_jobs() if not job.waits_for_mandate]


def test_cheap_job_returns_although_a_thousand_older_ones_are_not_covered() -> None:
    world = world_with_waiting_job()
    job = find_only_job(world, FIRST)
    for number in range(1, 1002):
        copy_job(world, job, number, quoted=2 * PRICE)
    queued_later = job.queued_at.replace(year=job.queued_at.year + 1)
    copy_job(world, job, 2000, queued_at=queued_later)
    change_unnoticed(world, limit=PRICE)
    world.ledger.write_transition(Transition(replace(find_only_job(world, FIRST), quoted=2 * PRICE)))
    before = len(world.transport.calls)
    assert run_once(world).counts["mandates"] == 1
    assert [one.key for one in world.list_jobs() if not one.waits_for_mandate] == ["agents/anna/c2000.jpg"]
    assert len([call for call in world.transport.calls[before:] if call.operation == "get_item"]) < 100


@pytest.mark.parametrize(
    "terms", [{"state": MandateState.SUSPENDED}, {"limit": 0}, {"per_day": 0}], ids=lambda terms: next(iter(terms))
)
def test_jobs_of_a_mandate_without_room_are_not_read(terms: dict[str, Any]) -> None:
    world = world_with_waiting_job()
    room: dict[str, Any] = {"limit": 2 * PRICE}
    change_unnoticed(world, **room | terms)
    waiters, before = world.mandates.waiters, len(world.transport.calls)
    assert waiters.wake_jobs_of("anna", world.clock.time + timedelta(minutes=1)) == 0
    assert [call.operation for call in world.transport.calls[before:]] == ["get_item"]


@pytest.mark.parametrize("terms", [{"state": MandateState.ENDED}, {"when_spent": WhenSpent.REFUSE}])
def test_jobs_that_can_no_longer_wait_are_refused_without_room(terms: dict[str, Any]) -> None:
    world = world_with_waiting_job()
    change_unnoticed(world, **terms)
    assert run_once(world).counts["mandates"] == 1
    world.run_until_empty()
    assert find_only_job(world, FIRST).status is JobStatus.REFUSED


def test_job_that_new_terms_exclude_is_refused_although_nothing_is_left() -> None:
    world = world_with_waiting_job()
    world.mandates.change_terms("anna", "ops", operations=("replace",))
    world.run_until_empty()
    assert list_report_codes(world, FIRST) == ["mandate_forbids"]


def test_run_whose_time_is_over_continues_with_the_next_mandate() -> None:
    world = World()
    for name in NAMES:
        create_mandate(world, name, prefix=f"agents/{name}/", when_spent=WhenSpent.WAIT, limit=1)
        for number in range(2):
            upload(world, f"agents/{name}/{number}.jpg")
    world.run_until_empty()
    for name in NAMES:
        change_unnoticed(world, name, limit=2 * PRICE)
    for woken in (["anna"], ["anna", "ben"], ["anna", "ben", "cleo"], ["anna", "anna", "ben", "cleo"]):
        world.transport.faults_before.append(TargetedFault(lambda _: world.clock.sleep(200), "send_message"))
        result = run_once(world)
        assert (result.counts["mandates"], "letters" in result.counts, result.failures) == (1, True, [])
        assert sorted(list_woken(world)) == woken
        world.run_until_empty()


def test_time_for_waking_ends_before_the_invocation() -> None:
    """Each request takes a second: 40 mandates would need more time than a run has."""
    world = World()
    for number in range(40):
        create_mandate(world, f"m{number}", prefix=f"agents/{number}/", when_spent=WhenSpent.WAIT, limit=1)
        upload(world, f"agents/{number}/1.jpg")
    world.run_until_empty()
    for number in range(40):
        change_unnoticed(world, f"m{number}", limit=PRICE)
    started = world.clock.time
    world.transport.faults_before.append(TargetedFault(lambda _: world.clock.sleep(1), times=10_000))
    run_once(world)
    assert (world.clock.time - started).total_seconds() < TIMEOUTS_SECONDS["reconcile"]
