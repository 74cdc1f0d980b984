"""Compares Ideogram's prices with the price list, by quotes that are free. Runs once a day, and when a person asks.

Each request is recorded before it is sent, with its price reserved, and ended by its answer. So a crash in between
leaves a record, and the next run counts the charge as unknown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from backdrop.aws.budget_shares import BudgetShares
from backdrop.aws.ledger import Ledger, build_budget_error
from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError, ShareEmptyError
from backdrop.model.price_check import (
    PRICED_PRODUCTS,
    PriceCheck,
    PriceDifference,
    PricedProduct,
    QuoteAnswer,
    begin_call,
    expire_call,
    list_differences,
    record_answer,
    resume,
)
from backdrop.model.sentence import Sentence
from backdrop.model.transitions import BudgetChange, ClaimLimits
from backdrop.ports import Clock
from backdrop.providers.ideogram_quotes import IdeogramQuotes

BUDGET_CODES = frozenset({Code.BUDGET_REACHED, Code.BUDGET_RESERVED})
MAX_CLAIM_TRIES = 8
WRITE_DELAYS_SECONDS = (1, 2, 4, 8, 16, 32)
NO_BUDGET_MESSAGE = (
    "Today's budget does not cover what a request for a quote would cost if Ideogram charged it, so none was sent."
)


@dataclass
class PriceCheckResult:
    """The result of one run. `is_busy`: another run is waiting for an answer, so this one sent nothing."""

    check: PriceCheck
    answers: list[tuple[PricedProduct, QuoteAnswer]] = field(default_factory=list[tuple[PricedProduct, QuoteAnswer]])
    is_busy: bool = False

    @property
    def differences(self) -> Sequence[PriceDifference]:
        return list_differences(self.check)

    @property
    def finding_count(self) -> int:
        """What raises the alarm."""
        return len(self.differences) + (self.check.stopped_at is not None)


@dataclass(eq=False, repr=False)
class PriceChecks:
    """`daily_budget`: the stack's, in micro-dollars. `on_quote_change`: called after each write that changes money."""

    ledger: Ledger
    budget_shares: BudgetShares
    quotes: IdeogramQuotes
    clock: Clock
    daily_budget: int
    on_quote_change: Callable[[BudgetChange, str], None] = lambda _change, _operation: None

    def run(self, *, resumes: bool = False) -> PriceCheckResult:
        """Asks for the price of each product, until an answer concerns all of them.

        `resumes`: a person has decided that a check which stopped may go on. Raises ConflictError if another run wrote
        first, and RetryLaterError if the ledger is unavailable.
        """
        result = PriceCheckResult(self.ledger.read_price_check())
        if call := result.check.call_in_flight:
            if self.clock.now() < call.attempt.lease_until:
                result.is_busy = True
                return result
            result.check = self._write(call.product, *expire_call(result.check, self.clock.now()))
        if resumes and result.check.stopped_at:
            result.check = self.ledger.put_price_check(resume(result.check))
        if result.check.stopped_at:
            return result
        key = self.quotes.require_key()
        if isinstance(key, QuoteAnswer):
            result.check = self._record_problem(result.check, key.message, key.code)
            return result
        limits = ClaimLimits(self.daily_budget, registry_version=self.ledger.read_mandate_registry().lock_version)
        for product in PRICED_PRODUCTS:
            answer = self._check_product(product, key, limits, result)
            if answer is None or answer.ends_run:
                break
        return result

    def _check_product(
        self, product: PricedProduct, key: str, limits: ClaimLimits, result: PriceCheckResult
    ) -> QuoteAnswer | None:
        """Asks for the price of one product. Returns None if the day's budget does not allow it."""
        try:
            result.check = self._open_call(result.check, product, limits)
        except RetryLaterError as error:
            if error.code not in BUDGET_CODES:
                raise
            result.check = self._record_problem(result.check, Sentence(NO_BUDGET_MESSAGE), error.code)
            return None
        answer = self.quotes.request_quote(product, key)
        ended, change = record_answer(result.check, answer, self.clock.now())
        result.check = self._write(product, ended, change)
        result.answers.append((product, answer))
        return answer

    def _open_call(self, check: PriceCheck, product: PricedProduct, limits: ClaimLimits) -> PriceCheck:
        """Records a request, and reserves its price: of the rest of the day's budget, or of a share that has it."""
        endpoint = self.quotes.find_endpoint(product)
        for _ in range(MAX_CLAIM_TRIES):
            opened, change = begin_call(check, product, endpoint, limits, self.clock.now())
            try:
                return self.ledger.put_price_check(opened, change)
            except ShareEmptyError:
                # It has no share of its own, so that it borrows nothing that it will not spend.
                share = self.budget_shares.find_share(change.day, change.total, limits.cap, share=None, share_count=0)
                limits = replace(limits, share=share)
        raise build_budget_error(Code.BUDGET_RESERVED)

    def _write(self, product: PricedProduct, check: PriceCheck, change: BudgetChange) -> PriceCheck:
        written = self._put_with_retries(check, change)
        self.on_quote_change(change, product.operation)
        return written

    def _put_with_retries(self, check: PriceCheck, change: BudgetChange) -> PriceCheck:
        """Tries for about a minute, because only this worker knows the answer."""
        for delay in WRITE_DELAYS_SECONDS:
            try:
                return self.ledger.put_price_check(check, change)
            except RetryLaterError:
                self.clock.sleep(delay)
        return self.ledger.put_price_check(check, change)

    def _record_problem(self, check: PriceCheck, message: Sentence, code: Code | None) -> PriceCheck:
        now = self.clock.now()
        return self.ledger.put_price_check(replace(check, run_at=now, problem=message, problem_code=code))
