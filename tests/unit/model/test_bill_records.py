"""What the comparison with usage records keeps between its runs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backdrop.model.bill_records import (
    HOUR,
    MAX_KEPT_CORRECTIONS,
    TIME_LIMIT_MEMORY,
    BillState,
    Correction,
    KeyUse,
    MissingCharge,
    UsageHour,
    UsageLine,
)
from backdrop.model.usage_records import add_read

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG, SHORT = timedelta(minutes=14), timedelta(minutes=3)
OWN, SHARED, OTHER = KeyUse.OWN, KeyUse.SHARED, KeyUse.OTHER


def line(key: str, quantity: int = 1) -> UsageLine:
    return UsageLine(endpoint="/v1/x", key_id=key, unit_price=60_000, quantity=quantity, cost=60_000 * quantity)


def test_time_limit_that_was_lowered_counts_as_long_as_its_calls_are_compared() -> None:
    state = BillState().with_time_limit(LONG, NOON)
    assert state.with_time_limit(SHORT, NOON + TIME_LIMIT_MEMORY - HOUR).time_limit == LONG
    assert state.with_time_limit(SHORT, NOON + TIME_LIMIT_MEMORY).time_limit == SHORT
    assert BillState().with_time_limit(SHORT, NOON).with_time_limit(LONG, NOON + HOUR).time_limit == LONG


def test_accepted_charges_add_up() -> None:
    one = MissingCharge(endpoint="/v1/x", unit_price=60_000, first_hour=NOON, last_hour=NOON, count=1)
    state = BillState(accepted_charges=(one,), missing_charges=(replace(one, count=2),), stopped_hour=NOON)
    accepted = state.with_missing_charges_accepted()
    assert sum(one.count for one in accepted.accepted_charges) == 3
    assert (accepted.missing_charges, accepted.stopped_hour) == ((), None)


@pytest.mark.parametrize(
    ("earlier", "now", "is_other"),
    [
        ({"k1": OWN}, {"k1": OWN, "k3": OTHER}, False),
        ({"k1": OWN}, {"k1": OWN, "k3": OWN}, False),
        ({"k1": OWN}, {"k1": OWN, "k2": OTHER}, False),
        ({"k1": OWN, "k2": OTHER}, {"k1": OWN, "k2": OWN}, True),
        ({"k1": OWN}, {"k1": SHARED}, True),
        ({"k1": OWN}, {"k1": OTHER}, True),
        ({"k1": OWN}, {}, True),
    ],
)
def test_hour_means_something_else_if_a_key_of_its_lines_does(
    earlier: dict[str, KeyUse], now: dict[str, KeyUse], is_other: bool
) -> None:
    hour = UsageHour(start=NOON, lines=(line("k1"), line("k2")), unchanged_since=NOON, last_read_at=NOON)
    assert hour.has_other_meaning(earlier, now) is is_other


def test_read_that_began_before_the_last_one_is_ignored() -> None:
    """Two runs may overlap, and the one that began first may be the last to store what it read."""
    hour = add_read(None, NOON, (line("k1", 2),), NOON + 2 * HOUR)
    assert add_read(hour, NOON, (line("k1"),), NOON + HOUR) == hour


def test_many_corrections_are_kept() -> None:
    found = [
        Correction(
            source_id="s",
            job_id=f"job{n}",
            n=1,
            found_at=NOON,
            hours=(NOON,),
            amount=1,
            was="charged",
            was_resent=False,
        )
        for n in range(MAX_KEPT_CORRECTIONS + 1)
    ]
    assert BillState().with_corrections(found).corrections == tuple(found[1:])
