"""The ledger looked through: what is due, oldest first; what is open; what failed; what a day may cost."""

from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import StaleError, WaitError
from backdrop.model.job import Job, Status
from backdrop.model.schedule import MESSAGE_LIFE, Day, Ref
from proof.world.stack import World
from proof.world.wire import Strike, conflict, lose_answer, throttle
from tests.simulated.simulation import CAP, LOST, NOW, OK, PRICE, REJECTED, a_job, claim
from tests.unit.core_items import a_problem, a_source

TODAY = NOW.date().isoformat()
DUE = NOW + MESSAGE_LIFE


def ident(n: int) -> str:
    """The n-th id; their first digits differ."""
    return f"{n % 16:x}{n:063x}"


def waiting(world: World, n: int, hours: float = 0) -> Job:
    """The n-th job, whose message was sent so many hours later."""
    job = a_job(job_id=ident(n), source_id=ident(n), put_at=NOW + timedelta(hours=hours))
    return world.ledger.advance(transitions.Step(job))


# -- what is due -------------------------------------------------------------------------------------------------


def test_what_is_due_comes_oldest_first_whatever_its_shard() -> None:
    world = World()
    for n, hours in enumerate([3, 1, 2, 0, 4]):
        waiting(world, n, hours)
    found = world.steps.books.due(DUE + timedelta(hours=3), 100)
    assert [ref.source_id for ref in found] == [ident(n) for n in (3, 1, 2, 0)]
    assert found[0] == Ref(ident(3), ident(3))


def test_no_more_is_asked_for_than_can_be_done() -> None:
    world = World()
    for n in range(40):
        waiting(world, n)
    assert len(world.steps.books.due(DUE, 7)) == 7
    assert len(list(world.steps.books.open())) == 40


def test_a_place_and_its_job_are_told_apart() -> None:
    world = World()
    world.ledger.put_source(a_source(source_id=ident(1), waiting_since=NOW), [])
    assert list(world.steps.books.open()) == [Ref(ident(1))]


def test_an_item_leaves_the_index_with_the_transition_that_ends_it() -> None:
    world = World()
    job = world.ledger.advance(claim(waiting(world, 1)))
    assert list(world.steps.books.open()) == [Ref(ident(1), ident(1))]
    job = world.ledger.advance(transitions.record(job, 1, REJECTED, NOW))
    world.ledger.advance(transitions.mark_told(job))
    assert (list(world.steps.books.open()), list(world.steps.books.failed())) == ([], [Ref(ident(1), ident(1))])


def test_failures_come_oldest_first_photos_and_jobs_in_one_list() -> None:
    world = World()
    for n, hours in ((1, 2), (2, 1)):
        job = world.ledger.advance(claim(waiting(world, n)))
        job = world.ledger.advance(transitions.record(job, 1, REJECTED, NOW + timedelta(hours=hours)))
        world.ledger.advance(transitions.mark_told(job))
    problem = a_problem(Code.NOT_A_PHOTO, last_seen=NOW)
    world.ledger.put_source(a_source(source_id=ident(3), problems=(problem,)), [])
    assert list(world.steps.books.failed()) == [Ref(ident(3)), Ref(ident(2), ident(2)), Ref(ident(1), ident(1))]


def test_an_index_that_does_not_answer_means_wait() -> None:
    world = World()
    world.wire.before.append(Strike(throttle, "query"))
    with pytest.raises(WaitError) as raised:
        world.steps.books.due(NOW, 1)
    assert raised.value.code is Code.LEDGER_UNAVAILABLE


# -- a day's budget ----------------------------------------------------------------------------------------------


def test_a_day_says_what_it_has_committed() -> None:
    world = World()
    lost = world.ledger.advance(claim(waiting(world, 1)))
    world.ledger.advance(transitions.record(lost, 1, LOST, NOW))
    good = world.ledger.advance(claim(waiting(world, 2)))
    world.ledger.advance(transitions.record(good, 1, OK, NOW))
    world.ledger.advance(claim(waiting(world, 3)))
    day = world.steps.books.day(TODAY)
    assert day == Day(TODAY, reserved=PRICE, certain=PRICE, unknown=PRICE)
    assert day.settled == 2 * PRICE
    assert world.steps.books.day("2026-11-21") == Day("2026-11-21")


