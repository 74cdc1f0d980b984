"""Shares of a day's budget: how many a stack has, where a claim finds money, and what is returned. Pure rules.

One ledger item is written by one transaction at a time. Therefore, a stack with many slots divides the day's budget:
claims and answers write one share each, and a share that has too little borrows from the day's item. What is granted to
shares counts as committed on the day's item, so that all grants and claims together stay within the cap. Amounts are
micro-dollars.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from backdrop.model.codes import Code
from backdrop.model.schedule import BudgetDay

# Below this, two transactions rarely meet on the day's item (docs/decisions/0050-budget-shares.md has the arithmetic).
MIN_SLOTS_FOR_SHARES = 50
SLOTS_PER_SHARE = 25
# A transaction has at most 100 writes. The one that creates a mandate writes it, its registry, and for each of three
# days the day's item and all shares.
MAX_SHARES = 30
# A share borrows this fraction of what its part of the rest would be, so that other shares can borrow later.
GRANT_FRACTION = 2


def count_shares(slots: int) -> int:
    """Returns how many shares a stack with this many slots has in all lanes; 0 if claims write the day's item."""
    return 0 if slots < MIN_SLOTS_FOR_SHARES else min(slots // SLOTS_PER_SHARE, MAX_SHARES)


def choose_share(job_id: str, share_count: int) -> int | None:
    """Returns the share whose turn it is for a job; None if there are no shares. Job IDs are evenly distributed."""
    return int(job_id[:8], 16) % share_count + 1 if share_count else None


class BudgetShare(NamedTuple):
    """One share. `available` is granted and not committed.

    It is negative if a provider charged more than was reserved, or if a settlement was corrected after the share had
    spent what it got back.
    """

    number: int
    reserved: int = 0
    confirmed: int = 0
    unknown: int = 0
    available: int = 0

    @property
    def committed(self) -> int:
        return self.reserved + self.confirmed + self.unknown


@dataclass(frozen=True)
class SharedBudget:
    """A day's item and its shares.

    `granted`: what the shares have received from the day's item, whether they have spent it or not. `share_count`: the
    highest number that a share may have.
    """

    day: BudgetDay
    granted: int = 0
    share_count: int = 0
    shares: tuple[BudgetShare, ...] = ()

    @property
    def total(self) -> BudgetDay:
        """The day with the amounts of all its shares: what people see, and what decides whether a lane pauses."""
        return self.day._replace(
            reserved=self.day.reserved + sum(share.reserved for share in self.shares),
            confirmed=self.day.confirmed + sum(share.confirmed for share in self.shares),
            unknown=self.day.unknown + sum(share.unknown for share in self.shares),
        )

    @property
    def held(self) -> int:
        """What cannot be granted: the claims on the day's item, all grants, and what shares have spent above theirs."""
        overspent = sum(max(-share.available, 0) for share in self.shares)
        return self.day.reserved + self.day.spent + self.granted + overspent

    def left(self, cap: int) -> int:
        """Returns what can still be bought, wherever it is."""
        total = self.total
        return cap - total.reserved - total.spent


@dataclass(frozen=True)
class UseShare:
    """The share has the money; None for the day's item."""

    share: int | None


@dataclass(frozen=True)
class Grant:
    """A share receives money from the rest of the day, and what other shares have not spent (`moved`, by share)."""

    share: int
    from_day: int
    moved: Mapping[int, int] = field(default_factory=dict[int, int])

    @property
    def total(self) -> int:
        return self.from_day + sum(self.moved.values())


def find_money(
    budget: SharedBudget, price: int, cap: int, share: int | None, share_count: int
) -> UseShare | Grant | Code:
    """Returns where a claim finds its price, or why it must wait: what is spent stays so, what is reserved may not.

    `share`: the one that had too little a moment ago; None for the day's item. `share_count`: how many the stack uses.
    """
    if budget.left(cap) < price:
        return Code.BUDGET_REACHED if budget.total.spent + price > cap else Code.BUDGET_RESERVED
    rest = cap - budget.held
    if share is None and rest >= price:
        return UseShare(None)
    available = {one.number: one.available for one in budget.shares}
    if share is not None:
        own = available.get(share, 0)
        if own >= price:
            return UseShare(share)
        lacking, overspent = price - max(own, 0), max(-own, 0)
        if rest >= lacking:
            return Grant(share, overspent + max(lacking, rest // (GRANT_FRACTION * max(share_count, 1))))
    # The shares that follow come first, so that the claims of several empty shares do not all meet on one.
    following = sorted(available, key=lambda number: (number <= (share or 0), number))
    for number in following:
        if available[number] >= price:
            return UseShare(number)
    return _gather(available, rest, price)


def _gather(available: Mapping[int, int], rest: int, price: int) -> Grant:
    """Returns a grant that collects the price in the share that lacks least. The caller has checked that it exists."""
    richest, *others = sorted(available, key=lambda number: -available[number])
    lacking = price - available[richest]
    from_day = max(min(rest, lacking), 0)
    lacking -= from_day
    moved: dict[int, int] = {}
    for number in others:
        amount = min(available[number], lacking)
        if amount > 0:
            moved[number] = amount
            lacking -= amount
    return Grant(richest, from_day, moved)


def plan_recall(budget: SharedBudget, cap: int) -> dict[int, int]:
    """Returns what each share must return, because the cap no longer covers what was granted and overspent."""
    excess, recalled = budget.held - cap, dict[int, int]()
    for share in sorted(budget.shares, key=lambda one: -one.available):
        amount = min(share.available, excess)
        if amount > 0:
            recalled[share.number] = amount
            excess -= amount
    return recalled
