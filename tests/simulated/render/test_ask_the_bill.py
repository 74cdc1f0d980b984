"""`OnLostAnswer=ask_the_bill`: only a call that was not charged, as the usage records show, is sent once more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model import transitions
from backdrop.model.bill_records import MAX_RUN_DISTANCE, BillState
from backdrop.model.errors import ConflictError
from backdrop.model.job import Job, JobStatus, MoneyStatus, Settlement, SettlementResult
from backdrop.model.provider_result import ProviderResult
from backdrop.model.transitions.payment import MAX_BILL_WAIT
from simulation.world.simulated_provider import CallBehavior, build_charged_hang_up, build_uncharged_hang_up
from simulation.world.simulated_stack import World
from tests.simulated.simulated_days import DAY, list_report_codes, pass_time
from tests.simulated.stage_worlds import (
    KEY,
    PRICE,
    REJECTED,
    THROTTLED,
    assert_at_rest,
    find_only_job,
    world_with_photo,
)

S = JobStatus
CHARGED, NOT_CHARGED = SettlementResult.CHARGED, SettlementResult.NOT_CHARGED


def let_bill_be_read(world: World) -> None:
    """The last run of the comparison could settle calls."""
    ledger, now = world.ledger, world.clock.now()
    ledger.put_bill_state(replace(ledger.read_bill_state(), settles_until=now + MAX_RUN_DISTANCE))


def world_after_lost_call(lost: CallBehavior, **setup: object) -> World:
    """A world with a photo whose first call has lost its answer, after three hours."""
    world = world_with_photo(on_lost_answer="ask_the_bill", **setup)
    let_bill_be_read(world)
    world.provider.script.append(lost)
    pass_time(world, 3 * 3600)
    return world


def settle(world: World, result: SettlementResult, n: int = 1) -> Job:
    """Settles a call of the photo's only job as the function reconcile-bill does."""
    job, now = find_only_job(world), world.clock.now()
    settlement = Settlement(
        result=result, settled_at=now, amount=PRICE, hours=(now,), billed=1, certain=0, records_read_at=now
    )
    return world.ledger.write_transition(transitions.settle(job, n, settlement))


def count_calls(world: World) -> int:
    return len(world.provider.received_job_ids)


def test_job_waits_without_a_message_a_place_or_another_call() -> None:
    world = world_after_lost_call(build_charged_hang_up())
    job = find_only_job(world)
    assert (job.status, job.waits_for_bill, job.money, count_calls(world)) == (S.UNKNOWN, True, MoneyStatus.UNKNOWN, 1)
    assert not any(queue.messages for queue in world.queues.values())
    assert world.ledger.read_places("ideogram").count_leased(world.clock.now()) == 0
    report = world.read_report(KEY)
    assert report
    [entry] = report["errors"]
    assert (entry["code"], entry["status"], entry["retryable"]) == ("charge_unknown", "unknown", True)
    assert "usage records" in entry["hint"]


def test_call_that_was_not_charged_is_sent_once_more() -> None:
    world = world_after_lost_call(build_uncharged_hang_up())
    assert settle(world, NOT_CHARGED).status is S.ACCEPTED
    pass_time(world, 900)
    job = find_only_job(world)
    assert (job.status, count_calls(world), job.charged, job.unknown) == (S.STORED, 2, PRICE, 0)
    assert (world.provider.charged_micro_usd, list_report_codes(world, KEY)) == (PRICE, [])
    assert_at_rest(world)


@pytest.mark.parametrize("result", [CHARGED, SettlementResult.UNDECIDED])
def test_call_that_may_have_been_charged_is_held(result: SettlementResult) -> None:
    world = world_after_lost_call(build_charged_hang_up())
    assert settle(world, result).status is S.HELD
    pass_time(world, DAY, every=3600)
    job = find_only_job(world)
    assert (job.status, count_calls(world), list_report_codes(world, KEY)) == (S.HELD, 1, ["charge_unknown"])
    assert job.problem
    assert job.problem.money is (MoneyStatus.SPENT if result is CHARGED else MoneyStatus.UNKNOWN)
    assert_at_rest(world)


