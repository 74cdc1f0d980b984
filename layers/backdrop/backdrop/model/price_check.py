"""The daily check of Ideogram's prices: what it asks, what it has learned, and what it may have cost.

A request of the check asks for a quote (`dry_run`), which is free. Only if Ideogram ignored this parameter would the
request buy a picture. So each request reserves its price before it is sent, as a paid call does, and any answer but a
quote or a refusal leaves a charge that may have been made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError
from backdrop.model.job import Attempt, AttemptOutcome, LedgerItem
from backdrop.model.pricing import BILL_PROVIDER, REPLACE_PER_IMAGE, look_up_image_price
from backdrop.model.record import Record, record
from backdrop.model.sentence import Sentence
from backdrop.model.transitions import BudgetChange, ClaimLimits
from backdrop.model.usage_records import MAX_PERIOD

PRICE_CHECK_ID = "price-check"
"""In place of a job's ID, where calls are listed."""
# Longer than the function's timeout, so that the worker of a request that still has no answer has ended.
LEASE = timedelta(minutes=5)
# Of 500 bytes each, so that they fit into one item. At one lost answer a day, they reach back more than a year.
MAX_KEPT_CALLS = 500
# The usage records may still contain a younger call. A call may be in the hour before its request, or after it.
MIN_CALL_RETENTION = MAX_PERIOD + timedelta(days=1)
CRASH_MESSAGE = "The worker crashed between the request and the record of its answer."


@record
class PricedProduct(Record):
    """What Ideogram has a price for: an operation, and for replacements the speed, as instructions name them."""

    operation: str
    rendering_speed: str = ""

    @property
    def list_price(self) -> int:
        """The price of one image in the price list, in micro-dollars."""
        instructions = {"operation": self.operation, "rendering_speed": self.rendering_speed}
        return look_up_image_price(BILL_PROVIDER, instructions)

    @property
    def label(self) -> str:
        return f"{self.operation} {self.rendering_speed}".strip()


# The cheapest first: if Ideogram sells instead of quoting, the first request costs the least. v2 has no FLASH.
PRICED_PRODUCTS = (
    PricedProduct(operation="remove"),
    *(
        PricedProduct(operation="replace", rendering_speed=speed)
        for speed in REPLACE_PER_IMAGE[BILL_PROVIDER]
        if speed != "FLASH"
    ),
)


class QuoteOutcome(StrEnum):
    """How a request for a quote ended.

    QUOTED: with a price. NOT_QUOTED: certainly without a charge, but without a price. LOST: without an answer, so it
    may have been charged. NOT_A_QUOTE: Ideogram accepted the request and did not quote, so it probably generates.
    """

    QUOTED = "quoted"
    NOT_QUOTED = "not_quoted"
    LOST = "lost"
    NOT_A_QUOTE = "not_a_quote"


@dataclass(frozen=True)
class QuoteAnswer:
    """The answer to one request. `price`: of one image, in micro-dollars. `provider_id`: of a generation.

    `concerns_account`: the next request would end alike, because of the key, the account, or the provider.
    """

    outcome: QuoteOutcome
    message: Sentence
    price: int | None = None
    code: Code | None = None
    provider_id: str | None = None
    concerns_account: bool = False

    @property
    def may_be_charged(self) -> bool:
        return self.outcome in (QuoteOutcome.LOST, QuoteOutcome.NOT_A_QUOTE)

    @property
    def ends_run(self) -> bool:
        return self.concerns_account or self.may_be_charged


@record
class CheckedPrice(Record):
    """What the check knows about one product.

    `quoted`: Ideogram's latest exact quote for one image, in micro-dollars. `problem`: why the latest request brought
    none, and `problem_code` its code.
    """

    product: PricedProduct
    quoted: int | None = None
    quoted_at: datetime | None = None
    problem: Sentence | None = None
    problem_code: Code | None = None


@record
class QuoteCall(Record):
    """A request that has no answer yet, or may have been charged."""

    product: PricedProduct
    attempt: Attempt


@record
class PriceCheck(LedgerItem):
    """The price check's own item.

    `run_at`: the end of the last run. `problem`: why that run sent no request, and `problem_code` its code. `calls`:
    the request in flight, and the latest that may have been charged. `stopped_at`: when an answer was no quote; nothing
    more is sent until a person resumes the check.
    """

    run_at: datetime | None = None
    problem: Sentence | None = None
    problem_code: Code | None = None
    prices: tuple[CheckedPrice, ...] = ()
    calls: tuple[QuoteCall, ...] = ()
    call_no: int = 0
    stopped_at: datetime | None = None

    @property
    def call_in_flight(self) -> QuoteCall | None:
        return next((call for call in self.calls if call.attempt.outcome is AttemptOutcome.IN_FLIGHT), None)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return tuple(call.attempt for call in self.calls)

    def find_price(self, product: PricedProduct) -> CheckedPrice:
        return next((price for price in self.prices if price.product == product), CheckedPrice(product=product))


