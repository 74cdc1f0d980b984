"""The price check on the simulated ledger: its charges, its reservations, crashes, and the stop."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from backdrop.model.budget_shares import BudgetShare
from backdrop.model.codec import to_json
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.mandate import Mandate
from backdrop.model.price_check import LEASE, PRICED_PRODUCTS, QuoteAnswer, QuoteOutcome
from backdrop.model.schedule import BudgetDay
from backdrop.model.transitions import BudgetChange
from backdrop.reconcile.price_checks import PriceChecks
from simulation.invariants.budget_shares import check_shares, join_day
from simulation.invariants.violations import Violation, check_day_sums, parse_ledger, sum_attempts_by_day
from simulation.world.simulated_quotes import SimulatedQuotes
from simulation.world.simulated_stack import World
from simulation.world.transport import (
    ServiceCall,
    SimulatedCrash,
    TargetedFault,
    build_client_error,
    crash_worker,
    lose_response,
)
from tests.simulated.scripted_quotes import ESTIMATE, LOST, NO_KEY, SALE, TEXT, THROTTLED, ScriptedQuotes

DAY = timedelta(days=1)


@dataclass
class CheckedWorld:
    """A world, its price check, and every change of money that the check counted."""

    world: World
    quotes: ScriptedQuotes
    service: PriceChecks
    counted: list[BudgetChange]

    @property
    def today(self) -> BudgetDay:
        return self.world.steps.bootstrap.ledger_queries.read_budget_day(self.world.clock.now().date().isoformat())


@pytest.fixture
def checked() -> CheckedWorld:
    return build()


def build(*script: QuoteAnswer | Callable[[], QuoteAnswer], **setup: Any) -> CheckedWorld:
    world, quotes, counted = World(**setup), ScriptedQuotes([*script]), list[BudgetChange]()
    bootstrap = world.steps.bootstrap
    bootstrap.__dict__["ideogram_quotes"] = quotes
    service = bootstrap.price_check(lambda change, _operation: counted.append(change))
    return CheckedWorld(world, quotes, service, counted)


def test_run_compares_every_price_and_costs_nothing(checked: CheckedWorld) -> None:
    result = checked.service.run()
    assert checked.quotes.sent == [*PRICED_PRODUCTS]
    assert (result.finding_count, result.differences, result.check.calls) == (0, [], ())
    assert checked.today == BudgetDay(checked.today.day)
    assert [price.quoted for price in checked.world.ledger.read_price_check().prices] == [
        product.list_price for product in PRICED_PRODUCTS
    ]


def test_difference_is_a_finding_and_pauses_nothing() -> None:
    checked = build(QuoteAnswer(QuoteOutcome.QUOTED, TEXT, price=12_000))
    result = checked.service.run()
    assert ([one.quoted for one in result.differences], result.finding_count) == ([12_000], 1)
    assert not checked.world.ledger.read_health("ideogram").is_paused
    assert len(checked.quotes.sent) == len(PRICED_PRODUCTS)


def test_request_is_recorded_before_it_is_sent() -> None:
    seen: list[tuple[int, int]] = []

    def look() -> QuoteAnswer:
        (call,) = checked.world.ledger.read_price_check().calls
        seen.append((call.attempt.reserved, checked.today.reserved))
        return THROTTLED

    checked = build(look)
    checked.service.run()
    assert seen == [(10_000, 10_000)]
    assert checked.today.reserved == 0


def test_generation_is_an_unknown_charge_and_ends_the_check() -> None:
    checked = build(SALE)
    result = checked.service.run()
    assert (checked.today.unknown, checked.today.reserved, result.finding_count) == (10_000, 0, 1)
    assert sum(change.unknown for change in checked.counted) == checked.today.unknown
    for _ in range(3):
        checked.world.run_for(DAY.total_seconds())
        assert checked.service.run().finding_count == 1, "the alarm lasts"
    assert len(checked.quotes.sent) == 1


def test_resumed_check_goes_on_and_keeps_its_charge() -> None:
    checked = build(SALE)
    checked.service.run()
    result = checked.service.run(resumes=True)
    assert (result.check.stopped_at, len(result.check.calls)) == (None, 1)
    assert checked.quotes.sent == [PRICED_PRODUCTS[0], *PRICED_PRODUCTS]
    assert checked.today.unknown == 10_000


def test_check_that_is_resumed_too_early_stops_again_with_both_charges() -> None:
    checked = build(SALE, SALE)
    checked.service.run()
    result = checked.service.run(resumes=True)
    assert (result.finding_count, len(result.check.calls), checked.today.unknown) == (1, 2, 20_000)


def test_lost_answer_is_an_unknown_charge_and_no_finding() -> None:
    checked = build(LOST)
    result = checked.service.run()
    assert (result.finding_count, len(checked.quotes.sent), checked.today.unknown) == (0, 1, 10_000)
    assert checked.service.run().answers, "the next run asks again"


def test_refusal_for_one_product_does_not_end_the_run() -> None:
    checked = build(ESTIMATE)
    result = checked.service.run()
    assert (len(checked.quotes.sent), result.finding_count, checked.today.spent) == (4, 0, 0)


def test_throttling_ends_the_run_without_a_charge_or_finding() -> None:
    checked = build(THROTTLED)
    result = checked.service.run()
    assert (len(checked.quotes.sent), result.finding_count, checked.today.spent) == (1, 0, 0)
    assert result.check.prices[0].problem_code is Code.PROVIDER_THROTTLED


def test_missing_key_is_recorded_until_a_request_is_sent(checked: CheckedWorld) -> None:
    checked.quotes.key = NO_KEY
    assert checked.service.run().check.problem_code is Code.PROVIDER_KEY_MISSING
    assert checked.quotes.sent == []
    checked.quotes.key = "key"
    assert checked.service.run().check.problem_code is None


def test_request_that_the_budget_does_not_cover_is_not_sent() -> None:
    checked = build(budget=5_000)
    result = checked.service.run()
    assert (checked.quotes.sent, result.check.problem_code) == ([], Code.BUDGET_REACHED)
    assert checked.world.ledger.read_price_check().call_in_flight is None


def test_request_knows_the_registry_of_mandates(checked: CheckedWorld) -> None:
    world = checked.world
    day = world.clock.now().date().isoformat()
    mandate = Mandate(
        name="anna",
        bucket="photos",
        prefix="anna/",
        limit=1_000_000,
        created_at=world.clock.now(),
        created_by="a person",
    )
    world.ledger.put_new_mandate(mandate, world.ledger.read_mandate_registry(), [day])
    assert len(checked.service.run().answers) == len(PRICED_PRODUCTS)


def crash() -> QuoteAnswer:
    raise SimulatedCrash


def test_crash_after_the_request_leaves_an_unknown_charge() -> None:
    checked = build(crash)
    with pytest.raises(SimulatedCrash):
        checked.service.run()
    assert checked.today.reserved == 10_000
    assert checked.service.run().is_busy, "the worker may still be waiting"
    assert len(checked.quotes.sent) == 1
    checked.world.run_for(LEASE.total_seconds())
    result = checked.service.run()
    assert (checked.today.unknown, checked.today.reserved) == (10_000, 0)
    assert (result.finding_count, len(result.check.calls)) == (0, 1)
    assert checked.counted[0].unknown == 10_000


def test_answer_that_the_ledger_does_not_take_is_not_forgotten() -> None:
    checked = build(SALE)

    def refuse(call: ServiceCall) -> None:
        if checked.quotes.sent and call.service == "dynamodb":
            raise build_client_error("AccessDeniedException", "no table", 400)

    checked.world.transport.faults_before.append(refuse)
    with pytest.raises(RetryLaterError):
        checked.service.run()
    checked.world.transport.clear_faults()
    checked.world.run_for(LEASE.total_seconds())
    checked.service.run()
    assert checked.today.unknown == 10_000


def test_answer_is_written_once_the_ledger_is_back() -> None:
    checked = build(ESTIMATE)
    back_at = checked.world.clock.now() + timedelta(seconds=20)

    def refuse(call: ServiceCall) -> None:
        if checked.quotes.sent and call.service == "dynamodb" and checked.world.clock.now() < back_at:
            raise build_client_error("AccessDeniedException", "no table", 400)

    checked.world.transport.faults_before.append(refuse)
    assert len(checked.service.run().answers) == len(PRICED_PRODUCTS)
    assert (checked.today.reserved, checked.today.unknown) == (0, 0)


@pytest.mark.parametrize("outcome", [QuoteOutcome.NOT_A_QUOTE, QuoteOutcome.LOST, QuoteOutcome.QUOTED])
@pytest.mark.parametrize("fault", [crash_worker, lose_response])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_ledger_explains_the_bill_whichever_request_fails(
    outcome: QuoteOutcome, fault: Callable[[ServiceCall], None], moment: str
) -> None:
    for nth in range(1, 30):
        world = World()
        quotes = world.steps.bootstrap.ideogram_quotes
        assert isinstance(quotes, SimulatedQuotes)
        quotes.outcome = outcome
        one_fault = TargetedFault(fault, nth=nth)
        getattr(world.transport, f"faults_{moment}").append(one_fault)
        with suppress(SimulatedCrash, RetryLaterError, ReadTimeoutError):
            world.steps.bootstrap.price_check().run()
        world.run_for(LEASE.total_seconds())
        world.transport.clear_faults()
        world.steps.bootstrap.price_check().run()
        check = world.ledger.read_price_check()
        billed = sum(job.micro_usd for job in world.provider.bill.jobs())
        day = world.steps.bootstrap.ledger_queries.read_budget_day(world.clock.now().date().isoformat())
        assert (check.call_in_flight, day.reserved, day.confirmed) == (None, 0, 0)
        assert sum(call.attempt.unknown for call in check.calls) == day.unknown
        assert billed <= day.unknown
        if outcome is QuoteOutcome.NOT_A_QUOTE:
            assert len(world.provider.bill.jobs()) <= 2, "only a crash hides the first sale from the next run"
        if not one_fault.hit_count:
            return
    raise AssertionError("the run has more calls than the test")


# -- shares of the day's budget, which larger stacks have ------------------------------------------------------------

REMOVAL = PRICED_PRODUCTS[0].list_price


def grant(checked: CheckedWorld, *prices: int) -> None:
    """Lets shares borrow these amounts, or more, so that the day's item has less left."""
    shares, budget = checked.world.steps.bootstrap.budget_shares, checked.world.setup.budget
    for number, price in enumerate(prices, start=1):
        shares.find_share(checked.today.day, price, budget, number, share_count=len(prices))


