"""What the comparison with usage records keeps between its runs."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backdrop.model.bill_records import (
    CORRECTION_REPORT_PERIOD,
    HOUR,
    BillState,
    Correction,
    KeyUse,
    MissingCharge,
    UsageHour,
    UsageLine,
)
from backdrop.model.codec import to_json
from backdrop.model.usage_records import add_read

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OWN, SHARED, OTHER = KeyUse.OWN, KeyUse.SHARED, KeyUse.OTHER


def line(key: str, quantity: int = 1) -> UsageLine:
    return UsageLine(endpoint="/v1/x", key_id=key, unit_price=60_000, quantity=quantity, cost=60_000 * quantity)


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


def correction(n: int, *, was_resent: bool = False) -> Correction:
    """The largest one: S3 keys have up to 1,024 bytes."""
    return Correction(
        source_id="s" * 26,
        job_id=f"{n:026}",
        n=1,
        found_at=NOON,
        first_hour=NOON,
        last_hour=NOON + 167 * HOUR,
        amount=60_000,
        was="not_charged",
        was_resent=was_resent,
        bucket="b" * 63,
        key="k" * 1024,
    )


def test_corrections_always_fit_and_those_of_resent_calls_stay() -> None:
    resent = correction(0, was_resent=True)
    state = BillState().with_corrections([resent, *map(correction, range(1, 1000))], NOON)
    assert len(to_json(state)) < 250_000
    assert resent in state.corrections
    assert len(state.corrections) + state.corrections_left_out == 1000
    later = state.with_corrections([correction(1000)], NOON + CORRECTION_REPORT_PERIOD)
    assert (len(later.corrections), later.corrections_left_out) == (1, 0)