@dataclass(frozen=True)
class PriceDifference:
    """A price that differs from the price list; both are micro-dollars for one image."""

    product: PricedProduct
    quoted: int
    listed: int


def list_differences(check: PriceCheck) -> Sequence[PriceDifference]:
    """Compares the latest quotes with the price list of this release."""
    return [
        PriceDifference(price.product, price.quoted, price.product.list_price)
        for price in check.prices
        if price.product in PRICED_PRODUCTS and price.quoted is not None and price.quoted != price.product.list_price
    ]


def begin_call(
    check: PriceCheck, product: PricedProduct, endpoint: str, limits: ClaimLimits, now: datetime
) -> tuple[PriceCheck, BudgetChange]:
    """Opens a request, and reserves its price in case it is charged. Raises ConflictError if another one is open."""
    if check.call_in_flight or check.stopped_at:
        raise ConflictError
    attempt = Attempt(
        n=check.call_no + 1,
        provider=BILL_PROVIDER,
        endpoint=endpoint,
        submitted_at=now,
        lease_until=now + LEASE,
        budget_day=now.date().isoformat(),
        reserved=product.list_price,
        budget_share=limits.share,
    )
    opened = replace(
        check,
        call_no=attempt.n,
        calls=(*_drop_old_calls(check.calls, now), QuoteCall(product=product, attempt=attempt)),
        problem=None,
        problem_code=None,
    )
    change = BudgetChange(
        attempt.budget_day, BILL_PROVIDER, reserved=attempt.reserved, claim=limits, share=limits.share
    )
    return opened, change


def _drop_old_calls(calls: Sequence[QuoteCall], now: datetime) -> Iterator[QuoteCall]:
    """Makes room for one call. The budget's days keep what the dropped ones may have cost."""
    first_kept = len(calls) + 1 - MAX_KEPT_CALLS
    return (
        call for n, call in enumerate(calls) if n >= first_kept or now - call.attempt.submitted_at < MIN_CALL_RETENTION
    )


def record_answer(check: PriceCheck, answer: QuoteAnswer, now: datetime) -> tuple[PriceCheck, BudgetChange]:
    """Ends the open request. Only a quote or a refusal releases its reservation; else the charge is unknown.

    Raises ConflictError if no request is open.
    """
    call = check.call_in_flight
    if call is None:
        raise ConflictError
    attempt, others = call.attempt, tuple(one for one in check.calls if one is not call)
    change = BudgetChange.of_attempt(attempt, reserved=-attempt.reserved)
    if answer.may_be_charged:
        lost = replace(
            attempt,
            outcome=AttemptOutcome.LOST,
            reserved=0,
            unknown=attempt.reserved,
            provider_id=answer.provider_id,
        )
        others = (*others, replace(call, attempt=lost))
        change = replace(change, unknown=attempt.reserved, is_lost=True)
    before = check.find_price(call.product)
    if answer.outcome is QuoteOutcome.QUOTED:
        after = CheckedPrice(product=call.product, quoted=answer.price, quoted_at=now)
    else:
        after = replace(before, problem=answer.message, problem_code=answer.code)
    is_sale = answer.outcome is QuoteOutcome.NOT_A_QUOTE
    ended = replace(
        check,
        run_at=now,
        calls=others,
        prices=(*(price for price in check.prices if price.product != call.product), after),
        stopped_at=now if is_sale else check.stopped_at,
    )
    return ended, change


def resume(check: PriceCheck) -> PriceCheck:
    """Lets a check that stopped go on. The charges stay."""
    return replace(check, stopped_at=None)


def expire_call(check: PriceCheck, now: datetime) -> tuple[PriceCheck, BudgetChange]:
    """Ends the request of a worker that crashed. Raises ConflictError if its lease has not expired."""
    call = check.call_in_flight
    if call is None or now < call.attempt.lease_until:
        raise ConflictError
    return record_answer(check, QuoteAnswer(QuoteOutcome.LOST, Sentence(CRASH_MESSAGE), code=Code.CHARGE_UNKNOWN), now)
