"""Checks every write of a day's budget and of its shares, and every pause for the budget."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from simulation.invariants.budget_shares import check_grant, check_pause, check_recall, check_shares, join_day
from simulation.invariants.ledger_writes import check_budget_cap
from simulation.invariants.violations import JsonObject, Violation
from simulation.scenarios.ledger_snapshot import LedgerSnapshot

BUDGET_REASON = "budget"


class BudgetMonitor:
    """The budgets of all days as last written."""

    def __init__(self, snapshot: LedgerSnapshot) -> None:
        self._snapshot = snapshot
        self._totals: dict[str, dict[str, int]] = {}
        self._changed_days: set[str] = set()
        self._violations: list[Violation] = []
        # What was left of a day's budget, calls in flight aside, and since when.
        self._remaining: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)

    def record(self, account: str, amounts: dict[str, int]) -> None:
        """Records a written item: a day's, or a share's. A transaction may write several of them."""
        before, self._snapshot.days[account] = self._snapshot.days.get(account, {}), amounts
        self._violations += check_grant(account, before, amounts, self._find_cap(amounts))
        self._changed_days.add(account.partition("#")[0])

    def check_writes(self) -> list[Violation]:
        """Checks the days that were just written, each as a whole."""
        violations, self._violations = self._violations, []
        for day in sorted(self._changed_days):
            budget = join_day(self._snapshot.days, day)
            before, self._totals[day] = self._totals.get(day, {}), budget.totals
            cap = self._find_cap(budget.day_item)
            # After an operator has lowered the cap, shares may still spend what they have.
            limit = max(cap, budget.day_item.get("committed", 0)) if budget.shares else cap
            violations += check_budget_cap(day, before, budget.totals, limit, self._surcharge)
            violations += check_shares(day, budget, self._surcharge)
            spent = budget.totals.get("confirmed", 0) + budget.totals.get("unknown", 0)
            self._remaining[day].append((self._snapshot.world.clock.time, cap - spent))
        self._changed_days.clear()
        return violations

    def check_new_pause(
        self, provider: str, before: JsonObject | None, after: JsonObject, since: datetime
    ) -> list[Violation]:
        """Checks a lane that a worker pauses for the budget. `since`: when the worker started."""
        paused_before = {pause["reason"] for pause in before["pauses"]} if before else set[str]()
        new = [one for one in after["pauses"] if one["reason"] == BUDGET_REASON and BUDGET_REASON not in paused_before]
        days = {since.date().isoformat(), self._snapshot.world.clock.time.date().isoformat()}
        remaining = [amount for day in days for amount in self._list_remaining(day, since)]
        return [found for pause in new for found in check_pause(provider, pause["required_budget"], min(remaining))]

    def check_final_state(self) -> list[Violation]:
        """Checks that today's shares have returned what exceeds a lowered cap."""
        day = self._snapshot.world.clock.time.date().isoformat()
        budget = join_day(self._snapshot.days, day)
        return check_recall(day, budget, self._find_cap(budget.day_item))

    def _list_remaining(self, day: str, since: datetime) -> list[int]:
        """Returns what was left at a moment, and after each later write."""
        history = self._remaining[day]
        earlier = [amount for at, amount in history if at <= since][-1:] or [self._snapshot.world.setup.budget]
        return earlier + [amount for at, amount in history if at > since]

    def _find_cap(self, day_item: Mapping[str, int]) -> int:
        return day_item.get("cap", self._snapshot.world.setup.budget)

    @property
    def _surcharge(self) -> int:
        return sum(one.account.surcharges.total() for one in self._snapshot.world.simulated_providers.values())
