"""The rules of the price check: what it asks for, what an answer costs, when it stops, and what is a difference."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backdrop.model.bill import BilledCall, list_billed_quotes
from backdrop.model.codec import from_json, to_json
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.item_size import MAX_ITEM_BYTES
from backdrop.model.job import AttemptOutcome, MoneyStatus
from backdrop.model.price_check import (
    LEASE,
    MAX_KEPT_CALLS,
    PRICED_PRODUCTS,
    PriceCheck,
    PricedProduct,
    QuoteAnswer,
    QuoteOutcome,
    begin_call,
    expire_call,
    list_differences,
    record_answer,
    resume,
)
from backdrop.model.sentence import Sentence
from backdrop.model.transitions import ClaimLimits
from backdrop.model.usage_records import UsagePeriod

NOW = datetime(2026, 11, 27, 5, 20, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
LIMITS = ClaimLimits(10_000_000)
REMOVE, *_ = PRICED_PRODUCTS
PATH = "/v2/image/remove-background/ideogram-1"
TEXT = Sentence("an answer")
FREE = {
    "quoted": QuoteAnswer(QuoteOutcome.QUOTED, TEXT, price=10_000),
    "another price": QuoteAnswer(QuoteOutcome.QUOTED, TEXT, price=12_345),
    "estimate": QuoteAnswer(QuoteOutcome.NOT_QUOTED, TEXT),
    "throttled": QuoteAnswer(QuoteOutcome.NOT_QUOTED, TEXT, code=Code.PROVIDER_THROTTLED, concerns_account=True),
}
CHARGED = {
    "lost": QuoteAnswer(QuoteOutcome.LOST, TEXT, code=Code.CHARGE_UNKNOWN),
    "generation": QuoteAnswer(QuoteOutcome.NOT_A_QUOTE, TEXT, code=Code.CHARGE_UNKNOWN, provider_id="g1"),
}


def begin(check: PriceCheck | None = None, product: PricedProduct = REMOVE, now: datetime = NOW) -> PriceCheck:
    return begin_call(check or PriceCheck(), product, PATH, LIMITS, now)[0]


def ask(answer: QuoteAnswer, check: PriceCheck | None = None, now: datetime = NOW) -> PriceCheck:
    return record_answer(begin(check, now=now), answer, now)[0]


def test_every_product_of_v2_is_checked_and_the_cheapest_first() -> None:
    assert [product.label for product in PRICED_PRODUCTS] == [
        "remove",
        "replace TURBO",
        "replace DEFAULT",
        "replace QUALITY",
    ]
    prices = [product.list_price for product in PRICED_PRODUCTS]
    assert prices == sorted(prices) == [10_000, 30_000, 60_000, 90_000]


@pytest.mark.parametrize("product", PRICED_PRODUCTS, ids=lambda product: product.label)
def test_request_reserves_its_price_before_it_is_sent(product: PricedProduct) -> None:
    check, change = begin_call(PriceCheck(), product, PATH, LIMITS, NOW)
    (call,) = check.calls
    assert call is check.call_in_flight
    assert (call.product, call.attempt.reserved, call.attempt.endpoint) == (product, product.list_price, PATH)
    assert (change.day, change.reserved, change.total, change.claim) == (
        "2026-11-27",
        product.list_price,
        product.list_price,
        LIMITS,
    )


def test_only_one_request_is_open_at_a_time() -> None:
    with pytest.raises(ConflictError):
        begin(begin())


@pytest.mark.parametrize("answer", FREE.values(), ids=FREE)
def test_answer_without_a_charge_releases_the_reservation(answer: QuoteAnswer) -> None:
    check, change = record_answer(begin(), answer, NOW)
    assert (check.calls, change.total, change.reserved, change.unknown) == ((), -10_000, -10_000, 0)
    assert check.stopped_at is None


@pytest.mark.parametrize("answer", CHARGED.values(), ids=CHARGED)
def test_answer_that_may_be_charged_stays_as_an_unknown_charge(answer: QuoteAnswer) -> None:
    check, change = record_answer(begin(), answer, NOW)
    (call,) = check.calls
    assert (change.reserved, change.unknown, change.total, change.is_lost) == (-10_000, 10_000, 0, True)
    assert (call.attempt.outcome, call.attempt.money) == (AttemptOutcome.LOST, MoneyStatus.UNKNOWN)
    assert (call.attempt.reserved, call.attempt.unknown) == (0, 10_000)
    assert call.attempt.provider_id == answer.provider_id


def test_run_ends_where_the_next_request_would_end_alike_or_cost_more() -> None:
    ends_run = {name for name, answer in (FREE | CHARGED).items() if answer.ends_run}
    assert ends_run == {"throttled", "lost", "generation"}


def test_charge_changes_the_day_on_which_the_request_was_sent() -> None:
    _, change = record_answer(begin(now=NOW.replace(hour=23, minute=59)), CHARGED["lost"], LATER)
    assert change.day == "2026-11-27"


def test_only_an_answer_that_is_no_quote_stops_the_check() -> None:
    stopped = {name: ask(answer).stopped_at for name, answer in (FREE | CHARGED).items()}
    assert {name for name, at in stopped.items() if at} == {"generation"}
    assert stopped["generation"] == NOW


def test_stopped_check_sends_nothing_until_it_is_resumed() -> None:
    stopped = ask(CHARGED["generation"])
    with pytest.raises(ConflictError):
        begin(stopped)
    resumed = resume(stopped)
    assert resumed.calls == stopped.calls, "the charge stays"
    assert begin(resumed).call_in_flight


def test_call_of_a_crashed_worker_becomes_an_unknown_charge() -> None:
    open_check = begin()
    with pytest.raises(ConflictError):
        expire_call(open_check, NOW + LEASE - timedelta(seconds=1))
    check, change = expire_call(open_check, NOW + LEASE)
    assert (change.unknown, check.call_in_flight, len(check.calls), check.stopped_at) == (10_000, None, 1, None)


def test_without_an_open_call_nothing_can_be_recorded() -> None:
    with pytest.raises(ConflictError):
        record_answer(PriceCheck(), FREE["quoted"], NOW)
    with pytest.raises(ConflictError):
        expire_call(PriceCheck(), NOW)


def test_calls_are_numbered_on_and_charges_are_kept() -> None:
    check = ask(CHARGED["lost"], now=LATER, check=ask(FREE["quoted"], check=ask(CHARGED["lost"])))
    assert [call.attempt.n for call in check.calls] == [1, 3]


def test_oldest_calls_are_dropped_once_the_usage_records_cannot_contain_them() -> None:
    check, now = PriceCheck(), NOW
    for _ in range(MAX_KEPT_CALLS + 20):
        check, now = ask(CHARGED["generation"], resume(check), now), now + timedelta(days=1)
    assert [call.attempt.n for call in check.calls] == [*range(21, MAX_KEPT_CALLS + 21)]
    assert check.call_no == MAX_KEPT_CALLS + 20
    assert len(to_json(check)) < MAX_ITEM_BYTES * 0.9


def test_call_that_the_usage_records_may_contain_is_never_dropped() -> None:
    check, now, distance = PriceCheck(), NOW, timedelta(minutes=15)
    for _ in range(MAX_KEPT_CALLS + 300):
        check, now = ask(CHARGED["lost"], check, now), now + distance
    kept = [call.attempt.submitted_at for call in check.calls]
    period = UsagePeriod.until(now)
    in_period = [moment for moment in (NOW + n * distance for n in range(check.call_no)) if moment >= period.start]
    assert len(in_period) > MAX_KEPT_CALLS
    assert kept[-len(in_period) :] == in_period
    assert kept[0] > NOW


def test_difference_is_found_only_in_exact_quotes() -> None:
    assert list_differences(ask(FREE["quoted"])) == []
    (difference,) = list_differences(ask(FREE["another price"]))
    assert (difference.product, difference.quoted, difference.listed) == (REMOVE, 12_345, 10_000)


@pytest.mark.parametrize("answer", [FREE["estimate"], FREE["throttled"], CHARGED["lost"]])
def test_problem_neither_ends_nor_causes_a_difference(answer: QuoteAnswer) -> None:
    assert list_differences(ask(answer)) == []
    differing = ask(FREE["another price"])
    after = ask(answer, differing, LATER)
    assert list_differences(after) == list_differences(differing)
    price = after.find_price(REMOVE)
    assert (price.quoted_at, price.problem_code) == (NOW, answer.code)
    assert price.problem is not None


def test_next_quote_ends_the_problem_and_the_difference() -> None:
    check = ask(FREE["quoted"], ask(FREE["throttled"], ask(FREE["another price"])), LATER)
    price = check.find_price(REMOVE)
    assert (price.problem, price.problem_code, price.quoted_at) == (None, None, LATER)
    assert list_differences(check) == []


def test_price_of_a_product_that_is_no_longer_sold_is_ignored() -> None:
    check = ask(FREE["another price"])
    old = replace(check.prices[0], product=PricedProduct(operation="replace", rendering_speed="FLASH"))
    assert list_differences(replace(check, prices=(old,))) == []


@pytest.mark.parametrize("answer", (FREE | CHARGED).values(), ids=FREE | CHARGED)
def test_item_can_be_stored(answer: QuoteAnswer) -> None:
    check = ask(answer)
    assert from_json(PriceCheck, to_json(check)) == check
    open_check = begin(resume(check))
    assert from_json(PriceCheck, to_json(open_check)) == open_check


def test_usage_records_may_contain_every_request_without_a_free_answer() -> None:
    open_check = begin(ask(CHARGED["lost"]), now=LATER)
    calls = list_billed_quotes(open_check)
    assert [(call.possible, call.certain, call.is_unknown, call.unit_price) for call in calls] == [
        (1, 0, False, 10_000)
    ] * 2
    assert isinstance(calls[0], BilledCall)
    assert calls[0].endpoint == PATH
    assert calls[0].first_hour <= NOW <= calls[0].last_hour + timedelta(hours=1)
    assert list_billed_quotes(ask(FREE["quoted"])) == []