def list_sum_errors(checked: CheckedWorld) -> list[Violation]:
    check, ledger = checked.world.ledger.read_price_check(), parse_ledger(checked.world.table.items.values())
    attempts = [json.loads(to_json(attempt)) for attempt in check.attempts]
    sums = sum_attempts_by_day([{"attempts": attempts}])
    budget = join_day(ledger.days, checked.today.day)
    return [*check_day_sums(sums, ledger.days), *check_shares(checked.today.day, budget, 0)]


@pytest.mark.parametrize("granted", [(REMOVAL,), (REMOVAL // 2, REMOVAL // 2)], ids=["one share", "two shares"])
def test_price_is_reserved_on_a_share_that_has_what_the_day_lacks(granted: tuple[int, ...]) -> None:
    checked = build(SALE, budget=REMOVAL)
    grant(checked, *granted)
    assert checked.service.run().finding_count == 1
    (call,) = checked.world.ledger.read_price_check().calls
    assert (call.attempt.budget_share, checked.today.unknown, checked.today.reserved) == (1, REMOVAL, 0)
    assert list_sum_errors(checked) == []


def test_quote_returns_its_price_to_the_share() -> None:
    checked = build(budget=REMOVAL)
    grant(checked, REMOVAL)
    assert [answer.outcome for _, answer in checked.service.run().answers] == [QuoteOutcome.QUOTED]
    assert checked.world.steps.bootstrap.budget_shares.read(checked.today.day).shares == (
        BudgetShare(1, available=REMOVAL),
    )
    assert list_sum_errors(checked) == []


def test_nothing_is_sent_if_the_shares_have_spent_the_budget() -> None:
    checked = build(SALE, budget=REMOVAL)
    grant(checked, REMOVAL)
    checked.service.run()
    result = checked.service.run(resumes=True)
    assert (result.check.problem_code, len(checked.quotes.sent)) == (Code.BUDGET_REACHED, 1)
