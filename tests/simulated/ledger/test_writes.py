"""The ledger's writes are conditional, all or nothing, and recognized if their response was lost."""

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
from tests.simulated.stage_worlds import CAP, LOST, NOW, OK, PRICE, THROTTLED, build_job, claim

SOURCE = Source(source_id="s" * 64, bucket="photos", key="shoes/red.jpg")
TODAY = NOW.date().isoformat()
WRITE = "transact_write_items"


def create_job(world: World, **changes: str) -> Job:
    """Returns a job in the ledger that is ready to be claimed."""
    return world.ledger.write_transition(transitions.Transition(build_job(**changes)))


def test_write_with_a_lost_response_is_recognized_by_reading_back() -> None:
    world = World()
    world.transport.faults_after.append(lost := TargetedFault(lose_response, WRITE, times=10))
    job = create_job(world)
    job = world.ledger.write_transition(claim(job))
    job = world.ledger.write_transition(transitions.record_result(job, 1, OK, NOW))
    world.ledger.put_source(SOURCE, [])
    assert lost.hit_count == 4
    assert world.ledger.find_job(job.source_id, job.job_id) == job
    assert world.read_budget(TODAY) == {"reserved": 0, "confirmed": PRICE, "unknown": 0, "committed": PRICE}


def test_error_after_a_successful_write_is_recognized() -> None:
    world = World()

    def fail(_: object) -> None:
        raise build_client_error("InternalServerError", "TransactWriteItems", 500)

    world.transport.faults_after.append(TargetedFault(fail, WRITE))
    assert create_job(world) == world.list_jobs()[0]


def test_write_repeated_by_the_sdk_does_not_conflict_with_itself() -> None:
    """The second write is rejected, and its error contains the item that the first one wrote."""
    world = World()

    def refuse(_: object) -> None:
        (item,) = world.table.items.values()
        reasons = [{"Code": "ConditionalCheckFailed", "Item": item}]
        answer: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(answer, "TransactWriteItems")

    world.transport.faults_after.append(TargetedFault(refuse, WRITE))
    assert create_job(world) == world.list_jobs()[0]


def test_lost_race_needs_no_additional_read() -> None:
    world = World()
    create_job(world)
    operations = [call.operation for call in world.transport.calls]
    with pytest.raises(ConflictError):
        create_job(world)
    assert [call.operation for call in world.transport.calls] == [*operations, WRITE]


def test_failed_write_is_transient_and_not_a_conflict() -> None:
    world = World()
    world.transport.faults_before.append(TargetedFault(raise_throttle, WRITE))
    with pytest.raises(RetryLaterError) as raised:
        create_job(world)
    assert raised.value.code is Code.LEDGER_UNAVAILABLE
    assert not world.list_jobs()


def test_writer_with_the_stale_item_loses_the_race() -> None:
    world = World()
    job = create_job(world)
    won = world.ledger.write_transition(claim(job))
    with pytest.raises(ConflictError):
        world.ledger.write_transition(claim(job))
    with pytest.raises(ConflictError):
        create_job(world)
    assert world.list_jobs() == [won]
    assert world.read_budget(TODAY)["reserved"] == PRICE


def test_conflict_with_another_transaction_is_retried() -> None:
    world = World()
    world.transport.faults_before.append(clash := TargetedFault(raise_conflict, WRITE, times=2))
    create_job(world)
    assert clash.hit_count == 2
    assert len(world.list_jobs()) == 1


def test_all_writes_of_a_photo_succeed_or_none() -> None:
    world = World()
    job = create_job(world)
    steps = [transitions.supersede(job, NOW), transitions.Transition(build_job(job_id="k" * 64))]
    world.ledger.write_transition(claim(job))
    with pytest.raises(ConflictError):
        world.ledger.put_source(SOURCE, [step for step in steps if step])
    assert [one.status for one in world.list_jobs()] == ["submitting"]
    assert world.ledger.read_photo(SOURCE.source_id)[0] is None


