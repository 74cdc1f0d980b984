"""Queries on the ledger: due items, open items, and failures, oldest first, and the budget of a day."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.job import Job, JobStatus
from backdrop.model.schedule import MESSAGE_LIFETIME, BudgetDay, ItemKey
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, lose_response, raise_conflict, raise_throttle
from tests.simulated.stage_worlds import CAP, LOST, NOW, OK, PRICE, REJECTED, build_job, claim
from tests.unit.ledger_items import build_problem, build_source

TODAY = NOW.date().isoformat()
DUE = NOW + MESSAGE_LIFETIME


def build_id(n: int) -> str:
    """Returns the n-th ID. The first digits of the IDs differ."""
    return f"{n % 16:x}{n:063x}"


def create_waiting_job(world: World, n: int, hours: float = 0) -> Job:
    """Creates the n-th job, whose message was sent n hours later."""
    job = build_job(job_id=build_id(n), source_id=build_id(n), last_sent_at=NOW + timedelta(hours=hours))
    return world.ledger.write_transition(transitions.Transition(job))


# -- due items ---------------------------------------------------------------------------------------------------


def test_due_items_are_oldest_first_across_shards() -> None:
    world = World()
    for n, hours in enumerate([3, 1, 2, 0, 4]):
        create_waiting_job(world, n, hours)
    found = [*world.steps.ledger_queries.list_due(DUE + timedelta(hours=3))]
    assert [ref.source_id for ref in found] == [build_id(n) for n in (3, 1, 2, 0)]
    assert found[0] == ItemKey(build_id(3), build_id(3))


def test_open_items_are_listed_before_they_are_due() -> None:
    world = World()
    for n in range(40):
        create_waiting_job(world, n)
    assert [*world.steps.ledger_queries.list_due(DUE - timedelta(seconds=1))] == []
    assert len(list(world.steps.ledger_queries.list_open())) == 40


def test_index_distinguishes_a_photo_from_its_job() -> None:
    world = World()
    world.ledger.put_source(build_source(source_id=build_id(1), settling_since=NOW), [])
    assert list(world.steps.ledger_queries.list_open()) == [ItemKey(build_id(1))]


def test_item_leaves_the_index_with_its_final_transition() -> None:
    world = World()
    job = world.ledger.write_transition(claim(create_waiting_job(world, 1)))
    assert list(world.steps.ledger_queries.list_open()) == [ItemKey(build_id(1), build_id(1))]
    job = world.ledger.write_transition(transitions.record_result(job, 1, REJECTED, NOW))
    world.ledger.write_transition(transitions.mark_announced(job))
    assert (list(world.steps.ledger_queries.list_open()), list(world.steps.ledger_queries.list_failed())) == (
        [],
        [ItemKey(build_id(1), build_id(1))],
    )


def test_failed_photos_and_jobs_are_listed_oldest_first() -> None:
    world = World()
    for n, hours in ((1, 2), (2, 1)):
        job = world.ledger.write_transition(claim(create_waiting_job(world, n)))
        job = world.ledger.write_transition(transitions.record_result(job, 1, REJECTED, NOW + timedelta(hours=hours)))
        world.ledger.write_transition(transitions.mark_announced(job))
    problem = build_problem(Code.NOT_A_PHOTO, last_seen=NOW)
    world.ledger.put_source(build_source(source_id=build_id(3), problems=(problem,)), [])
    assert list(world.steps.ledger_queries.list_failed()) == [
        ItemKey(build_id(3)),
        ItemKey(build_id(2), build_id(2)),
        ItemKey(build_id(1), build_id(1)),
    ]


def test_unavailable_index_raises_retry_later_error() -> None:
    world = World()
    world.transport.faults_before.append(TargetedFault(raise_throttle, "query"))
    with pytest.raises(RetryLaterError) as raised:
        next(world.steps.ledger_queries.list_due(NOW))
    assert raised.value.code is Code.LEDGER_UNAVAILABLE


# -- a day's budget ----------------------------------------------------------------------------------------------


def test_budget_day_reports_what_it_has_committed() -> None:
    world = World()
    lost = world.ledger.write_transition(claim(create_waiting_job(world, 1)))
    world.ledger.write_transition(transitions.record_result(lost, 1, LOST, NOW))
    good = world.ledger.write_transition(claim(create_waiting_job(world, 2)))
    world.ledger.write_transition(transitions.record_result(good, 1, OK, NOW))
    world.ledger.write_transition(claim(create_waiting_job(world, 3)))
    day = world.steps.ledger_queries.read_budget_day(TODAY)
    assert day == BudgetDay(TODAY, reserved=PRICE, confirmed=PRICE, unknown=PRICE)
    assert day.spent == 2 * PRICE
    assert world.steps.ledger_queries.read_budget_day("2026-11-21") == BudgetDay("2026-11-21")


@pytest.mark.parametrize("before", [True, False], ids=["before the first claim", "on a day that is used up"])
def test_operators_cap_replaces_the_stacks_for_one_day(before: bool) -> None:
    world = World()
    if not before:
        world.ledger.write_transition(
            transitions.record_result(
                world.ledger.write_transition(claim(create_waiting_job(world, 1), cap=PRICE)), 1, OK, NOW
            )
        )
    world.steps.ledger_queries.set_day_cap(TODAY, 2 * PRICE)
    assert world.steps.ledger_queries.read_budget_day(TODAY).cap == 2 * PRICE
    for n in (2, 3)[: 2 if before else 1]:
        world.ledger.write_transition(claim(create_waiting_job(world, n), cap=PRICE))
    with pytest.raises(RetryLaterError) as raised:
        world.ledger.write_transition(claim(create_waiting_job(world, 4), cap=CAP))
    assert raised.value.code in (Code.BUDGET_REACHED, Code.BUDGET_RESERVED)
    tomorrow = NOW + timedelta(days=1)
    world.ledger.write_transition(claim(create_waiting_job(world, 5), tomorrow, cap=PRICE))


@pytest.mark.parametrize(
    ("settled", "code"), [(True, Code.BUDGET_REACHED), (False, Code.BUDGET_RESERVED)], ids=["spent", "reserved"]
)
def test_reaching_a_raised_cap_raises_the_usual_code(settled: bool, code: Code) -> None:
    world = World()
    world.steps.ledger_queries.set_day_cap(TODAY, PRICE)
    first = world.ledger.write_transition(claim(create_waiting_job(world, 1), cap=0))
    if settled:
        world.ledger.write_transition(transitions.record_result(first, 1, OK, NOW))
    with pytest.raises(RetryLaterError) as raised:
        world.ledger.write_transition(claim(create_waiting_job(world, 2), cap=0))
    assert raised.value.code is code


@pytest.mark.parametrize("cap", [0, PRICE - 1])
def test_operator_may_also_lower_the_cap(cap: int) -> None:
    world = World()
    world.steps.ledger_queries.set_day_cap(TODAY, cap)
    with pytest.raises(RetryLaterError) as raised:
        world.ledger.write_transition(claim(create_waiting_job(world, 1), cap=CAP))
    assert raised.value.code is Code.BUDGET_REACHED
    assert world.read_budget(TODAY)["cap"] == cap
    assert "committed" not in world.read_budget(TODAY)


def test_last_cap_that_was_set_applies() -> None:
    world = World()
    for cap in (PRICE, 3 * PRICE):
        world.steps.ledger_queries.set_day_cap(TODAY, cap)
    assert world.steps.ledger_queries.read_budget_day(TODAY).cap == 3 * PRICE


def test_claim_with_a_lost_response_counts_once_under_a_raised_cap() -> None:
    world = World()
    world.steps.ledger_queries.set_day_cap(TODAY, PRICE)
    job = create_waiting_job(world, 1)
    world.transport.faults_after.append(lost := TargetedFault(lose_response, "transact_write_items", nth=2))
    claimed = world.ledger.write_transition(claim(job, cap=0))
    assert lost.hit_count == 1
    assert (claimed.status, world.ledger.find_job(job.source_id, job.job_id)) == (JobStatus.SUBMITTING, claimed)
    assert world.steps.ledger_queries.read_budget_day(TODAY).reserved == PRICE


# -- reconcile's state and the lanes -----------------------------------------------------------------------------


def test_only_one_concurrent_reconcile_run_gets_the_lock() -> None:
    world = World()
    run = world.ledger.read_reconcile_state()
    mine = world.ledger.put_reconcile_state(replace(run, locked_until=NOW))
    with pytest.raises(ConflictError):
        world.ledger.put_reconcile_state(replace(run, locked_until=NOW))
    assert world.ledger.read_reconcile_state() == mine
    assert world.ledger.put_reconcile_state(replace(mine, sweep_cursor="k")).lock_version == 2


def test_concurrent_write_to_a_lane_raises_conflict_error() -> None:
    world = World()
    lane = world.ledger.read_health("ideogram")
    mine = world.ledger.put_health(replace(lane, failure_streak=1))
    with pytest.raises(ConflictError):
        world.ledger.put_health(replace(lane, failure_streak=2))
    assert world.ledger.read_health("ideogram") == mine


def test_reconcile_and_lane_writes_survive_conflicts_and_lost_responses() -> None:
    world = World()
    world.transport.faults_before.append(clash := TargetedFault(raise_conflict, "transact_write_items", times=2))
    world.transport.faults_after.append(lost := TargetedFault(lose_response, "transact_write_items", times=2))
    run, lane = (
        world.ledger.put_reconcile_state(world.ledger.read_reconcile_state()),
        world.ledger.put_health(world.ledger.read_health("ideogram")),
    )
    assert (clash.hit_count, lost.hit_count) == (2, 2)
    assert (world.ledger.read_reconcile_state(), world.ledger.read_health("ideogram")) == (run, lane)
