"""The comparison with usage records, on the simulated ledger: no settlement contradicts the truth."""

import json
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache

import pytest

from backdrop.aws.ledger import Ledger
from backdrop.model import transitions
from backdrop.model.bill_records import HOUR, BillState, KeyUse, MissingCharge
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
from backdrop.model.pricing import look_up_image_price
from backdrop.model.sentence import Sentence
from backdrop.model.transitions import ClaimLimits, Transition
from backdrop.model.usage_records import UsageByHour, UsagePeriod, floor_to_hour
from backdrop.ports import ApiKey
from backdrop.providers.http import HttpResponse
from backdrop.reconcile.bill_reconciliation import BillResult
from simulation.bill.bill_kinds import WorldKind
from simulation.bill.bill_truth import BilledImages, CallFate
from simulation.bill.bill_world import OTHER_KEY, OWN_KEY, V1, BillWorld, floor_to_day, run_seed

SEEDS = range(len(WorldKind))
"""One seed of each story, and some of the other kinds."""
play_seed = cache(run_seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_settlement_is_wrong(seed: int) -> None:
    result = play_seed(seed)
    assert result.problems == []


def test_seeds_settle_calls() -> None:
    assert sum(play_seed(seed).settled for seed in (0, 3)) > 0


def test_only_lines_that_may_be_this_stacks_are_stored() -> None:
    world = BillWorld(0)
    now = world.world.clock.time
    for key, endpoint in (
        (OTHER_KEY, V1),
        ("unlisted", V1),
        ("unlisted", "/v1/describe"),
        (OWN_KEY, "/v1/describe"),
    ):
        world.images.append(BilledImages(key, endpoint, 60_000, 1, now - HOUR, now - HOUR))
    result = world.service.run()
    assert result.images_by_key == {OTHER_KEY: 1, OWN_KEY: 1, "unlisted": 2}
    days = world.world.ledger.read_usage_days([(now - HOUR).date().isoformat()])
    lines = [line for day in days.values() for hour in day.hours for line in hour.lines]
    assert {(line.key_id, line.endpoint) for line in lines} == {("unlisted", V1), (OWN_KEY, "/v1/describe")}


def _do_nothing(_bill: BillWorld) -> None:
    pass


def test_day_of_an_earlier_month_is_read_compared_and_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hourly runs never saw it. What they know about the last week stays."""
    monkeypatch.setattr(BillWorld, "_run_comparison", _do_nothing)
    monkeypatch.setattr(BillWorld, "_check_end", _do_nothing)
    bill = BillWorld(0)
    bill.service.key_uses = {OWN_KEY: KeyUse.OWN, OTHER_KEY: KeyUse.OTHER}
    bill.run()
    day = next(iter(bill.lost_calls.values())).sent_at.date()
    bill.world.clock.time += timedelta(days=30)
    bill.service.run()
    compared_at = bill.world.ledger.read_bill_state().compared_at
    first = bill.service.run(day=day)
    assert (first.settled, len(first.uncompared_hours)) == ([], 72)
    bill.world.clock.time += HOUR
    second = bill.service.run(day=day)
    assert second.uncompared_hours == []
    assert second.settled
    assert bill.world.ledger.read_bill_state().compared_at == compared_at


def test_comparison_keeps_only_the_jobs_that_it_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a busy week would not fit into the function's memory."""
    bill = BillWorld(0)
    bill.run()
    scan, seen, kept = Ledger.scan_jobs_of_days, list[weakref.ref[Job]](), list[Job]()

    def scan_and_track(ledger: Ledger, days: Sequence[str]) -> Iterator[Job]:
        for job in scan(ledger, days):
            seen.append(weakref.ref(job))
            yield job
            del job
        kept.extend(job for one in seen if (job := one()))

    monkeypatch.setattr(Ledger, "scan_jobs_of_days", scan_and_track)
    bill.service.run(is_requested=True)
    assert 0 < len(kept) < len(seen) / 2
    assert all(job.unknown or any(one.settlement for one in job.attempts) or not job.charged for job in kept[:-1])


def test_without_an_admin_key_nothing_is_read() -> None:
    world = BillWorld(0)
    object.__setattr__(world.service.usage, "load_admin_key", lambda: ApiKey(missing_reason="there is no secret"))
    result = world.service.run(is_requested=True)
    assert result.is_off
    assert world.world.ledger.read_bill_state().read_at is None


def test_jobs_wait_for_the_bill_and_are_sent_again() -> None:
    result = play_seed(3)
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


@pytest.fixture
def own_bill() -> BillWorld:
    """A world without calls. Its only key is this stack's, and each job requests one image."""
    bill = BillWorld(0)
    bill.kind = WorldKind.LONG
    bill.service.key_uses = {OWN_KEY: KeyUse.OWN}
    return bill


def store_job(bill: BillWorld, name: str) -> Job:
    job, _endpoint = bill.build_job(name, bill.world.clock.time)
    return bill.world.ledger.write_transition(Transition(job))


def lose_answer(bill: BillWorld, job: Job, sent_at: datetime) -> Job:
    bill.world.clock.time = sent_at
    return bill.call(job, V1, CallFate.LOST, 0)


def bill_images(bill: BillWorld, count: int, billed_at: datetime) -> None:
    price = look_up_image_price("ideogram", {"operation": "replace", "rendering_speed": "DEFAULT"})
    bill.images.append(BilledImages(OWN_KEY, V1, price, count, billed_at, billed_at))


def compare_twice(bill: BillWorld, moment: datetime, day: date | None = None) -> BillResult:
    """Records are final once two reads agree."""
    bill.world.clock.time = moment
    bill.service.run(is_requested=True, day=day)
    return run_an_hour_later(bill, day)


def count_one_of_three_around(bill: BillWorld, moment: datetime) -> None:
    """Three answers are lost within two connected hours, and one image is billed."""
    for name, minutes in (("A", -5), ("B", 25), ("C", 35)):
        lose_answer(bill, store_job(bill, name), moment + timedelta(minutes=minutes))
    bill_images(bill, 1, moment + timedelta(minutes=30))
    compare_twice(bill, moment + 3 * HOUR)


def list_counts(bill: BillWorld) -> list[tuple[int | None, int] | None]:
    settlements = [job.attempts[0].settlement for job in bill.world.list_jobs()]
    return [(one.charged_count, one.unknown_count) if one else None for one in settlements]


def test_count_stays_when_its_first_hour_leaves_the_week(own_bill: BillWorld) -> None:
    moment = own_bill.start + 3 * HOUR
    count_one_of_three_around(own_bill, moment)
    assert list_counts(own_bill) == [(1, 3)] * 3
    for hours in (167, 168, 169):
        compare_twice(own_bill, moment + hours * HOUR)
        assert list_counts(own_bill) == [(1, 3)] * 3


def test_count_stays_when_a_day_is_compared_that_has_only_some_of_its_hours(own_bill: BillWorld) -> None:
    midnight = floor_to_day(own_bill.start) + timedelta(days=1)
    count_one_of_three_around(own_bill, midnight)
    compare_twice(own_bill, midnight + timedelta(days=5), (midnight + timedelta(days=1)).date())
    assert list_counts(own_bill) == [(1, 3)] * 3


def test_one_run_settles_all_lost_calls_of_a_job(own_bill: BillWorld) -> None:
    moment = own_bill.start + 3 * HOUR
    job = lose_answer(own_bill, store_job(own_bill, "A"), moment + timedelta(minutes=20))
    lose_answer(own_bill, job, moment + timedelta(minutes=28))
    bill_images(own_bill, 2, moment + timedelta(minutes=30))
    result = compare_twice(own_bill, moment + 2 * HOUR)
    assert result.conflicts == set()
    assert list_settled(own_bill, SettlementResult.CHARGED) == {("A", 1), ("A", 2)}


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


def test_charge_that_a_person_accepted_stays_accepted_for_weeks() -> None:
    bill = BillWorld(0)
    bill.run()
    [gone, *_] = [images for images in bill.images if images.key == OWN_KEY]
    hour = floor_to_hour(gone.billed_at)
    missing = MissingCharge(endpoint=gone.endpoint, unit_price=1, first_hour=hour, last_hour=hour, count=1)
    state = bill.world.ledger.read_bill_state()
    bill.world.ledger.put_bill_state(replace(state, accepted_charges=(missing,)))
    bill.world.clock.time += timedelta(days=20)
    assert bill.service.run().state.accepted_charges == (missing,)


def list_settled(bill: BillWorld, *results: SettlementResult) -> set[tuple[str, int]]:
    results = results or (SettlementResult.CHARGED, SettlementResult.NOT_CHARGED)
    return {
        (job.job_id, attempt.n)
        for job in bill.world.list_jobs()
        for attempt in job.attempts
        if attempt.is_settled(*results)
    }


# Worlds in which only the stack uses its key, and the records are right. In the second one, lost calls do not wait, and
# some were settled by the records of more than three hours.
OWN, OWN_WITHOUT_WAITS = 3, 50


def run_world(seed: int) -> BillWorld:
    bill = BillWorld(seed)
    bill.run()
    assert bill.kind is WorldKind.OWN
    return bill


def run_an_hour_later(bill: BillWorld, day: date | None = None) -> BillResult:
    bill.world.clock.time += HOUR
    return bill.service.run(is_requested=True, day=day)


def share_key(bill: BillWorld) -> None:
    bill.service.key_uses = {**bill.service.key_uses, OWN_KEY: KeyUse.SHARED}


def test_settlements_are_reopened_if_a_key_turns_out_to_be_shared() -> None:
    bill = run_world(OWN)
    settled = list_settled(bill)
    share_key(bill)
    result = run_an_hour_later(bill)
    reopened = {(one.call.job_id, one.call.n) for one in result.reopened}
    assert reopened
    assert reopened <= settled
    assert {(one.job_id, one.n) for one in result.state.corrections} >= reopened
    assert not run_an_hour_later(bill).reopened


def _read_nothing(_key: ApiKey, _period: UsagePeriod, _key_uses: object) -> UsageByHour:
    return {}


def test_changed_meaning_of_a_key_counts_for_hours_that_the_response_lacks() -> None:
    bill = run_world(OWN)
    assert list_settled(bill, SettlementResult.CHARGED)
    object.__setattr__(bill.service.usage, "read", _read_nothing)
    share_key(bill)
    run_an_hour_later(bill)
    object.__delattr__(bill.service.usage, "read")
    run_an_hour_later(bill)
    assert not list_settled(bill, SettlementResult.CHARGED)


def test_change_in_one_hour_reopens_only_what_the_other_hours_do_not_prove() -> None:
    bill = run_world(OWN_WITHOUT_WAITS)
    job, attempt, hours = next(
        (job, attempt, attempt.settlement.hours)
        for job in bill.world.list_jobs()
        for attempt in job.attempts
        if attempt.settlement and attempt.settlement.is_final and len(attempt.settlement.hours) > 3
    )
    far = max(hours, key=lambda hour: abs(hour - attempt.submitted_at))
    price = look_up_image_price("ideogram", job.instructions)
    bill.images.append(BilledImages(OWN_KEY, attempt.endpoint or "", price, 1, far, bill.world.clock.time))
    assert (job.job_id, attempt.n) not in {(one.call.job_id, one.call.n) for one in run_an_hour_later(bill).reopened}
    current = bill.world.ledger.find_job(job.source_id, job.job_id)
    assert current
    confirmed = current.attempts[0].settlement
    assert confirmed
    assert confirmed.is_final
    assert far not in confirmed.hours
    assert not run_an_hour_later(bill).reopened


def test_call_that_is_sent_again_before_its_settlement_is_reopened_is_reported_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its job may be claimed after the comparison has read it. The next run reopens the settlement."""
    bill = run_world(OWN_WITHOUT_WAITS)
    ledger, now = bill.world.ledger, bill.world.clock.time
    free = next(
        job
        for job in bill.world.list_jobs()
        if job.status is JobStatus.UNKNOWN and job.attempts[0].is_settled(SettlementResult.NOT_CHARGED)
    )
    [attempt] = free.attempts
    assert attempt.settlement
    held = ledger.write_transition(transitions.hold(free, now))
    restarted = transitions.restart(held, held, now)
    assert restarted
    job = ledger.write_transition(restarted)
    bill.images.append(
        BilledImages(OWN_KEY, attempt.endpoint or "", attempt.settlement.amount, 1, attempt.submitted_at, now)
    )

    def put_and_claim(state: BillState) -> BillState:
        monkeypatch.undo()
        stored = ledger.put_bill_state(state)
        limits = ClaimLimits(10**9)
        claim = transitions.claim(job, now=now, lease_until=now + HOUR, price=1, limits=limits, endpoint="/v1/x")
        ledger.write_transition(claim)
        return stored

    monkeypatch.setattr(ledger, "put_bill_state", put_and_claim)
    assert run_an_hour_later(bill).conflicts == {(job.source_id, job.job_id)}
    result = bill.service.run()
    assert [one.was_resent for one in result.state.corrections if one.job_id == job.job_id] == [True]
    assert [one.call.job_id for one in result.reopened] == [job.job_id]


def test_job_that_another_worker_writes_is_settled_by_the_next_run_instead_of_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bill = BillWorld(next(seed for seed in range(100) if BillWorld(seed).asks_the_bill))
    ledger, write = bill.world.ledger, bill.world.ledger.write_transition
    met: list[tuple[str, str]] = []

    def write_after_another_worker(transition: Transition) -> Job:
        job = transition.job
        waiting = ledger.find_job(job.source_id, job.job_id)
        if not met and job.status is JobStatus.ACCEPTED and waiting and waiting.waits_for_bill:
            met.append((job.source_id, job.job_id))
            write(Transition(replace(waiting, throttled_ms=waiting.throttled_ms + 1)))
        return write(transition)

    monkeypatch.setattr(ledger, "write_transition", write_after_another_worker)
    result = bill.run()
    assert result.problems == []
    [key] = met
    job = ledger.find_job(*key)
    assert job
    assert len(job.attempts) > 1
