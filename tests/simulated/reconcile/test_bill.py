"""The comparison with usage records, on the simulated ledger: no settlement contradicts the truth."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model.bill_records import HOUR, KeyUse, MissingCharge
from backdrop.model.job import Job, JobStatus, SettlementResult
from backdrop.model.price_check import (
    PRICE_CHECK_ID,
    PRICED_PRODUCTS,
    PriceCheck,
    QuoteAnswer,
    QuoteOutcome,
    begin_call,
    record_answer,
)
from backdrop.model.sentence import Sentence
from backdrop.model.transitions import ClaimLimits
from backdrop.model.usage_records import floor_to_hour
from backdrop.ports import ApiKey
from backdrop.providers.http import HttpResponse
from simulation.bill.bill_kinds import WorldKind
from simulation.bill.bill_world import OTHER_KEY, OWN_KEY, BillWorld, run_seed

SEEDS = range(len(WorldKind))
"""One seed of each story, and some of the other kinds."""


@pytest.mark.parametrize("seed", SEEDS)
def test_no_settlement_is_wrong(seed: int) -> None:
    result = run_seed(seed)
    assert result.problems == []


def test_seeds_settle_calls() -> None:
    assert sum(run_seed(seed).settled for seed in (0, 3)) > 0


def test_without_an_admin_key_nothing_is_read() -> None:
    world = BillWorld(0)
    object.__setattr__(world.service.usage, "load_admin_key", lambda: ApiKey(missing_reason="there is no secret"))
    result = world.service.run(is_requested=True)
    assert result.is_off
    assert world.world.ledger.read_bill_state().read_at is None


def test_jobs_wait_for_the_bill_and_are_sent_again() -> None:
    result = run_seed(3)
    assert result.problems == []
    assert 0 < result.resent < result.waited


def test_job_that_is_held_after_its_wait_is_announced() -> None:
    world = BillWorld(3)
    world.run()
    jobs = [job for job in world.world.list_jobs() if job.bill_wait_until and job.status is JobStatus.HELD]
    assert jobs
    delivered = {json.loads(message.body)["job_id"] for message in world.world.queues["deliver"].messages}
    assert {job.job_id for job in jobs} <= delivered


def test_lost_calls_wait_only_while_the_records_can_be_read() -> None:
    world = BillWorld(0)
    world.service.run()
    state, now = world.world.ledger.read_bill_state(), world.world.clock.now()
    assert state.settles_calls(now)
    assert not state.settles_calls(now + timedelta(hours=3))
    object.__setattr__(world.service.usage, "load_admin_key", lambda: ApiKey(missing_reason="there is no secret"))
    world.service.run()
    state = world.world.ledger.read_bill_state()
    failure = "There is no admin key: there is no secret. docs/bill.md shows how to set it up."
    assert (state.settles_calls(now), str(state.failure)) == (False, failure)


def test_lost_calls_do_not_wait_for_records_of_keys_that_are_not_listed() -> None:
    world = BillWorld(0)
    world.service.key_uses = {OTHER_KEY: KeyUse.OTHER}
    world.service.run()
    assert not world.world.ledger.read_bill_state().settles_calls(world.world.clock.now())


def _answer_not_found(_url: str) -> HttpResponse:
    return HttpResponse(404, {}, b'{"error":"not found"}', 0.1)


def test_failure_to_read_is_recorded_until_a_read_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    world = BillWorld(0)
    monkeypatch.setattr(world, "answer", _answer_not_found)
    assert world.service.run().failure is not None
    assert world.world.ledger.read_bill_state().failure is not None
    monkeypatch.undo()
    assert world.service.run().failure is None
    assert world.world.ledger.read_bill_state().failure is None


def test_comparison_knows_what_the_price_check_may_have_bought() -> None:
    bill = BillWorld(0)
    bill.run()
    check, _ = begin_call(PriceCheck(), PRICED_PRODUCTS[0], "/v2/quotes", ClaimLimits(0), bill.start + HOUR)
    check, _ = record_answer(check, QuoteAnswer(QuoteOutcome.LOST, Sentence("no answer")), bill.start + HOUR)
    bill.world.ledger.put_price_check(check)
    comparison = bill.service.run(is_requested=True).comparison
    assert comparison
    compared = [call for decision in comparison.decisions for call in decision.calls]
    assert [call.possible for call in compared if call.ref.job_id == PRICE_CHECK_ID] == [1]


def list_undecided(bill: BillWorld) -> list[Job]:
    return [
        job
        for job in bill.world.list_jobs()
        if any(attempt.is_settled(SettlementResult.UNDECIDED) for attempt in job.attempts)
    ]


def test_count_is_withdrawn_when_the_records_of_its_hours_shrink() -> None:
    bill = BillWorld(18)
    bill.run()
    assert list_undecided(bill)
    now = bill.world.clock.time
    for images in bill.images:
        if images.key == OWN_KEY:
            images.gone_at = now
    bill.world.clock.time = now + HOUR
    bill.service.run(is_requested=True)
    assert list_undecided(bill) == []


def test_only_missing_charges_that_a_person_has_seen_are_accepted() -> None:
    """Those that the last comparison reported, not those that a later one finds."""
    bill = BillWorld(0)
    bill.run()
    state = bill.service.run(is_requested=True, accepts_missing=True).state
    assert (state.accepted_charges, state.stopped_hour) == ((), None)
    [gone, *_] = [images for images in bill.images if images.key == OWN_KEY]
    hour = floor_to_hour(gone.billed_at)
    missing = MissingCharge(endpoint=gone.endpoint, unit_price=1, first_hour=hour, last_hour=hour, count=1)
    bill.world.ledger.put_bill_state(replace(state, stopped_hour=hour, missing_charges=(missing,)))
    state = bill.service.run(accepts_missing=True).state
    assert (state.accepted_charges, state.missing_charges, state.stopped_hour) == ((missing,), (), None)


def list_settled(bill: BillWorld) -> set[tuple[str, int]]:
    return {
        (job.job_id, attempt.n)
        for job in bill.world.list_jobs()
        for attempt in job.attempts
        if attempt.settlement and attempt.settlement.is_final
    }


def test_settlements_are_reopened_if_a_key_turns_out_to_be_shared() -> None:
    bill = BillWorld(next(seed for seed in range(100) if BillWorld(seed).kind is WorldKind.OWN))
    bill.run()
    settled = list_settled(bill)
    assert settled
    bill.service.key_uses = dict(bill.service.key_uses) | {OWN_KEY: KeyUse.SHARED}
    bill.world.clock.time += HOUR
    result = bill.service.run()
    assert {(one.call.job_id, one.call.n) for one in result.reopened} <= settled
    assert result.reopened
    assert len(result.state.corrections) >= len(result.reopened)
    assert not bill.service.run().reopened


def test_lowered_time_limit_still_counts_for_earlier_calls() -> None:
    bill = BillWorld(0)
    bill.service.time_limit = timedelta(minutes=14)
    bill.service.run()
    bill.service.time_limit = timedelta(minutes=3)
    assert bill.service.run(is_requested=True).state.time_limit == timedelta(minutes=14)
