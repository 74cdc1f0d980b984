"""Invariants of a budget's shares: what is granted, spent, and available in them adds up, and stays within the cap."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulation.invariants.violations import BUDGET_FIELDS, Invariant, Violation

ACCOUNT_SEPARATOR = "#"


@dataclass(frozen=True)
class StoredBudget:
    """A day's item and its shares by number, as stored, in micro-dollars."""

    day_item: Mapping[str, int] = field(default_factory=dict[str, int])
    shares: Mapping[int, Mapping[str, int]] = field(default_factory=dict[int, Mapping[str, int]])

    @property
    def totals(self) -> dict[str, int]:
        """The sums over all shares, and the day's other attributes. What is granted is not committed yet."""
        totals = dict(self.day_item)
        if "granted" in totals:
            totals["committed"] -= totals["granted"]
        for amounts in self.shares.values():
            totals |= {name: totals.get(name, 0) + amounts.get(name, 0) for name in BUDGET_FIELDS}
        return totals

    @property
    def available(self) -> int:
        """What the shares can still spend without borrowing."""
        return sum(max(amounts.get("available", 0), 0) for amounts in self.shares.values())

    @property
    def overspent(self) -> int:
        """What the shares have spent above what they were granted."""
        return sum(max(-amounts.get("available", 0), 0) for amounts in self.shares.values())


def join_accounts(accounts: Mapping[str, Mapping[str, int]]) -> dict[str, StoredBudget]:
    """Returns the budgets by day. `accounts`: days' items (`2026-11-21`) and shares (`2026-11-21#3`), as stored."""
    days = {name.partition(ACCOUNT_SEPARATOR)[0] for name in accounts}
    return {day: join_day(accounts, day) for day in days}


def join_day(accounts: Mapping[str, Mapping[str, int]], day: str) -> StoredBudget:
    """Returns the budget of one day."""
    prefix = f"{day}{ACCOUNT_SEPARATOR}"
    shares = {int(name.removeprefix(prefix)): one for name, one in accounts.items() if name.startswith(prefix)}
    return StoredBudget(accounts.get(day, {}), shares)


def check_shares(day: str, budget: StoredBudget, surcharge: int) -> list[Violation]:
    """Checks that the shares have what was granted to them, and that none has spent more. Holds at all times.

    `surcharge`: what providers charged above their price lists, which no claim could reserve.
    """
    granted = budget.day_item.get("granted", 0)
    held = sum(one.get("committed", 0) + one.get("available", 0) for one in budget.shares.values())
    violations: list[Violation] = []
    if granted != held:
        violations.append(Violation(Invariant.WITHIN_BUDGET, f"{day}: {granted} granted, but the shares have {held}"))
    if budget.overspent > surcharge:
        violations.append(Violation(Invariant.WITHIN_BUDGET, f"{day}: shares overspent {budget.overspent}"))
    return violations


def check_grant(day: str, before: Mapping[str, int], after: Mapping[str, int], cap: int) -> list[Violation]:
    """Checks that a grant leaves the day's item within its cap. Holds on every write of the day's item."""
    if after.get("granted", 0) <= before.get("granted", 0) or after["committed"] <= cap:
        return []
    return [Violation(Invariant.WITHIN_BUDGET, f"{day}: {after['committed']} granted or claimed, but the cap is {cap}")]


def check_recall(day: str, budget: StoredBudget, cap: int) -> list[Violation]:
    """Checks that shares can spend only what the cap allows. Holds at rest, because a cap may have been lowered."""
    excess = budget.day_item.get("committed", 0) + budget.overspent - cap
    if excess <= 0 or budget.available == 0:
        return []
    return [
        Violation(Invariant.WITHIN_BUDGET, f"{day}: {budget.available} is available in shares, {excess} above the cap")
    ]


def check_pause(lane: str, required: int, remaining: int) -> list[Violation]:
    """Checks that the budget pauses a lane only if no share, nor all of them together, could pay for the job.

    `remaining`: the least that was left of the day's budget, calls in flight aside, since the worker read it.
    """
    if required > remaining:
        return []
    return [
        Violation(
            Invariant.LANE_STATE_RESPECTED, f"{lane}: paused for {required}, but {remaining} of the budget is left"
        )
    ]
