"""The shares of a day's budget: how many, where a claim finds money, and what is returned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model.budget_shares import (
    MAX_SHARES,
    MIN_SLOTS_FOR_SHARES,
    BudgetShare,
    Grant,
    SharedBudget,
    UseShare,
    choose_share,
    count_shares,
    find_money,
    plan_recall,
)
from backdrop.model.codes import Code
from backdrop.model.ids import derive_source_id
from backdrop.model.schedule import BudgetDay
from backdrop.operate.mandates import REGISTRY_DAYS

DAY = "2026-11-27"
PRICE = 60_000
AMOUNTS = st.integers(0, 500_000)


def build_budget(*shares: BudgetShare, own: int = 0) -> SharedBudget:
    """Returns a day whose item has settled `own`, and has granted what the shares have."""
    granted = sum(share.committed + share.available for share in shares)
    count = max((share.number for share in shares), default=0)
    return SharedBudget(BudgetDay(DAY, confirmed=own), granted, count, shares)


@st.composite
def budgets(draw: st.DrawFn) -> SharedBudget:
    numbers = draw(st.lists(st.integers(1, MAX_SHARES), unique=True, max_size=6))
    shares = [
        BudgetShare(number, draw(AMOUNTS), draw(AMOUNTS), draw(AMOUNTS), draw(st.integers(-50_000, 500_000)))
        for number in numbers
    ]
    return build_budget(*shares, own=draw(AMOUNTS))


@pytest.mark.parametrize(
    ("slots", "shares"), [(0, 0), (2, 0), (10, 0), (49, 0), (50, 2), (100, 4), (300, 12), (750, 30), (4000, 30)]
)
def test_number_of_shares_follows_from_the_slots(slots: int, shares: int) -> None:
    assert count_shares(slots) == shares


def test_mandate_and_all_shares_of_its_days_fit_into_a_transaction() -> None:
    assert 2 + len(REGISTRY_DAYS) * (1 + MAX_SHARES) <= 100


def test_jobs_are_spread_over_the_shares() -> None:
    counts = [0] * 5
    for n in range(1000):
        counts[(choose_share(derive_source_id("photos", f"{n}.jpg"), 4) or 0)] += 1
    assert counts[0] == 0
    assert min(counts[1:]) > 200
    assert choose_share("ab" * 32, 0) is None


def test_empty_share_borrows_a_part_of_the_rest() -> None:
    assert find_money(build_budget(), PRICE, 100 * PRICE, 2, 4) == Grant(2, 100 * PRICE // 8)
    assert find_money(build_budget(), PRICE, 3 * PRICE, 2, 4) == Grant(2, PRICE)


def test_share_that_another_worker_has_filled_is_used() -> None:
    budget = build_budget(BudgetShare(2, available=PRICE))
    assert find_money(budget, PRICE, 100 * PRICE, 2, 4) == UseShare(2)


def test_share_that_was_overcharged_borrows_the_deficit_too() -> None:
    budget = build_budget(BudgetShare(2, confirmed=PRICE + 5, available=-5))
    assert find_money(budget, PRICE, 2 * PRICE + 5, 2, 4) == Grant(2, PRICE + 5)


def test_what_a_share_has_overspent_is_not_granted_to_others() -> None:
    budget = build_budget(BudgetShare(1, unknown=PRICE, available=-PRICE // 2), BudgetShare(2, available=PRICE))
    assert find_money(budget, PRICE // 2, 2 * PRICE, 3, 3) == UseShare(2)
    assert (plan_recall(budget, 2 * PRICE), plan_recall(budget, 2 * PRICE - 1)) == ({}, {2: 1})


def test_without_a_rest_the_next_share_with_enough_is_used() -> None:
    shares = [BudgetShare(number, available=PRICE * (number != 2)) for number in (1, 2, 3)]
    budget = build_budget(*shares)
    assert find_money(budget, PRICE, 2 * PRICE, 2, 3) == UseShare(3)
    assert find_money(build_budget(*shares[:2]), PRICE, PRICE, 2, 3) == UseShare(1)


def test_last_affordable_picture_is_collected_from_several_shares() -> None:
    budget = build_budget(
        BudgetShare(1, available=30_000), BudgetShare(2, available=10_000), BudgetShare(3, available=15_000)
    )
    assert find_money(budget, PRICE, 60_000, 2, 3) == Grant(1, 5_000, {3: 15_000, 2: 10_000})


def test_claims_without_a_share_use_the_rest_first_and_then_the_shares() -> None:
    budget = build_budget(BudgetShare(1, available=PRICE), own=PRICE)
    assert find_money(budget, PRICE, 3 * PRICE, None, 0) == UseShare(None)
    assert find_money(budget, PRICE, 2 * PRICE, None, 0) == UseShare(1)


def test_reservations_only_delay_but_charges_pause() -> None:
    reserved = build_budget(BudgetShare(1, reserved=PRICE))
    spent = build_budget(BudgetShare(1, unknown=PRICE))
    assert find_money(reserved, PRICE, PRICE, 1, 1) is Code.BUDGET_RESERVED
    assert find_money(spent, PRICE, PRICE, 1, 1) is Code.BUDGET_REACHED


def test_lowered_cap_stops_borrowing_and_counts_what_is_granted() -> None:
    budget = build_budget(BudgetShare(1, confirmed=3 * PRICE, available=2 * PRICE), BudgetShare(2))
    assert find_money(budget, PRICE, 4 * PRICE, 2, 2) == UseShare(1)
    assert find_money(budget, PRICE, 4 * PRICE - 1, 2, 2) is Code.BUDGET_REACHED
    assert plan_recall(budget, 4 * PRICE) == {1: PRICE}
    assert plan_recall(budget, 0) == {1: 2 * PRICE}
    assert plan_recall(budget, 5 * PRICE) == {}


@given(budgets(), st.integers(1, 200_000), st.integers(0, 5_000_000), st.integers(0, MAX_SHARES), st.integers(2, 30))
def test_claim_waits_only_if_all_shares_together_have_too_little(
    budget: SharedBudget, price: int, cap: int, share: int, share_count: int
) -> None:
    """What is found is enough, exists, and leaves the day within its cap."""
    found = find_money(budget, price, cap, share or None, share_count)
    if isinstance(found, Code):
        assert budget.left(cap) < price
        assert (found is Code.BUDGET_REACHED) == (budget.total.spent + price > cap)
        return
    assert budget.left(cap) >= price
    available = {one.number: one.available for one in budget.shares}
    if isinstance(found, UseShare):
        rest = cap - budget.held
        assert rest >= price if found.share is None else available[found.share] >= price
        return
    assert available.get(found.share, 0) + found.total >= price
    overspent = max(-available.get(found.share, 0), 0)
    assert found.from_day == 0 or overspent < found.from_day <= cap - budget.held + overspent
    assert found.share not in found.moved
    assert all(0 < amount <= available[number] for number, amount in found.moved.items())
    assert found.from_day or found.share in available, "only a grant of the day's item creates a share"


@given(budgets(), st.integers(0, 5_000_000))
def test_recall_takes_no_more_than_is_available_or_above_the_cap(budget: SharedBudget, cap: int) -> None:
    recalled, available = plan_recall(budget, cap), {one.number: one.available for one in budget.shares}
    excess = max(budget.held - cap, 0)
    assert all(0 < amount <= available[number] for number, amount in recalled.items())
    assert sum(recalled.values()) == min(excess, sum(max(amount, 0) for amount in available.values()))


def test_stack_below_fifty_slots_has_no_shares() -> None:
    assert MIN_SLOTS_FOR_SHARES == 50