def test_job_is_held_if_the_bill_is_not_final_in_time() -> None:
    world = world_after_lost_call(build_charged_hang_up())
    pass_time(world, (MAX_BILL_WAIT - timedelta(hours=4)).total_seconds(), every=3600)
    assert find_only_job(world).waits_for_bill
    pass_time(world, 2 * 3600)
    assert (find_only_job(world).status, count_calls(world)) == (S.HELD, 1)
    assert_at_rest(world)


def test_answer_lost_a_second_time_is_held() -> None:
    world = world_after_lost_call(build_uncharged_hang_up())
    settle(world, NOT_CHARGED)
    let_bill_be_read(world)
    world.provider.script.append(build_uncharged_hang_up())
    pass_time(world, 3600)
    assert (find_only_job(world).status, count_calls(world)) == (S.HELD, 2)


def test_without_a_comparison_the_job_is_held_at_once() -> None:
    world = world_with_photo(on_lost_answer="ask_the_bill")
    world.provider.script.append(build_charged_hang_up())
    pass_time(world, 3600)
    assert (find_only_job(world).status, count_calls(world)) == (S.HELD, 1)
    assert BillState().settles_calls(world.clock.now()) is False


def test_job_that_is_no_longer_requested_is_not_sent_again() -> None:
    world = world_after_lost_call(build_uncharged_hang_up())
    cancelled = transitions.cancel(find_only_job(world), world.clock.now())
    assert cancelled
    world.ledger.write_transition(cancelled)
    assert settle(world, NOT_CHARGED).status is S.CANCELLED
    pass_time(world, 900)
    assert count_calls(world) == 1


def test_correction_before_the_second_call_prevents_it() -> None:
    world = world_after_lost_call(build_uncharged_hang_up())
    job = settle(world, NOT_CHARGED)
    world.ledger.write_transition(transitions.reopen_settlement(job, 1, world.clock.now()))
    pass_time(world, 3600)
    job = find_only_job(world)
    assert (job.status, job.money, count_calls(world)) == (S.HELD, MoneyStatus.UNKNOWN, 1)


def test_second_call_no_longer_waits_for_the_bill() -> None:
    """Otherwise, a second lost answer would look like the first one."""
    world = world_after_lost_call(build_uncharged_hang_up())
    job = settle(world, NOT_CHARGED)
    assert job.bill_wait_until is not None
    pass_time(world, 900)
    assert find_only_job(world).bill_wait_until is None


def spool_late_answer(world: World, answer: ProviderResult) -> None:
    """The worker of the lost call gets its answer after its lease has expired, and the ledger does not accept it."""
    world.steps.bootstrap.answer_spool.save(find_only_job(world), 1, answer)


def test_late_picture_ends_the_wait() -> None:
    world = world_after_lost_call(build_charged_hang_up())
    assert find_only_job(world).waits_for_bill
    (work,) = world.provider.account.work_by_id.values()
    spool_late_answer(world, work.result)
    pass_time(world, 900)
    job = find_only_job(world)
    assert (job.status, job.waits_for_bill, job.charged, job.unknown) == (S.STORED, False, PRICE, 0)
    assert (count_calls(world), world.provider.charged_micro_usd, list_report_codes(world, KEY)) == (1, PRICE, [])
    with pytest.raises(ConflictError):
        settle(world, NOT_CHARGED)
    assert_at_rest(world)


def test_late_refusal_ends_the_wait_without_a_charge() -> None:
    world = world_after_lost_call(build_uncharged_hang_up())
    spool_late_answer(world, REJECTED)
    pass_time(world, 900)
    job = find_only_job(world)
    assert (job.status, job.unknown, list_report_codes(world, KEY)) == (S.DEAD, 0, [REJECTED.code])
    assert (count_calls(world), world.provider.charged_micro_usd) == (1, 0)
    assert_at_rest(world)


def test_late_answer_that_nothing_was_taken_sends_the_job_again() -> None:
    world = world_after_lost_call(build_uncharged_hang_up())
    spool_late_answer(world, THROTTLED)
    pass_time(world, 2 * 3600)
    job = find_only_job(world)
    assert (job.status, count_calls(world), job.charged, job.unknown) == (S.STORED, 2, PRICE, 0)
    assert_at_rest(world)
