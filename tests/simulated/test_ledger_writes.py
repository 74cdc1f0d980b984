"""The ledger's writes: fenced, all or nothing, and recognised again when their own answer was lost."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, RetryLaterError
from backdrop.model.job import Job, Source
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, build_client_error, lose_response, raise_conflict, raise_throttle
from tests.simulated.simulation import CAP, LOST, NOW, OK, PRICE, THROTTLED, a_job, claim

SOURCE = Source(source_id="s" * 64, bucket="photos", key="shoes/red.jpg")
TODAY = NOW.date().isoformat()
WRITE = "transact_write_items"


def accepted(world: World, **changes: str) -> Job:
    """A job that is in the ledger, ready to be claimed."""
    return world.ledger.write_transition(transitions.Transition(a_job(**changes)))


def test_a_write_whose_answer_was_lost_is_recognised_by_reading_back() -> None:
    world = World()
    world.transport.faults_after.append(lost := TargetedFault(lose_response, WRITE, times=10))
    job = accepted(world)
    job = world.ledger.write_transition(claim(job))
    job = world.ledger.write_transition(transitions.record_result(job, 1, OK, NOW))
    world.ledger.put_source(SOURCE, [])
    assert lost.hit_count == 4
    assert world.ledger.find_job(job.source_id, job.job_id) == job
    assert world.read_budget(TODAY) == {"reserved": 0, "confirmed": PRICE, "unknown": 0, "committed": PRICE}


def test_an_error_after_a_write_that_counted_is_recognised_too() -> None:
    world = World()

    def fail(_: object) -> None:
        raise build_client_error("InternalServerError", "TransactWriteItems", 500)

    world.transport.faults_after.append(TargetedFault(fail, WRITE))
    assert accepted(world) == world.list_jobs()[0]


def test_a_write_that_is_sent_twice_by_the_sdk_loses_no_race_against_itself() -> None:
    """The second is refused, and shown what the first wrote."""
    world = World()

    def refuse(_: object) -> None:
        (item,) = world.table.items.values()
        reasons = [{"Code": "ConditionalCheckFailed", "Item": item}]
        answer: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(answer, "TransactWriteItems")

    world.transport.faults_after.append(TargetedFault(refuse, WRITE))
    assert accepted(world) == world.list_jobs()[0]


def test_a_lost_race_costs_no_look_at_who_won() -> None:
    world = World()
    accepted(world)
    looks = [call.operation for call in world.transport.calls]
    with pytest.raises(ConflictError):
        accepted(world)
    assert [call.operation for call in world.transport.calls] == [*looks, WRITE]


def test_a_write_that_did_not_happen_is_weather_not_a_lost_race() -> None:
    world = World()
    world.transport.faults_before.append(TargetedFault(raise_throttle, WRITE))
    with pytest.raises(RetryLaterError) as raised:
        accepted(world)
    assert raised.value.code is Code.LEDGER_UNAVAILABLE
    assert not world.list_jobs()


def test_a_race_is_lost_by_whoever_read_the_older_item() -> None:
    world = World()
    job = accepted(world)
    won = world.ledger.write_transition(claim(job))
    with pytest.raises(ConflictError):
        world.ledger.write_transition(claim(job))
    with pytest.raises(ConflictError):
        accepted(world)
    assert world.list_jobs() == [won]
    assert world.read_budget(TODAY)["reserved"] == PRICE


def test_a_conflict_with_another_transaction_is_tried_again() -> None:
    world = World()
    world.transport.faults_before.append(clash := TargetedFault(raise_conflict, WRITE, times=2))
    accepted(world)
    assert clash.hit_count == 2
    assert len(world.list_jobs()) == 1


def test_all_of_a_photos_writes_count_or_none() -> None:
    world = World()
    job = accepted(world)
    steps = [transitions.supersede(job, NOW), transitions.Transition(a_job(job_id="k" * 64))]
    world.ledger.write_transition(claim(job))
    with pytest.raises(ConflictError):
        world.ledger.put_source(SOURCE, [step for step in steps if step])
    assert [one.status for one in world.list_jobs()] == ["submitting"]
    assert world.ledger.read_photo(SOURCE.source_id)[0] is None


def test_a_photo_with_many_jobs_is_read_whole() -> None:
    world = World()
    world.ledger.put_source(SOURCE, [transitions.Transition(a_job(job_id=f"{n:064}")) for n in range(20)])
    source, jobs = world.ledger.read_photo(SOURCE.source_id)
    assert source
    assert source.lock_version == 1
    assert len(jobs) == 20


@pytest.mark.parametrize("operation", ["get_item", "query"])
def test_a_table_that_does_not_answer_a_question_means_wait(operation: str) -> None:
    world = World()
    world.transport.faults_before.append(TargetedFault(raise_throttle, operation))
    with pytest.raises(RetryLaterError):
        _ = world.ledger.find_job("s", "j") if operation == "get_item" else world.ledger.read_photo("s")


# -- the day's budget ------------------------------------------------------------------------------------------


def claimed(world: World, n: int, cap: int = CAP, day: int = 0) -> Job:
    """The n-th job, claimed."""
    job = accepted(world, job_id=f"{n:064}")
    return world.ledger.write_transition(claim(job, NOW + timedelta(days=day), cap))


def test_claims_beyond_the_cap_wait_for_the_next_day() -> None:
    world = World()
    for n in range(10):
        world.ledger.write_transition(transitions.record_result(claimed(world, n), 1, OK, NOW))
    with pytest.raises(RetryLaterError) as raised:
        claimed(world, 11)
    assert raised.value.code is Code.BUDGET_REACHED
    assert world.read_budget(TODAY)["committed"] == CAP
    assert claimed(world, 12, day=1).attempt_no == 1


def test_a_budget_of_zero_buys_nothing() -> None:
    world = World()
    with pytest.raises(RetryLaterError) as raised:
        claimed(world, 1, cap=0)
    assert raised.value.code is Code.BUDGET_REACHED
    assert not world.read_budget(TODAY)


def test_a_price_above_the_whole_budget_is_not_bought_on_an_empty_day() -> None:
    world = World()
    with pytest.raises(RetryLaterError) as raised:
        claimed(world, 1, cap=PRICE - 1)
    assert raised.value.code is Code.BUDGET_REACHED
    assert claimed(world, 2, cap=PRICE).attempt_no == 1


def test_what_others_have_only_reserved_is_waited_for_shortly() -> None:
    world = World()
    first = claimed(world, 1, cap=PRICE)
    with pytest.raises(RetryLaterError) as raised:
        claimed(world, 2, cap=PRICE)
    assert raised.value.code is Code.BUDGET_RESERVED
    world.ledger.write_transition(transitions.record_result(first, 1, THROTTLED, NOW))
    assert claimed(world, 3, cap=PRICE).attempt_no == 1


def test_a_lost_answer_counts_as_spent_until_it_is_known() -> None:
    world = World()
    lost = world.ledger.write_transition(transitions.record_result(claimed(world, 1, cap=PRICE), 1, LOST, NOW))
    with pytest.raises(RetryLaterError) as raised:
        claimed(world, 2, cap=PRICE)
    assert raised.value.code is Code.BUDGET_REACHED
    world.ledger.write_transition(transitions.record_result(lost, 1, OK, NOW))
    assert world.read_budget(TODAY) == {"reserved": 0, "confirmed": PRICE, "unknown": 0, "committed": PRICE}


def test_yesterdays_attempt_settles_on_yesterday() -> None:
    world = World()
    late = claimed(world, 1)
    tomorrow = NOW + timedelta(days=1)
    claimed(world, 2, day=1)
    world.ledger.write_transition(transitions.record_result(late, 1, OK, tomorrow))
    assert world.read_budget(TODAY) == {"reserved": 0, "confirmed": PRICE, "unknown": 0, "committed": PRICE}
    assert world.read_budget(tomorrow.date().isoformat())["reserved"] == PRICE