def test_photo_with_many_jobs_is_read_completely() -> None:
    world = World()
    world.ledger.put_source(SOURCE, [transitions.Transition(build_job(job_id=f"{n:064}")) for n in range(20)])
    source, jobs = world.ledger.read_photo(SOURCE.source_id)
    assert source
    assert source.lock_version == 1
    assert len(jobs) == 20


@pytest.mark.parametrize("operation", ["get_item", "query"])
def test_unavailable_table_raises_retry_later_error(operation: str) -> None:
    world = World()
    world.transport.faults_before.append(TargetedFault(raise_throttle, operation))
    with pytest.raises(RetryLaterError):
        _ = world.ledger.find_job("s", "j") if operation == "get_item" else world.ledger.read_photo("s")


# -- the day's budget ------------------------------------------------------------------------------------------


def claim_job(world: World, n: int, cap: int = CAP, day: int = 0) -> Job:
    """Claims the n-th job."""
    job = create_job(world, job_id=f"{n:064}")
    return world.ledger.write_transition(claim(job, NOW + timedelta(days=day), cap))


def test_claims_over_the_cap_wait_for_the_next_day() -> None:
    world = World()
    for n in range(10):
        world.ledger.write_transition(transitions.record_result(claim_job(world, n), 1, OK, NOW))
    with pytest.raises(RetryLaterError) as raised:
        claim_job(world, 11)
    assert raised.value.code is Code.BUDGET_REACHED
    assert world.read_budget(TODAY)["committed"] == CAP
    assert claim_job(world, 12, day=1).attempt_no == 1


def test_zero_budget_buys_nothing_at_all() -> None:
    world = World()
    with pytest.raises(RetryLaterError) as raised:
        claim_job(world, 1, cap=0)
    assert raised.value.code is Code.BUDGET_REACHED
    assert not world.read_budget(TODAY)


def test_price_above_the_whole_budget_is_never_bought() -> None:
    world = World()
    with pytest.raises(RetryLaterError) as raised:
        claim_job(world, 1, cap=PRICE - 1)
    assert raised.value.code is Code.BUDGET_REACHED
    assert claim_job(world, 2, cap=PRICE).attempt_no == 1


def test_budget_reserved_by_other_calls_causes_a_short_wait() -> None:
    world = World()
    first = claim_job(world, 1, cap=PRICE)
    with pytest.raises(RetryLaterError) as raised:
        claim_job(world, 2, cap=PRICE)
    assert raised.value.code is Code.BUDGET_RESERVED
    world.ledger.write_transition(transitions.record_result(first, 1, THROTTLED, NOW))
    assert claim_job(world, 3, cap=PRICE).attempt_no == 1


def test_lost_answer_counts_as_spent_until_resolved() -> None:
    world = World()
    lost = world.ledger.write_transition(transitions.record_result(claim_job(world, 1, cap=PRICE), 1, LOST, NOW))
    with pytest.raises(RetryLaterError) as raised:
        claim_job(world, 2, cap=PRICE)
    assert raised.value.code is Code.BUDGET_REACHED
    world.ledger.write_transition(transitions.record_result(lost, 1, OK, NOW))
    assert world.read_budget(TODAY) == {"reserved": 0, "confirmed": PRICE, "unknown": 0, "committed": PRICE}


def test_attempt_from_yesterday_settles_on_yesterdays_budget() -> None:
    world = World()
    late = claim_job(world, 1)
    tomorrow = NOW + timedelta(days=1)
    claim_job(world, 2, day=1)
    world.ledger.write_transition(transitions.record_result(late, 1, OK, tomorrow))
    assert world.read_budget(TODAY) == {"reserved": 0, "confirmed": PRICE, "unknown": 0, "committed": PRICE}
    assert world.read_budget(tomorrow.date().isoformat())["reserved"] == PRICE