@pytest.mark.parametrize("before", [True, False], ids=["before the first claim", "on a day that is used up"])
def test_a_persons_cap_holds_in_place_of_the_stacks_for_its_day_alone(before: bool) -> None:
    world = World()
    if not before:
        world.ledger.advance(transitions.record(world.ledger.advance(claim(waiting(world, 1), cap=PRICE)), 1, OK, NOW))
    world.steps.books.raise_budget(TODAY, 2 * PRICE)
    assert world.steps.books.day(TODAY).cap == 2 * PRICE
    for n in (2, 3)[: 2 if before else 1]:
        world.ledger.advance(claim(waiting(world, n), cap=PRICE))
    with pytest.raises(WaitError) as raised:
        world.ledger.advance(claim(waiting(world, 4), cap=CAP))
    assert raised.value.code in (Code.BUDGET_REACHED, Code.BUDGET_RESERVED)
    tomorrow = NOW + timedelta(days=1)
    world.ledger.advance(claim(waiting(world, 5), tomorrow, cap=PRICE))


@pytest.mark.parametrize(
    ("settled", "code"), [(True, Code.BUDGET_REACHED), (False, Code.BUDGET_RESERVED)], ids=["spent", "reserved"]
)
def test_a_raised_cap_that_is_reached_is_told_as_any_other(settled: bool, code: Code) -> None:
    world = World()
    world.steps.books.raise_budget(TODAY, PRICE)
    first = world.ledger.advance(claim(waiting(world, 1), cap=0))
    if settled:
        world.ledger.advance(transitions.record(first, 1, OK, NOW))
    with pytest.raises(WaitError) as raised:
        world.ledger.advance(claim(waiting(world, 2), cap=0))
    assert raised.value.code is code


@pytest.mark.parametrize("cap", [0, PRICE - 1])
def test_a_person_may_lower_the_cap_as_well(cap: int) -> None:
    world = World()
    world.steps.books.raise_budget(TODAY, cap)
    with pytest.raises(WaitError) as raised:
        world.ledger.advance(claim(waiting(world, 1), cap=CAP))
    assert raised.value.code is Code.BUDGET_REACHED
    assert world.booked(TODAY)["cap"] == cap
    assert "committed" not in world.booked(TODAY)


def test_a_cap_that_is_set_twice_is_the_last_one() -> None:
    world = World()
    for cap in (PRICE, 3 * PRICE):
        world.steps.books.raise_budget(TODAY, cap)
    assert world.steps.books.day(TODAY).cap == 3 * PRICE


def test_a_claim_under_a_raised_cap_whose_answer_was_lost_is_made_once() -> None:
    world = World()
    world.steps.books.raise_budget(TODAY, PRICE)
    job = waiting(world, 1)
    world.wire.after.append(lost := Strike(lose_answer, "transact_write_items", nth=2))
    claimed = world.ledger.advance(claim(job, cap=0))
    assert lost.hits == 1
    assert (claimed.status, world.ledger.job(job.source_id, job.job_id)) == (Status.SUBMITTING, claimed)
    assert world.steps.books.day(TODAY).reserved == PRICE


# -- reconcile's own item and the lanes' -------------------------------------------------------------------------


def test_one_run_at_a_time_wins() -> None:
    world = World()
    run = world.steps.books.run()
    mine = world.steps.books.put_run(run.but(until=NOW))
    with pytest.raises(StaleError):
        world.steps.books.put_run(run.but(until=NOW))
    assert world.steps.books.run() == mine
    assert world.steps.books.put_run(mine.but(sweep_after="k")).rev == 2


def test_a_lane_is_fenced_too() -> None:
    world = World()
    lane = world.ledger.lane("ideogram")
    mine = world.ledger.put_lane(lane.but(streak=1))
    with pytest.raises(StaleError):
        world.ledger.put_lane(lane.but(streak=2))
    assert world.ledger.lane("ideogram") == mine


def test_a_run_and_a_lane_outlive_conflicts_and_lost_answers() -> None:
    world = World()
    world.wire.before.append(clash := Strike(conflict, "transact_write_items", times=2))
    world.wire.after.append(lost := Strike(lose_answer, "transact_write_items", times=2))
    run, lane = world.steps.books.put_run(world.steps.books.run()), world.ledger.put_lane(world.ledger.lane("ideogram"))
    assert (clash.hits, lost.hits) == (2, 2)
    assert (world.steps.books.run(), world.ledger.lane("ideogram")) == (run, lane)
