"""Drain efficiency: full use of the slots is the ideal, idle slots reduce it, and outages do not count."""

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
    """Measures the slots of a run."""
    return drain_of(SlotHistory(held, limits, blocked, kept), start)


def test_full_use_of_slots_has_efficiency_one() -> None:
    found = drain([(0, 10), (20, 0)], TEN, [], start=0)
    assert (found.ideal_seconds, found.measured_seconds, found.efficiency) == (20, 20, 1)


def test_half_of_the_slots_has_efficiency_half() -> None:
    assert drain([(0, 5), (20, 0)], TEN, [], start=0).efficiency == 0.5


def test_idle_seconds_before_the_first_call_count() -> None:
    found = drain([(5, 10), (15, 0)], TEN, [], start=0)
    assert (found.ideal_seconds, found.measured_seconds) == (10, 15)


def test_lower_account_limit_needs_fewer_calls() -> None:
    assert drain([(0, 5), (20, 0)], [(0, 10), (0, 5)], [], start=0).efficiency == 1
    assert drain([(0, 10), (10, 5), (20, 0)], [(0, 10), (10, 5)], [], start=0).efficiency == 1


def test_calls_beyond_a_lowered_limit_count_as_full_use() -> None:
    assert drain([(0, 10), (20, 0)], [(0, 5)], [], start=0).efficiency == 1


def test_outage_does_not_reduce_efficiency() -> None:
    found = drain([(0, 10), (10, 0), (16, 10), (26, 0)], TEN, [(10, 16)], start=0)
    assert (found.ideal_seconds, found.measured_seconds, found.efficiency) == (26, 26, 1)


def test_idle_seconds_after_an_outage_count() -> None:
    found = drain([(0, 10), (10, 0), (20, 10), (30, 0)], TEN, [(10, 16)], start=0)
    assert (found.ideal_seconds, found.measured_seconds) == (26, 30)


def test_slot_of_a_lost_call_counts_as_used() -> None:
    held = [(0, 10), (4, 9), (6, 10), (10, 0)]
    assert drain(held, TEN, [], start=0, kept=[(4, 6)]).efficiency == 1
    assert drain(held, TEN, [], start=0).efficiency < 1


def test_call_lost_after_its_timeout_reserves_no_slot() -> None:
    assert drain([(0, 5), (10, 0)], TEN, [], start=0, kept=[(8, 6)]).efficiency == 0.5


def test_run_without_calls_has_efficiency_zero() -> None:
    assert drain([], TEN, [], start=3).efficiency == 0
