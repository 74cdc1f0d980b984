"""A month's statement: all charges of the ledger, and their totals."""

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from backdrop.model.image_request import ImageRequest
from backdrop.model.job import Job
from backdrop_cli.operate.spend import NO_MANDATE_LABEL, ROOT_LABEL, SpendTotal
from backdrop_cli.stack import Stack
from backdrop_cli.statement.charge_store import ChargeStore, open_charge_store
from backdrop_cli.statement.charges import UnknownState, list_charges, list_quote_charges
from backdrop_cli.statement.month import Month

GROUPINGS = ("provider", "folder", "campaign", "mandate")
EMPTY_LABELS = {"folder": ROOT_LABEL, "campaign": "(no campaign)", "mandate": NO_MANDATE_LABEL}


@dataclass(frozen=True)
class CallsInFlight:
    """Calls of the month that have not ended, and what they cost at most, in micro-dollars. No total contains them."""

    count: int = 0
    reserved: int = 0


@dataclass(frozen=True)
class DeletedCalls:
    """What calls cost that the ledger has deleted, in micro-dollars. Only the budget of their days has their amounts.

    No total contains them.
    """

    charged: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Statement:
    """`groups`: the totals by each of GROUPINGS. `state_counts`: the numbers of charges by `Charge.state`.

    `undecided`: the least and the most that the undecided charges cost together. `open`: what those cost at most about
    which nothing is known. All are micro-dollars.
    """

    stack_name: str
    month: Month
    created_at: datetime
    store: ChargeStore
    groups: Mapping[str, Mapping[str, SpendTotal]]
    state_counts: Counter[str]
    in_flight: CallsInFlight
    deleted: DeletedCalls
    undecided: tuple[int, int]
    open: int

    @property
    def min_bill(self) -> int:
        """Returns the least that the providers' bills amount to together, in micro-dollars."""
        return self.total.confirmed + self.deleted.charged + self.undecided[0]

    @property
    def max_bill(self) -> int:
        """Returns the most that the providers' bills amount to together, in micro-dollars."""
        return self.total.confirmed + self.possibly_more + self.deleted.charged + self.deleted.unknown

    @property
    def possibly_more(self) -> int:
        """Returns what the charges cost at most, in addition to the certain amounts, in micro-dollars.

        It is less than the sum of the unknown charges if it is proven that not all of them were charged.
        """
        return self.undecided[1] + self.open

    @property
    def undecided_sum(self) -> int:
        """Returns the sum of the undecided charges, in micro-dollars, as if all of them had been charged."""
        return self.total.unknown - self.open

    @property
    def total(self) -> SpendTotal:
        return SpendTotal.sum(self.groups["provider"].values())

    @property
    def open_count(self) -> int:
        """How many charges are unknown and not settled."""
        return self.state_counts[UnknownState.OPEN] + self.state_counts[UnknownState.UNDECIDED]

    @property
    def settled_count(self) -> int:
        """How many charges were unknown and are settled."""
        return sum(self.state_counts[state] for state in UnknownState if state.is_settled)

    @property
    def billed_failure_count(self) -> int:
        """How many calls failed, and were charged all the same."""
        return self.state_counts[UnknownState.BILLED_FAILURE]

    @property
    def is_month_over(self) -> bool:
        return self.created_at >= self.month.end

    @property
    def is_provisional(self) -> bool:
        """Whether there may be more charges: the month is not over, or one of its calls has not ended."""
        return not self.is_month_over or self.in_flight.count > 0

    @property
    def is_incomplete(self) -> bool:
        """Whether the ledger has deleted some of the month's calls."""
        return self.deleted != DeletedCalls()

    @property
    def state(self) -> str:
        if self.is_provisional:
            return "provisional"
        return "incomplete" if self.is_incomplete else "final"


@contextmanager
def read_statement(stack: Stack, month: Month) -> Generator[Statement]:
    """Reads the whole ledger once; the charges can be read during the block."""
    created_at, call_count, reserved = stack.clock.now(), 0, 0
    with open_charge_store() as store:
        for item in stack.ledger_scan.scan_charged_and_requests():
            if isinstance(item, ImageRequest):
                store.add_request(item)
                continue
            is_job = isinstance(item, Job)
            for charge in list_charges(item, month, stack.input_bucket) if is_job else list_quote_charges(item, month):
                store.add_charge(charge)
            pending = [one.reserved for one in item.attempts if one.reserved and month.contains(one.budget_day)]
            call_count, reserved = call_count + len(pending), reserved + sum(pending)
        store.find_campaigns()
        groups = {
            name: {key or EMPTY_LABELS.get(name, ""): total for key, total in store.sum_by(name).items()}
            for name in GROUPINGS
        }
        # While a month is open, workers add charges to its days during the scan.
        is_over = created_at >= month.end
        total = SpendTotal.sum(groups["provider"].values())
        yield Statement(
            stack_name=stack.name,
            month=month,
            created_at=created_at,
            store=store,
            groups=groups,
            state_counts=store.count_states(),
            in_flight=CallsInFlight(call_count, reserved),
            deleted=_find_deleted_calls(stack, month, total) if is_over else DeletedCalls(),
            undecided=store.sum_undecided(),
            open=store.sum_open(),
        )


def _find_deleted_calls(stack: Stack, month: Month, total: SpendTotal) -> DeletedCalls:
    """Compares the charges with the budget of their days, which the ledger keeps when it deletes their jobs."""
    days = [stack.read_budget(day)[0] for day in month.list_days()]
    charged = sum(day.confirmed for day in days) - total.confirmed
    unknown = sum(day.unknown for day in days) - total.unknown
    # A charge that was settled since the scan has only moved from one sum to the other.
    return DeletedCalls(max(charged, 0), max(unknown, 0)) if charged + unknown > 0 else DeletedCalls()
