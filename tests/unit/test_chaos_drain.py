"""Drain efficiency: full slots are the ideal, idle ones are not, and nobody is blamed for a provider that is shut."""

from collections.abc import Sequence

from fault_bench.slot_use import SlotHistory, SlotUse, TimedValue, TimeRange
from fault_bench.slot_use import measure_slot_use as drain_of

TEN = [(0.0, 10.0)]


def drain(
    held: Sequence[TimedValue],
    limits: Sequence[TimedValue],
    blocked: Sequence[TimeRange],
    start: float,
    kept: Sequence[TimeRange] = (),
) -> SlotUse:
    """The drain of a run that went so."""
    return drain_of(SlotHistory(held, limits, blocked, kept), start)


def test_slots_in_full_use_are_an_efficiency_of_one() -> None:
    found = drain([(0, 10), (20, 0)], TEN, [], start=0)
    assert (found.ideal_seconds, found.measured_seconds, found.efficiency) == (20, 20, 1)


def test_half_of_the_slots_in_use_is_half() -> None:
    assert drain([(0, 5), (20, 0)], TEN, [], start=0).efficiency == 0.5


def test_idle_seconds_before_the_first_call_count() -> None:
    found = drain([(5, 10), (15, 0)], TEN, [], start=0)
    assert (found.ideal_seconds, found.measured_seconds) == (10, 15)


def test_a_smaller_account_asks_for_less() -> None:
    assert drain([(0, 5), (20, 0)], [(0, 10), (0, 5)], [], start=0).efficiency == 1
    assert drain([(0, 10), (10, 5), (20, 0)], [(0, 10), (10, 5)], [], start=0).efficiency == 1


def test_more_calls_than_the_account_now_allows_are_no_more_than_all() -> None:
    assert drain([(0, 10), (20, 0)], [(0, 5)], [], start=0).efficiency == 1


def test_a_window_in_which_nothing_could_be_done_is_not_held_against_anyone() -> None:
    found = drain([(0, 10), (10, 0), (16, 10), (26, 0)], TEN, [(10, 16)], start=0)
    assert (found.ideal_seconds, found.measured_seconds, found.efficiency) == (26, 26, 1)


def test_seconds_wasted_after_a_window_count() -> None:
    found = drain([(0, 10), (10, 0), (20, 10), (30, 0)], TEN, [(10, 16)], start=0)
    assert (found.ideal_seconds, found.measured_seconds) == (26, 30)


def test_a_slot_that_a_lost_call_may_hold_still_counts_as_used() -> None:
    held = [(0, 10), (4, 9), (6, 10), (10, 0)]
    assert drain(held, TEN, [], start=0, kept=[(4, 6)]).efficiency == 1
    assert drain(held, TEN, [], start=0).efficiency < 1


def test_a_call_that_was_lost_late_keeps_no_slot_free() -> None:
    assert drain([(0, 5), (10, 0)], TEN, [], start=0, kept=[(8, 6)]).efficiency == 0.5


def test_no_call_at_all_is_no_drain() -> None:
    assert drain([], TEN, [], start=3).efficiency == 0
